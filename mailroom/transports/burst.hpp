#pragma once
// Tells frames that follow each other closely from a lone one: those of a burst are gathered and leave together, a lone one at once.

#include <algorithm>
#include <chrono>

namespace mailroom {

/// One thread at a time.
class burst {
public:
  using clock = std::chrono::steady_clock;

  /// A frame follows closely where it comes sooner than a system call and a half after the one before.
  static constexpr std::chrono::microseconds gap{4};

  /// So many in a row are a burst.
  static constexpr int length = 8;

  /// Counts a frame; returns whether it belongs to a burst.
  bool goes_on(clock::time_point now = clock::now()) noexcept {
    close_ones_ = now - last_ < gap ? std::min(close_ones_ + 1, length) : 0;
    last_ = now;
    return close_ones_ == length;
  }

private:
  clock::time_point last_{};
  int close_ones_ = 0;
};

} // namespace mailroom
