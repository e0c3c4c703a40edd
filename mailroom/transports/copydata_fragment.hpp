#pragma once
// What one WM_COPYDATA message says, as bytes, and what its receiver answers. A connection is a stream of bytes each way, which travels in numbered
// pieces; each message carries the token that its receiver gave to this peer alone. The same on every system, so that it is tested on every one.

#include <mailroom/runtime/frame.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace mailroom {

/// Given to one peer, by a message to the window that it names: whoever has it owns that window.
using copydata_token = std::array<std::byte, 16>;

enum class copydata_kind : std::uint8_t {
  connect = 1, ///< to a named window, with an introduction and no token: may I?
  accept,      ///< the first message of who was called, with its introduction
  data,        ///< some bytes of the stream
  ask,         ///< tell me with `room` once you have read everything
  room,        ///< everything was read: there is room again
  probe,       ///< did the message with this number arrive? Has no number of its own
  close        ///< the last message; has none either, since the sender may not know which one is due
};

/// Where to send to, and the token to send with.
struct copydata_introduction {
  std::uint64_t window = 0;
  copydata_token token{};
};

struct copydata_fragment {
  copydata_kind kind = copydata_kind::data;
  copydata_token token{};
  std::uint64_t sequence = 0;
  std::span<const std::byte> payload{};
};

constexpr std::size_t copydata_header_size = 32;
constexpr std::size_t copydata_introduction_size = 24;
constexpr std::size_t copydata_max_payload = std::size_t{256} << 10; // a receiver may not survive more than 1 MiB

/// In the place that Windows has for it: not meant for us where it is anything else.
constexpr std::uint32_t copydata_magic = 0x3144434d; // "MCD1"

/// Replaces what `out` holds.
void write_fragment(byte_buffer& out, const copydata_fragment& what);

/// The payload is a view of `message`. Nothing where that is not as `write_fragment` writes it.
std::optional<copydata_fragment> read_fragment(std::span<const std::byte> message);

std::array<std::byte, copydata_introduction_size> write_introduction(const copydata_introduction& what);
std::optional<copydata_introduction> read_introduction(std::span<const std::byte> payload);

enum class copydata_verdict : std::uint8_t {
  unknown,      ///< what a window says that is none of ours
  taken,        ///< mine now
  full,         ///< not taken; `room` will follow
  gone,         ///< nobody here has that token, or not any more
  out_of_order, ///< not taken: another number was due
  seen,         ///< to `probe`: it arrived
  unseen        ///< to `probe`: it did not
};

/// The result of the window procedure.
struct copydata_answer {
  copydata_verdict verdict = copydata_verdict::unknown;
  std::size_t unread = 0; ///< bytes of this stream that wait at the receiver
};

std::intptr_t pack(const copydata_answer& what) noexcept;
copydata_answer unpack(std::intptr_t result) noexcept;

} // namespace mailroom
