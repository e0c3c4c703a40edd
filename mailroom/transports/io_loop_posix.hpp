#pragma once
// The I/O role on POSIX: epoll for descriptors, an eventfd for posted jobs, and a timerfd as the alarm by which the standing-by thread
// learns that a ready job takes long. An idle system sleeps without a single wake-up.

#include <mailroom/runtime/io_loop.hpp>
#include <mailroom/runtime/system_call_posix.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace mailroom {

/// What hears about a descriptor. Called on the thread that holds the role.
class io_handler {
public:
  virtual ~io_handler() = default;
  virtual void on_ready(std::uint32_t events) = 0;

  // for one that was made hot by `keep_hot`
  /// Does what there is to do; returns whether there was anything.
  virtual bool poll() { return false; }
  /// Nobody polls any more. Returns whether there was something to do after all.
  virtual bool cool() { return false; }
};

class io_loop_posix final : public io_loop {
public:
  using handle = std::uint64_t;

  /// Throws `failure`.
  io_loop_posix();
  ~io_loop_posix() override;

  void stop() override;
  void post(job what) override;
  timer after(std::chrono::milliseconds delay, job what) override;
  void cancel(timer which) override;
  bool here() const noexcept override;
  void offer(const ready_job& what) override;

  /// Watches `native` for `events` (epoll's) and keeps `target` alive until `remove`. Any thread.
  expected<handle> add(int native, std::uint32_t events, std::shared_ptr<io_handler> target);
  void change(handle which, int native, std::uint32_t events) noexcept;
  void remove(handle which, int native) noexcept;

  /// Polls `target` instead of sleeping, until nothing came for `longest`. The last one asked for is it. Only where `here()`.
  void keep_hot(std::shared_ptr<io_handler> target, std::chrono::microseconds longest);

private:
  using clock = std::chrono::steady_clock;
  using timer_queue = std::multimap<clock::time_point, std::pair<timer, job>>;

  void run(int me);
  void lead(int me);
  void stand_by(int me);
  void wake() noexcept;
  void set_alarm(std::chrono::nanoseconds delay) noexcept;
  void rest_alarm() noexcept;
  void watch_job(clock::time_point now) noexcept;
  int timeout();
  void run_posted();
  void run_timers();
  bool run_ready(int me);
  bool run_one(int me, const ready_job& what, clock::time_point now);
  void wait_for_the_other(clock::time_point now);
  bool poll_hot();
  void hand_over_all();
  void drop_everything();

  file_descriptor epoll_;
  file_descriptor wake_;
  file_descriptor alarm_;
  file_descriptor stop_;
  std::atomic<bool> stopping_{false};

  std::mutex handlers_mutex_;
  std::unordered_map<handle, std::shared_ptr<io_handler>> handlers_;
  handle last_handle_ = 0;

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
  std::atomic<clock::rep> running_since_{0};
  std::atomic<bool> alarm_set_{false};

  // touched by the holder only
  std::deque<ready_job> ready_;
  clock::time_point alone_since_{};
  clock::time_point alarm_began_{};
  int jobs_of_alarm_ = 0;
  bool jobs_are_close_ = false;
  std::shared_ptr<io_handler> hot_;
  std::chrono::microseconds hot_longest_{0};
  std::vector<std::thread> threads_;
};

} // namespace mailroom
