#include <mailroom/transports/io_role.hpp>

#include <mailroom/transports/adaptive_spin.hpp>

#include <algorithm>

namespace mailroom {

namespace {

thread_local const io_role* role_of_this_thread = nullptr;

/// Instead of the time at which a job began: the role went to the other thread meanwhile, which runs none before that job has ended.
constexpr std::chrono::steady_clock::rep taken = -1;

} // namespace

void io_role::start_threads() {
  try {
    for (int me = 0; me < threads; ++me)
      threads_.emplace_back([this, me] { run(me); });
  } catch (...) {
    stopping_ = true;
    wake();
    end_alarm();
    for (auto& each : threads_)
      each.join();
    throw;
  }
}

void io_role::stop() {
  if (threads_.empty())
    return;
  stopping_ = true;
  wake();
  end_alarm();
  for (auto& each : threads_)
    each.join();
  threads_.clear();
  ready_.insert(ready_.end(), returned_.begin(), returned_.end());
  returned_.clear();
  hand_over_all();
  drop_everything();
}

/// Outside the locks: what is dropped may hold the last reference to something that posts again.
void io_role::drop_everything() {
  std::vector<job> posted;
  timer_queue timers;
  {
    std::lock_guard guard{jobs_mutex_};
    posted.swap(posted_);
    timers.swap(timers_);
    timers_by_id_.clear();
  }
  hot_.reset();
  forget_handlers();
}

void io_role::post(job what) {
  bool first = false;
  {
    std::lock_guard guard{jobs_mutex_};
    if (stopping_)
      return;
    first = posted_.empty();
    posted_.push_back(std::move(what));
  }
  if (first && !here())
    wake();
}

io_loop::timer io_role::start_timer(std::chrono::microseconds delay, job what) {
  auto at = clock::now() + delay;
  timer result = 0;
  bool earliest = false;
  {
    std::lock_guard guard{jobs_mutex_};
    if (stopping_)
      return 0;
    result = ++last_timer_;
    auto position = timers_.emplace(at, std::pair{result, std::move(what)});
    timers_by_id_.emplace(result, position);
    earliest = position == timers_.begin();
  }
  if (earliest && !here())
    wake();
  return result;
}

void io_role::cancel(timer which) {
  job forgotten; // let go of outside the lock
  std::lock_guard guard{jobs_mutex_};
  auto found = timers_by_id_.find(which);
  if (found == timers_by_id_.end())
    return;
  forgotten = std::move(found->second->second.second);
  timers_.erase(found->second);
  timers_by_id_.erase(found);
}

bool io_role::here() const noexcept {
  return role_of_this_thread == this;
}

void io_role::offer(const ready_job& what) {
  ready_.push_back(what);
}

// -- the role -----------------------------------------------------------------------------------------------------------------

void io_role::run(int me) {
  while (!stopping_) {
    bool leading = false;
    {
      std::lock_guard guard{role_mutex_};
      leading = holder_ == me;
    }
    if (leading)
      lead();
    else
      stand_by(me);
  }
}

void io_role::lead() {
  role_of_this_thread = this;
  // while a hot handler has work, the others are looked at now and then
  constexpr int hot_rounds = 16;
  for (int round = 0; !stopping_; ++round) {
    auto busy = poll_hot();
    if (!busy || round % hot_rounds == 0) {
      auto longest = busy ? std::chrono::microseconds{0} : timeout();
      if (longest != std::chrono::microseconds{0})
        rest_alarm();
      wait_for_events(longest);
    }
    // whoever reads much goes on by a posted job: what he has read so far comes first
    if (!run_ready())
      break;
    run_posted();
    run_timers();
    if (!run_ready())
      break;
  }
  role_of_this_thread = nullptr;
}

std::optional<std::chrono::microseconds> io_role::timeout() {
  constexpr std::chrono::microseconds none{0};
  std::lock_guard guard{jobs_mutex_};
  if (!posted_.empty() || !ready_.empty())
    return none;
  if (timers_.empty())
    return std::nullopt;
  // round up: a timer that wakes early would only spin
  auto left = std::chrono::ceil<std::chrono::microseconds>(timers_.begin()->first - clock::now());
  return std::clamp<std::chrono::microseconds>(left, none, std::chrono::hours{1});
}

void io_role::run_posted() {
  std::vector<job> jobs;
  {
    std::lock_guard guard{jobs_mutex_};
    jobs.swap(posted_);
  }
  for (auto& each : jobs)
    each();
}

void io_role::run_timers() {
  auto now = clock::now(); // a timer that sets itself again at once waits for the next round
  for (;;) {
    job due;
    {
      std::lock_guard guard{jobs_mutex_};
      if (timers_.empty() || timers_.begin()->first > now)
        return;
      due = std::move(timers_.begin()->second.second);
      timers_by_id_.erase(timers_.begin()->second.first);
      timers_.erase(timers_.begin());
    }
    due();
  }
}

void io_role::keep_hot(std::shared_ptr<hot_handler> target, std::chrono::microseconds longest) {
  hot_longest_ = longest;
  if (hot_ == target)
    return;
  if (auto before = std::exchange(hot_, std::move(target)))
    post([before] { before->cool(); });
}

/// Returns whether the hot handler had something to do.
bool io_role::poll_hot() {
  constexpr int polls_between_clocks = 16;
  if (!hot_)
    return false;
  auto target = hot_;
  auto until = clock::now() + hot_longest_;
  do {
    for (int i = 0; i < polls_between_clocks; ++i) {
      if (target->poll())
        return true;
      adaptive_spin::relax();
    }
  } while (clock::now() < until && !stopping_);
  hot_.reset();
  return target->cool();
}

void io_role::hand_over_all() {
  for (auto& each : ready_)
    each.hand_over(each.context, each.subject);
  ready_.clear();
}

/// Wakes the thread that stands by once `delay` has passed; does nothing where that is set already.
void io_role::set_alarm(std::chrono::nanoseconds delay) noexcept {
  if (!alarm_set_ && !alarm_set_.exchange(true))
    set_alarm_clock(delay);
}

/// Before the role sleeps: an alarm that goes off meanwhile would wake a thread for nothing. Where jobs follow each other closely that happens
/// once a millisecond at most, and is cheaper than two system calls for each job.
void io_role::rest_alarm() noexcept {
  if (jobs_are_close_ || !alarm_set_)
    return;
  set_alarm_clock({});
  alarm_set_ = false;
}

/// Sets the alarm for a job that begins now.
void io_role::watch_job(clock::time_point now) noexcept {
  constexpr int several = 2;
  if (!alarm_set_) {
    jobs_are_close_ = jobs_of_alarm_ >= several || now - alarm_began_ < patience;
    alarm_began_ = now;
    jobs_of_alarm_ = 0;
  }
  ++jobs_of_alarm_;
  running_since_ = now.time_since_epoch().count();
  set_alarm(patience);
}

/// Runs what is ready, one after the other, while that is quick, or each is light: then it costs less than to change threads. What is left is
/// better off in parallel. Returns whether this thread still holds the role.
bool io_role::run_ready() {
  constexpr std::chrono::microseconds quick{200};
  constexpr std::chrono::microseconds light{5};
  constexpr std::chrono::microseconds longest{800};
  bool alone = false;
  {
    std::lock_guard guard{role_mutex_};
    alone = other_away_;
    ready_.insert(ready_.end(), returned_.begin(), returned_.end());
    returned_.clear();
  }
  if (ready_.empty())
    return true;
  auto begin = clock::now();
  if (alone) {
    wait_for_the_other(begin);
    return true;
  }
  alone_since_ = {};
  int done = 0;
  for (auto left = ready_.size(); left > 0; --left, ++done) {
    auto next = ready_.front();
    ready_.pop_front();
    auto now = clock::now();
    // the first one has not waited for another
    if (auto took = now - begin; done > 0 && took > quick && (took > longest || took > done * light))
      next.hand_over(next.context, next.subject);
    else if (!run_one(next, now))
      return false;
  }
  return true;
}

/// With nobody standing by, nothing may hold the role up. But the other one may be back in a moment.
void io_role::wait_for_the_other(clock::time_point now) {
  constexpr std::chrono::microseconds moment{100};
  if (alone_since_ == clock::time_point{})
    alone_since_ = now;
  if (now - alone_since_ > moment)
    hand_over_all();
}

/// Returns whether this thread still holds the role: where not, what else is ready is the new holder's.
bool io_role::run_one(const ready_job& what, clock::time_point now) {
  watch_job(now);
  role_of_this_thread = nullptr; // what the job sends is not part of a round of frames
  auto goes_on = what.run(what.context, what.subject, now);
  if (running_since_.exchange(0) == taken) {
    std::unique_lock guard{role_mutex_};
    other_away_ = false;
    if (goes_on)
      returned_.push_back(what); // most likely another program had the core meanwhile
    guard.unlock();
    if (goes_on)
      wake();
    return false;
  }
  role_of_this_thread = this;
  if (goes_on)
    ready_.push_back(what); // the others have their turn first
  return true;
}

void io_role::stand_by(int me) {
  wait_for_alarm();
  if (stopping_)
    return;
  alarm_set_ = false;
  auto since = running_since_.load();
  if (since == 0)
    return;
  auto left = patience - (clock::now().time_since_epoch() - clock::duration{since});
  if (left > clock::duration::zero()) {
    set_alarm(left);
    return;
  }
  std::lock_guard guard{role_mutex_};
  // only for the very job that was seen to take long: the role may have moved on since
  if (!running_since_.compare_exchange_strong(since, taken))
    return;
  holder_ = me;
  other_away_ = true;
}

} // namespace mailroom
