#pragma once
// The I/O role of a system: one thread at a time waits for all its connections, reads them and passes frames on. There are two threads
// for it. The one that holds the role may run an actor that became ready itself, which saves a hand-over; when that takes longer than
// a millisecond the other one takes the role over, so that a slow handler never stops the I/O of others.

#include <mailroom/runtime/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace mailroom {

class io_loop {
public:
  using job = std::function<void()>;
  using timer = std::uint64_t;

  /// Something that became ready to run and may take its time.
  struct ready_job {
    /// Here and now, which is `began`; returns whether it wants to go on.
    bool (*run)(void* context, void* subject, std::chrono::steady_clock::time_point began) = nullptr;
    void (*hand_over)(void* context, void* subject) = nullptr; ///< give it to somebody else
    void* context = nullptr;
    void* subject = nullptr;
  };

  /// How many threads can hold the role, and how long a ready job may keep it.
  static constexpr int threads = 2;
  static constexpr std::chrono::milliseconds patience{1};

  /// Starts the threads. Fails with `system_error`.
  static expected<std::unique_ptr<io_loop>> make();

  virtual ~io_loop() = default;

  /// Stops and joins both threads; what was posted and did not run is dropped, now and later. Not from a job.
  virtual void stop() = 0;

  /// Runs `what` on the thread that holds the role, after what was posted before. Any thread. It must not block.
  virtual void post(job what) = 0;

  /// Runs `what` like `post` once `delay` has passed; on Windows, and on Linux before 5.11, up to a millisecond later. Any thread.
  template <class Rep, class Period> timer after(std::chrono::duration<Rep, Period> delay, job what) {
    constexpr std::chrono::hours longest{24 * 365}; // beyond that is never, and must not overflow
    if (delay <= delay.zero())
      return start_timer(std::chrono::microseconds{0}, std::move(what));
    return start_timer(delay < longest ? std::chrono::ceil<std::chrono::microseconds>(delay) : longest,
                       std::move(what));
  }

  /// Forgets a timer; nothing happens where it has run.
  virtual void cancel(timer which) = 0;

  /// Runs `what` like `post` once process `pid` has ended, at once where it has already. Fails with `system_error` where the system cannot
  /// tell. Any thread.
  virtual expected<void> when_gone(std::uint32_t pid, job what) = 0;

  /// Whether the calling thread holds the role right now.
  virtual bool here() const noexcept = 0;

  /// Runs `what` after the current round of frames: here, while what is ready is quick and the other thread stands by, else handed
  /// over. Only where `here()`.
  virtual void offer(const ready_job& what) = 0;

private:
  virtual timer start_timer(std::chrono::microseconds delay, job what) = 0;
};

} // namespace mailroom
