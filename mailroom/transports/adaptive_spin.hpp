#pragma once
// Waiting a few microseconds by looking again and again, where that mostly pays: to sleep and be woken costs more. What did not pay lately is
// tried seldom.

#include <algorithm>
#include <chrono>
#include <utility>

namespace mailroom {

/// One thread at a time.
class adaptive_spin {
public:
  using clock = std::chrono::steady_clock;

  /// `longest`: of one wait; 0 never spins.
  explicit adaptive_spin(std::chrono::microseconds longest) noexcept : longest_{longest} {}

  /// Looks until `ready()`; returns whether it was in time. Not without a look.
  template <class Ready> bool wait(Ready ready) {
    if (ready())
      return true;
    if (!worth_it())
      return false;
    auto until = clock::now() + longest_;
    do {
      for (int i = 0; i < looks_between_clocks; ++i) {
        relax();
        if (ready()) {
          paid();
          return true;
        }
      }
    } while (clock::now() < until);
    failed();
    return false;
  }

  /// The same under a lock, which is held during each look and let go between them.
  template <class Lock, class Ready> bool wait_unlocked(Lock& lock, Ready ready) {
    return wait([&, first = true]() mutable {
      if (!std::exchange(first, false)) {
        lock.unlock();
        relax();
        lock.lock();
      }
      return ready();
    });
  }

  /// For one who looks by himself: whether the next wait should spin, and what came of it.
  bool worth_it() noexcept {
    if (longest_.count() == 0)
      return false;
    if (credit_ > 0)
      return true;
    return ++skipped_ % one_in == 0;
  }
  void paid() noexcept { credit_ = std::min(credit_ + 2, most_credit); }
  void failed() noexcept { credit_ = std::max(credit_ - 1, 0); }

  std::chrono::microseconds longest() const noexcept { return longest_; }

  /// Tells the processor that this is a loop that waits.
  static void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    asm volatile("yield");
#endif
  }

private:
  static constexpr int looks_between_clocks = 32;
  static constexpr int most_credit = 16;
  static constexpr unsigned one_in = 64;

  std::chrono::microseconds longest_;
  int credit_ = most_credit / 2;
  unsigned skipped_ = 0;
};

} // namespace mailroom
