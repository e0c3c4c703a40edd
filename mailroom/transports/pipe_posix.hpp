#pragma once
// `pipe` on POSIX: a Unix-domain stream socket NAME.sock in the runtime directory. Who is at the other end comes from the kernel:
// the user by SO_PEERCRED, the death by end of file and by a pidfd, which a forked child that keeps the socket open cannot hide.

#include <mailroom/transports/io_loop_posix.hpp>

#include <mailroom/runtime/transport.hpp>

namespace mailroom {

std::unique_ptr<transport> make_pipe(io_loop_posix& loop, const transport_limits& limits, notice say);

/// The same socket, by which two processes agree on memory to share; the bytes go through that. Where they cannot, they go through the
/// socket. `offers`: on the connections that this process opens; on those of others it accepts in any case.
std::unique_ptr<transport> make_shared_memory(io_loop_posix& loop, const transport_limits& limits, notice say,
                                              std::chrono::microseconds longest_spin, bool offers = true);

} // namespace mailroom
