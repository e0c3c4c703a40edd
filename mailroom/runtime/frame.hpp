#pragma once
// The bytes that travel between two processes, as docs/wire_format.md describes them: a frame is a header of 16 bytes and a body.
// This file knows how to cut and build frames; what a body means to actors is the codec's and the session's business.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/bytes.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mailroom {

inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::size_t frame_header_size = 16;

/// The largest body before the handshake is done.
inline constexpr std::size_t max_hello = 4096;

/// What a frame says. The numbers travel.
enum class frame_kind : std::uint8_t {
  hello = 1,   ///< the connecting side: who it is and whom it wants
  welcome = 2, ///< the accepting side: who it is; the session begins
  refuse = 3,  ///< the accepting side: why not
  message = 4, ///< a message that wants no reply
  request = 5, ///< a message that wants one reply under `id`
  reply = 6,   ///< the reply to `id`
  failure = 7, ///< the error that ends request `id`
  watch = 8,   ///< tell me when this mailbox is gone
  down = 9,    ///< a watched mailbox is gone
  link = 10,   ///< link a mailbox of mine with one of yours
  unlink = 11,
  exit = 12, ///< an exit message
  ping = 13, ///< are you there
  pong = 14,
  goodbye = 15, ///< nothing follows: the sender stops
  // foreseen, and only for peers that announce the feature: see docs/wire_format.md
  chunk = 16,  ///< a piece of a large message
  credit = 17, ///< room in a mailbox
  // between the transports of both sides, before the hello and the welcome: see docs/wire_format.md
  ring_offer = 18, ///< the connecting side: a shared segment, whose descriptor comes with it
  ring_begin = 19, ///< what follows from this side comes through the segment
  ring_refuse = 20 ///< the accepting side: why it stays with the socket
};

/// Whether this version handles frames of `kind`.
bool known(frame_kind kind) noexcept;

/// Flags of a frame.
inline constexpr std::uint8_t flag_urgent = 1; ///< CAF's high priority
inline constexpr std::uint8_t known_flags = flag_urgent;

/// The fixed part of each frame, little endian: body length (u32), kind (u8), flags (u8), reserved (u16, 0), id (u64).
struct frame_header {
  std::uint32_t size = 0;
  frame_kind kind{};
  std::uint8_t flags = 0;
  std::uint64_t id = 0;
};

/// A whole frame in somebody else's buffer: valid during the call that hands it over.
struct frame_view {
  frame_header header;
  std::span<const std::byte> body;
};

/// The header at the front of `data`, which holds at least `frame_header_size` bytes. Fails where the reserved part is not 0, a flag is
/// unknown, or the body is larger than `max_body`: what follows cannot be trusted then.
expected<frame_header> read_header(std::span<const std::byte> data, std::size_t max_body);

/// How many bytes the frame at the front of `frames` takes, where they are our own: nothing is checked but that it ends with them.
std::size_t frame_size(std::span<const std::byte> frames) noexcept;

/// An empty buffer of this thread to build a frame in, which keeps its memory from one frame to the next. Until the thread asks again.
byte_buffer& scratch_buffer();

namespace detail {

template <class T> std::array<std::byte, sizeof(T)> little_endian(T value) noexcept {
  std::array<std::byte, sizeof(T)> bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes[i] = static_cast<std::byte>(value >> (8 * i));
  return bytes;
}

} // namespace detail

/// Builds one frame at the end of `target`; the size is filled in by `finish` (or the destructor's absence is a bug).
class frame_writer {
public:
  frame_writer(byte_buffer& target, frame_kind kind, std::uint64_t id = 0, std::uint8_t flags = 0);

  void u8(std::uint8_t value) { target_.push_back(std::byte{value}); }
  void u16(std::uint16_t value) { number(value); }
  void u32(std::uint32_t value) { number(value); }
  void u64(std::uint64_t value) { number(value); }

  /// At most 255, or 65535, bytes with their length in front.
  void text8(std::string_view value);
  void text16(std::string_view value);
  void raw(std::span<const std::byte> value) { target_.insert(target_.end(), value.begin(), value.end()); }

  byte_buffer& target() noexcept { return target_; }
  std::size_t body_size() const noexcept { return target_.size() - begin_ - frame_header_size; }

  /// Writes the body's size into the header.
  void finish() noexcept;

  /// Takes the frame out of the buffer again.
  void discard() noexcept { target_.resize(begin_); }

private:
  template <class T> void number(T value) { raw(detail::little_endian(value)); }

  byte_buffer& target_;
  std::size_t begin_;
};

/// Reads a body front to back. A read beyond the end returns nothing and makes `ok` false for good.
class body_reader {
public:
  explicit body_reader(std::span<const std::byte> body) : rest_{body} {}

  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }
  std::string_view text8() { return text(u8()); }
  std::string_view text16() { return text(u16()); }
  std::span<const std::byte> raw(std::size_t size);
  std::span<const std::byte> rest() const noexcept { return rest_; }

  bool ok() const noexcept { return ok_; }

private:
  template <class T> T number() {
    auto bytes = raw(sizeof(T));
    T result = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
      result = static_cast<T>((std::uint64_t{result} << 8) | std::to_integer<std::uint64_t>(bytes[i]));
    return result;
  }
  std::string_view text(std::size_t size);

  std::span<const std::byte> rest_;
  bool ok_ = true;
};

/// A mailbox of the receiving process, by name or by number.
struct mailbox_ref {
  std::string_view name; ///< empty: by number
  std::uint64_t number = 0;
};

void write(frame_writer& out, const mailbox_ref& target);
mailbox_ref read_mailbox_ref(body_reader& in);

/// The part of a body before the payload that `message` and `request` share.
struct envelope {
  std::uint64_t sender = 0; ///< the sending mailbox's number in the connection's process; 0 for none
  mailbox_ref target;
};

void write(frame_writer& out, const envelope& head);
std::optional<envelope> read_envelope(body_reader& in);

} // namespace mailroom
