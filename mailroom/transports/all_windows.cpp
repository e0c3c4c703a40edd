// The transports of a Windows system.

#include <mailroom/transports/copydata_windows.hpp>
#include <mailroom/transports/memory.hpp>
#include <mailroom/transports/pipe_windows.hpp>

#include <algorithm>
#include <utility>
#include <windows.h>

namespace mailroom {

namespace {

/// With one core, who looks keeps the other side from writing.
bool has_cores_to_spin() {
  DWORD_PTR mine = 0;
  DWORD_PTR all = 0;
  return !::GetProcessAffinityMask(::GetCurrentProcess(), &mine, &all) || (mine & (mine - 1)) != 0;
}

} // namespace

std::vector<std::unique_ptr<transport>> make_transports(const config& settings, io_loop& loop, notice say) {
  transport_limits limits{settings.max_queued_bytes, settings.max_queued_messages, settings.handshake_timeout};
  auto& windows_loop = static_cast<io_loop_windows&>(loop);
  auto shares = std::ranges::count(settings.transports, transport_kind::shared_memory) > 0;
  auto has_pipe = false;
  std::vector<std::unique_ptr<transport>> result;
  for (auto kind : settings.transports) {
    if (kind == transport_kind::memory) {
      result.push_back(make_memory(loop, limits));
    } else if (kind == transport_kind::copydata) {
      result.push_back(make_copydata(windows_loop, limits, say));
    } else if (!std::exchange(has_pipe, true)) {
      // one pipe for both: who prefers shared memory offers it, who has it at all accepts it
      auto spin = has_cores_to_spin() ? settings.longest_spin : std::chrono::microseconds{0};
      auto offers = kind == transport_kind::shared_memory;
      result.push_back(shares ? make_shared_memory(windows_loop, limits, say, spin, offers)
                              : make_pipe(windows_loop, limits, say));
    }
  }
  return result;
}

} // namespace mailroom
