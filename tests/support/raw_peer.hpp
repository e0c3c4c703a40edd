#pragma once
// A process that speaks the wire format by hand, or pretends to: one end of a bare socket or named pipe.

#include <mailroom/runtime/frame.hpp>
#include <mailroom/runtime/handshake.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

namespace test {

struct raw_frame {
  mailroom::frame_header header;
  std::vector<std::uint8_t> body;
};

class raw_peer {
public:
  /// Connects to `process`. Throws where that fails.
  raw_peer(const std::filesystem::path& directory, const std::string& process);

  /// Takes the descriptor, or the HANDLE.
  explicit raw_peer(std::intptr_t native) : native_{native} {}
  ~raw_peer();
  raw_peer(raw_peer&& other) noexcept : native_{std::exchange(other.native_, -1)} {}
  raw_peer(const raw_peer&) = delete;

  std::intptr_t native_handle() const noexcept { return native_; }

  /// What the other side does not take any more is lost.
  void write(const mailroom::byte_buffer& bytes) const;

  /// Throws where none comes.
  raw_frame read_frame() const {
    mailroom::byte_buffer head(mailroom::frame_header_size);
    read(head);
    auto header = mailroom::read_header(head, std::size_t{1} << 20);
    if (!header)
      throw std::runtime_error{"not a frame"};
    mailroom::byte_buffer body(header->size);
    read(body);
    raw_frame result{*header, {}};
    for (auto each : body)
      result.body.push_back(std::to_integer<std::uint8_t>(each));
    return result;
  }

  /// Whether the other side closes the connection; what it writes before does not matter.
  bool closed_within(std::chrono::milliseconds time) const;

  // -- frames --------------------------------------------------------------------------------------------------------

  static mailroom::byte_buffer introduction(mailroom::frame_kind kind, std::string process, std::string wanted) {
    mailroom::introduction who;
    who.life = {1, std::random_device{}()};
    who.pid = mailroom::this_process_id();
    who.max_message = 1 << 20;
    who.process = std::move(process);
    who.wanted = std::move(wanted);
    return mailroom::write_introduction(kind, who);
  }

  static mailroom::byte_buffer hello(std::string process, std::string wanted) {
    return introduction(mailroom::frame_kind::hello, std::move(process), std::move(wanted));
  }

  static mailroom::byte_buffer frame(mailroom::frame_kind kind, std::uint64_t id, const mailroom::byte_buffer& body) {
    mailroom::byte_buffer result;
    mailroom::frame_writer out{result, kind, id};
    out.raw(body);
    out.finish();
    return result;
  }

  static mailroom::byte_buffer request(std::uint64_t id, std::string_view mailbox,
                                       const mailroom::byte_buffer& payload) {
    mailroom::byte_buffer result;
    mailroom::frame_writer out{result, mailroom::frame_kind::request, id};
    mailroom::write(out, mailroom::envelope{0, {mailbox, 0}});
    out.raw(payload);
    out.finish();
    return result;
  }

private:
  /// Throws where it does not come within five seconds.
  void read(mailroom::byte_buffer& target) const;

  std::intptr_t native_;
};

class raw_listener {
public:
  raw_listener(const std::filesystem::path& directory, const std::string& process);
  ~raw_listener();
  raw_listener(const raw_listener&) = delete;

  std::optional<raw_peer> accept(std::chrono::milliseconds patience);

private:
  std::string name_; ///< Windows: of the pipe
  std::intptr_t native_;
};

} // namespace test
