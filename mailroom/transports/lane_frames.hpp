#pragma once
// The frames by which two sides agree on a shared segment; they never leave the transport.

#include <mailroom/runtime/frame.hpp>

namespace mailroom::lane_frames {

/// The maker's offer: the descriptor goes with it.
byte_buffer offer(std::size_t capacity);

/// The maker's offer where the other side fetches the section itself, which has this number in the maker's process.
byte_buffer offer(std::size_t capacity, std::uint64_t section);

/// What follows from this side comes through the ring, and each byte beside it is a bell.
byte_buffer begin();

/// The offer is not taken, and why.
byte_buffer refuse(std::string_view why);

/// Whether `frame` is one of these.
bool are_these(std::span<const std::byte> frame) noexcept;

} // namespace mailroom::lane_frames
