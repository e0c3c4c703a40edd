#pragma once
// The process at the other end of a pipe or behind a window.

#include <mailroom/runtime/error.hpp>
#include <mailroom/runtime/system_call_windows.hpp>

#include <chrono>

namespace mailroom {

/// `process` may be missing: then nobody knows, and it has not.
bool has_ended(const handle& process);

/// Why the connection with it is over: it has ended, within `grace`, or has let go.
error why_gone(const handle& process, std::chrono::milliseconds grace = {});

} // namespace mailroom
