#pragma once
// What the figures were measured on, tying a process to a core, counting wake-ups, and whether somebody watches.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bench {

struct machine {
  std::string system; ///< kernel and version
  std::string processor;
  unsigned cores = 0;   ///< that this process may use
  std::string governor; ///< of the clock; "unknown" in most virtual machines
  std::optional<double>
    load; ///< runnable threads, the last minute's average: near 0 on a quiet machine; where the system tells
};

machine this_machine();

/// The cores that this process may use, in the system's numbering.
std::vector<int> usable_cores();

/// Ties the calling thread, and those it starts from here on, to one core. Throws `std::system_error`.
void pin_to(int core);

/// How often the threads of this process have slept and were woken, where the system counts that.
std::optional<std::uint64_t> wake_ups();

/// Whether standard error is a terminal.
bool watched();

} // namespace bench
