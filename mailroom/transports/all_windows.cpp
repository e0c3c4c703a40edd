// The transports of a Windows system.

#include <mailroom/transports/copydata_windows.hpp>
#include <mailroom/transports/memory.hpp>
#include <mailroom/transports/pipe_windows.hpp>

#include <utility>

namespace mailroom {

std::vector<std::unique_ptr<transport>> make_transports(const config& settings, io_loop& loop, notice say) {
  transport_limits limits{settings.max_queued_bytes, settings.max_queued_messages, settings.handshake_timeout};
  auto has_pipe = false;
  std::vector<std::unique_ptr<transport>> result;
  for (auto kind : settings.transports) {
    if (kind == transport_kind::shared_memory)
      say(level::warning, "no shared memory on Windows yet, the pipe will do");
    if (kind == transport_kind::memory)
      result.push_back(make_memory(loop, limits));
    else if (kind == transport_kind::copydata)
      result.push_back(make_copydata(static_cast<io_loop_windows&>(loop), limits, say));
    else if (!std::exchange(has_pipe, true)) // the pipe carries what shared memory would
      result.push_back(make_pipe(static_cast<io_loop_windows&>(loop), limits, say));
  }
  return result;
}

} // namespace mailroom
