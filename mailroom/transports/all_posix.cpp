// The transports of a POSIX system.

#include <mailroom/transports/memory.hpp>
#include <mailroom/transports/pipe_posix.hpp>

#include <algorithm>
#include <sched.h>

namespace mailroom {

namespace {

/// With one core, who looks keeps the other side from writing.
bool has_cores_to_spin() {
  cpu_set_t mine;
  return ::sched_getaffinity(0, sizeof(mine), &mine) != 0 || CPU_COUNT(&mine) > 1;
}

} // namespace

std::vector<std::unique_ptr<transport>> make_transports(const config& settings, io_loop& loop, notice say) {
  transport_limits limits{settings.max_queued_bytes, settings.max_queued_messages, settings.handshake_timeout};
  auto& posix_loop = static_cast<io_loop_posix&>(loop);
  auto& kinds = settings.transports;
  auto shares = std::ranges::count(kinds, transport_kind::shared_memory) > 0;
  auto has_socket = false;
  std::vector<std::unique_ptr<transport>> result;
  for (auto kind : kinds) {
    if (kind == transport_kind::copydata) {
      throw failure{error{errc::system_error, "transports", "copydata is for Windows only"}};
    } else if (kind == transport_kind::memory) {
      result.push_back(make_memory(loop, limits));
    } else if (!std::exchange(has_socket, true)) {
      // one socket for both: who prefers shared memory offers it, who has it at all accepts it
      auto spin = has_cores_to_spin() ? settings.longest_spin : std::chrono::microseconds{0};
      auto offers = kind == transport_kind::shared_memory;
      result.push_back(shares ? make_shared_memory(posix_loop, limits, say, spin, offers)
                              : make_pipe(posix_loop, limits, say));
    }
  }
  return result;
}

} // namespace mailroom
