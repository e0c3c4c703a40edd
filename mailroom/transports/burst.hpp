#pragma once
// Tells frames that follow each other closely from a lone one: those of a burst are gathered and leave together, a lone one at once.

#include <algorithm>
#include <chrono>
#include <utility>

namespace mailroom {

/// One thread at a time.
class burst {
public:
  using clock = std::chrono::steady_clock;

  /// A frame follows closely where it comes sooner than a system call and a half after the one before.
  static constexpr std::chrono::microseconds gap{4};

  /// So many in a row are a burst.
  static constexpr int length = 8;

  /// After this long nothing is left of a burst. A shorter pause is most often somebody else's turn on the core, such as that of the process that
  /// the last frame has woken, so it takes several of them to end one.
  static constexpr std::chrono::microseconds pause{200};

  /// What else counts as closely, where `wrote` is called: the time of a write is no part of it then, and may be as long.
  static constexpr std::chrono::microseconds gap_after_write{10};

  constexpr explicit burst(std::chrono::microseconds closely = gap) noexcept : closely_{closely} {}

  /// Counts a frame; returns whether it belongs to a burst. `lost_core()` says whether the thread was interrupted since it was asked last, and is asked
  /// only after a pause: then that was none of the sender's.
  template <class LostCore> bool goes_on(clock::time_point now, LostCore lost_core) noexcept {
    auto since = (now - last_) / (std::exchange(followers_, 0) + 1);
    last_ = now;
    if (since < closely_)
      close_ones_ = std::min(close_ones_ + 1, 2 * length);
    else if (close_ones_ > 0 && !lost_core())
      close_ones_ = since < pause ? std::max(close_ones_ - length / 2, 0) : 0;
    return is_on();
  }

  /// The same where each pause counts as the sender's.
  bool goes_on(clock::time_point now = clock::now()) noexcept {
    return goes_on(now, [] { return false; });
  }

  /// Whether the frame counted last belongs to a burst. Where what that gathers still waits, the next frame may `follow` without a look at the clock,
  /// which costs as much as much of a frame.
  bool is_on() const noexcept { return close_ones_ >= length; }
  void follow() noexcept { ++followers_; }

  /// The frame counted last was written by now. Who says so has the gap measured from here: where a write takes longer than the gap is, no frame would
  /// ever follow closely.
  void wrote(clock::time_point now = clock::now()) noexcept { last_ = now; }

private:
  std::chrono::microseconds closely_;
  clock::time_point last_{};
  int close_ones_ = 0;
  int followers_ = 0; // since the last look at the clock
};

} // namespace mailroom
