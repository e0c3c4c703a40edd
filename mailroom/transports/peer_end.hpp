#pragma once
// Why a connection is over that nobody here has closed.

#include <mailroom/runtime/error.hpp>

#include <chrono>
#include <optional>

namespace mailroom {

/// How long the system may take to say that a process is gone after its connection is: the two happen in one exit, microseconds apart unless the
/// machine is busy.
inline constexpr std::chrono::milliseconds grace_for_exit{50};

/// The peer lives, as far as anybody knows.
error connection_lost();

/// The peer has ended; how is not always known.
error peer_ended(const std::optional<process_exit>& how);

} // namespace mailroom
