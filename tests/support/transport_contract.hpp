#pragma once
// What the tests of the transports' contract share: each transport, frames in numbers, an end that is full or does not read.

#include <support/transport_world.hpp>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace test {

struct over_memory {
  static constexpr auto kind = mailroom::transport_kind::memory;
};
struct over_pipe {
  static constexpr auto kind = mailroom::transport_kind::pipe;
};
struct over_shared_memory {
  static constexpr auto kind = mailroom::transport_kind::shared_memory;
};
struct over_copydata {
  static constexpr auto kind = mailroom::transport_kind::copydata;
};

#ifdef _WIN32
#define EVERY_TRANSPORT over_memory, over_pipe, over_shared_memory, over_copydata
#else
#define EVERY_TRANSPORT over_memory, over_pipe, over_shared_memory
#endif

inline mailroom::transport_limits narrow() {
  auto result = transport_world::usual_limits();
  result.max_queued_bytes = 64 << 10;
  result.max_queued_messages = 100;
  return result;
}

inline const mailroom::error enough{mailroom::errc::cancelled, "test", "enough"};

inline bool is_lost(const mailroom::error& why) {
  return why.code() == mailroom::errc::process_down && why.why_down() == mailroom::down_cause::disconnected;
}

inline std::vector<byte_buffer> frames(std::size_t first, std::size_t count, std::size_t size = 8) {
  std::vector<byte_buffer> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(frame(first + i, size));
  return result;
}

inline std::vector<byte_buffer> operator+(std::vector<byte_buffer> left, const std::vector<byte_buffer>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline std::uint64_t id_of(const byte_buffer& frame) {
  return mailroom::read_header(frame, transport_world::admitted)->id;
}

inline byte_buffer header_that_announces(std::uint32_t size) {
  auto result = frame(1, 0);
  for (std::size_t i = 0; i < sizeof(size); ++i)
    result[i] = static_cast<std::byte>(size >> (8 * i));
  return result;
}

/// The accepting side does not read before the test says so.
inline void do_not_read(transport_world& world) {
  world.on_accept([](const end&) { return false; });
}

inline void begin_to_read(const end& which) {
  REQUIRE(which.link->start(which.heard));
}

/// Keeps the role of an I/O loop from everything else.
class held_role {
public:
  explicit held_role(mailroom::io_loop& loop) {
    loop.post([state = state_] {
      state->held.open();
      state->released.wait(60s);
    });
    REQUIRE(state_->held.wait());
  }
  ~held_role() { release(); }
  held_role(const held_role&) = delete;
  held_role& operator=(const held_role&) = delete;

  void release() { state_->released.open(); }

private:
  struct gates {
    gate held;
    gate released;
  };
  std::shared_ptr<gates> state_ = std::make_shared<gates>();
};

/// Sends frames of 1 KiB until one is not taken. Returns those that were.
inline std::vector<byte_buffer> fill(const end& from, std::uint64_t first = 0) {
  std::vector<byte_buffer> taken;
  for (std::uint64_t id = first; id < first + 10'000; ++id) {
    auto next = frame(id, 1024 - 16);
    if (from.send(next) != send_result::sent)
      return taken;
    taken.push_back(std::move(next));
  }
  return taken;
}

inline bool never() {
  return false;
}

} // namespace test
