#pragma once
// What the calling thread has had of the processor, as the system counts it: tells a thread that worked from one that was kept from working.

#include <chrono>
#include <cstdint>
#include <optional>

namespace mailroom {

struct thread_usage {
  std::chrono::microseconds worked{0}; ///< time on a core
  std::uint64_t waits = 0;             ///< how often it went to sleep by itself
  std::uint64_t interruptions = 0;     ///< how often another thread got its core

  /// Takes a system call. Nothing where the system does not count so finely.
  static std::optional<thread_usage> now() noexcept;
};

} // namespace mailroom
