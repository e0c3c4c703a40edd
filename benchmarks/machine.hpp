#pragma once
// What the figures were measured on, tying a process to a core, and whether somebody watches.

#include <string>
#include <vector>

namespace bench {

struct machine {
  std::string system; ///< kernel and version
  std::string processor;
  unsigned cores = 0;   ///< that this process may use
  std::string governor; ///< of the clock; "unknown" in most virtual machines
  double load = 0;      ///< runnable threads, the last minute's average: near 0 on a quiet machine
};

machine this_machine();

/// The cores that this process may use, in the system's numbering.
std::vector<int> usable_cores();

/// Ties the calling thread, and those it starts from here on, to one core. Throws `std::system_error`.
void pin_to(int core);

/// Whether standard error is a terminal.
bool watched();

} // namespace bench
