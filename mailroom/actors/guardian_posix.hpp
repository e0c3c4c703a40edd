#pragma once
// The process between this one and a program that it starts. The guardian is forked and executes nothing, so it brings no file of its own along. It
// is the reaper of the program and of all that descends from it, and the one that kills them: when the program has ended, when it is told to,
// and when the process that it works for is gone. Then it ends. If somebody kills the guardian, the kernel kills the program.

#include <mailroom/runtime/system_call_posix.hpp>

#include <cstdint>
#include <sys/types.h>

namespace mailroom {

/// What a guardian needs. The pointers must be good until `start_guardian` returns: the guardian has a copy of all memory.
struct guardian_orders {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* working_directory; ///< null: this process's
  std::uint64_t max_memory;      ///< 0: no limit

  int null;   ///< /dev/null: the program's standard input, and then all of the guardian's own
  int output; ///< what becomes the program's standard output and standard error
  int error_output;

  /// The guardian's end of a socket pair of packets: each packet asks the program to end, end of file kills.
  int keeper;
  int keeper_process; ///< a pidfd of this process
};

/// What is done until the program runs, and can fail.
enum class start_step : std::int32_t { descriptors, fork, limit, directory, execute };

/// From the guardian to the keeper, one a packet.
struct guardian_report {
  enum class kind : std::int32_t {
    started, ///< the program runs; its pid
    failed,  ///< it does not; start_step, errno. The guardian ends
    exited   ///< the program has ended; exit code, signal. The guardian ends when all that descends from it has, too
  };
  kind what;
  std::int32_t first;
  std::int32_t second;
};

struct guardian {
  pid_t pid = -1;            ///< below 0: errno says why there is none
  file_descriptor process{}; ///< its pidfd
};

/// Forks a guardian. It tells nobody of its end but the pidfd: no SIGCHLD, and no `wait` finds it that does not ask for it with __WALL. The calling
/// thread has all signals blocked.
guardian start_guardian(const guardian_orders& orders) noexcept;

} // namespace mailroom
