#pragma once
// `pipe` on Windows: a named pipe in byte mode, one instance for each connection.

#include <mailroom/transports/io_loop_windows.hpp>

#include <mailroom/runtime/transport.hpp>

namespace mailroom {

/// `loop` outlives the transport.
std::unique_ptr<transport> make_pipe(io_loop_windows& loop, const transport_limits& limits, notice say);

/// The same pipe, by which two processes agree on memory to share; the bytes go through that. Where they cannot, they go through the
/// pipe. `offers`: on the connections that this process opens; on those of others it accepts in any case.
std::unique_ptr<transport> make_shared_memory(io_loop_windows& loop, const transport_limits& limits, notice say,
                                              std::chrono::microseconds longest_spin, bool offers = true);

} // namespace mailroom
