#pragma once
// `pipe` on Windows: a named pipe in byte mode, one instance for each connection.

#include <mailroom/transports/io_loop_windows.hpp>

#include <mailroom/runtime/transport.hpp>

namespace mailroom {

/// `loop` outlives the transport.
std::unique_ptr<transport> make_pipe(io_loop_windows& loop, const transport_limits& limits, notice say);

} // namespace mailroom
