// The transports of a POSIX system.

#include <mailroom/transports/memory.hpp>
#include <mailroom/transports/pipe_posix.hpp>

namespace mailroom {

std::vector<std::unique_ptr<transport>> make_transports(const config& settings, io_loop& loop, notice say) {
  transport_limits limits{settings.max_queued_bytes, settings.max_queued_messages, settings.handshake_timeout};
  std::vector<std::unique_ptr<transport>> result;
  for (auto kind : settings.transports) {
    if (kind == transport_kind::memory)
      result.push_back(make_memory(loop, limits));
    else
      result.push_back(make_pipe(static_cast<io_loop_posix&>(loop), limits, say));
  }
  return result;
}

} // namespace mailroom
