#pragma once
// Something that happens once, and the threads that wait for it. On Windows of what the system itself waits by: MinGW makes its condition variables of
// semaphores, which are asked of the system and given back for each.

#include <mailroom/export.hpp>

#include <atomic>
#include <chrono>
#ifndef _WIN32
#include <condition_variable>
#include <mutex>
#endif

namespace mailroom {

class MAILROOM_EXPORT once_event {
public:
  bool happened() const noexcept { return happened_.load(std::memory_order_acquire); }

  /// Wakes all who wait. What was written before is seen by whoever finds that it has happened. Any thread, once.
  void happen();

  /// Waits until it has happened or `deadline`; returns `happened()`.
  bool wait_until(std::chrono::steady_clock::time_point deadline);

private:
  std::atomic<bool> happened_{false};
#ifdef _WIN32
  void* lock_ = nullptr; // an SRWLOCK and a CONDITION_VARIABLE
  void* changed_ = nullptr;
#else
  std::mutex mutex_;
  std::condition_variable changed_;
#endif
};

} // namespace mailroom
