#pragma once
// The I/O role as it is on every platform: who holds it, what was posted, timers, ready jobs, and the standby thread that takes it over from one
// who runs a job for long. How to sleep until something happens, and how to be woken, is what a platform's io_loop adds.

#include <mailroom/runtime/io_loop.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

namespace mailroom {

/// Something that may be looked at again and again instead of waiting for its event. On the thread that holds the role.
class hot_handler {
public:
  virtual ~hot_handler() = default;

  /// Does what there is to do; returns whether there was anything.
  virtual bool poll() { return false; }

  /// Nobody polls any more. Returns whether there was something to do after all.
  virtual bool cool() { return false; }
};

class io_role : public io_loop {
public:
  void stop() override;
  void post(job what) override;
  void cancel(timer which) override;
  bool here() const noexcept override;
  void offer(const ready_job& what) override;

  /// Polls `target` instead of sleeping, until nothing came for `longest`. The last one asked for is it. Only where `here()`.
  void keep_hot(std::shared_ptr<hot_handler> target, std::chrono::microseconds longest);

protected:
  using clock = std::chrono::steady_clock;

  /// By the constructor, last of all; `stop` must be called by the destructor. Throws `std::system_error`, with no thread left behind.
  void start_threads();

  bool stopping() const noexcept { return stopping_; }

  // -- what the platform does --------------------------------------------------------------------------------------------------

  /// Waits for events up to `longest` (nothing: for ever, 0: looks only), or a little longer, and tells those who wait for them. By the holder
  /// of the role.
  virtual void wait_for_events(std::optional<std::chrono::microseconds> longest) = 0;

  /// Ends `wait_for_events`, now or the next time. Any thread.
  virtual void wake() noexcept = 0;

  /// Makes `wait_for_alarm` return after `delay`; a delay of 0 takes that back. Any thread.
  virtual void set_alarm_clock(std::chrono::nanoseconds delay) noexcept = 0;

  /// Sleeps until the alarm, or `end_alarm`. By who stands by.
  virtual void wait_for_alarm() = 0;
  virtual void end_alarm() noexcept = 0;

  /// Lets go of whoever waits for events. After the threads have ended.
  virtual void forget_handlers() = 0;

private:
  using timer_queue = std::multimap<clock::time_point, std::pair<timer, job>>;

  timer start_timer(std::chrono::microseconds delay, job what) override;
  void run(int me);
  void lead();
  void stand_by(int me);
  void set_alarm(std::chrono::nanoseconds delay) noexcept;
  void rest_alarm() noexcept;
  void watch_job(clock::time_point now) noexcept;
  std::optional<std::chrono::microseconds> timeout();
  void run_posted();
  void run_timers();
  bool run_ready();
  bool run_one(const ready_job& what, clock::time_point now);
  void wait_for_the_other(clock::time_point now);
  bool poll_hot();
  void hand_over_all();
  void drop_everything();

  std::atomic<bool> stopping_{false};

  std::mutex jobs_mutex_;
  std::vector<job> posted_;
  timer_queue timers_;
  std::unordered_map<timer, timer_queue::iterator> timers_by_id_;
  timer last_timer_ = 0;

  // who holds the role, and whether the other one is still busy with a ready job from before
  std::mutex role_mutex_;
  int holder_ = 0;
  bool other_away_ = false;
  std::vector<ready_job> returned_; // by one who lost the role over them
  /// When the job that runs began; 0 for none, `taken` where the role went on without it.
  std::atomic<clock::rep> running_since_{0};
  std::atomic<bool> alarm_set_{false};

  // touched by the holder only
  std::deque<ready_job> ready_;
  clock::time_point alone_since_{};
  clock::time_point alarm_began_{};
  int jobs_of_alarm_ = 0;
  bool jobs_are_close_ = false;
  std::shared_ptr<hot_handler> hot_;
  std::chrono::microseconds hot_longest_{0};
  std::vector<std::thread> threads_;
};

} // namespace mailroom
