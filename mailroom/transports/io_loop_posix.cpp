#include <mailroom/transports/io_loop_posix.hpp>

#include <mailroom/transports/adaptive_spin.hpp>

#include <algorithm>
#include <array>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

namespace mailroom {

namespace {

thread_local const io_loop_posix* role_of_this_thread = nullptr;

constexpr std::uint64_t wake_handle = 0;

int checked(int result, const char* call) {
  if (result < 0)
    throw failure{system_failure(call, "I/O loop")};
  return result;
}

void set_counter(int eventfd) noexcept {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(eventfd, &one, sizeof(one));
}

void clear_counter(int descriptor) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(descriptor, &count, sizeof(count));
}

} // namespace

expected<std::unique_ptr<io_loop>> io_loop::make() {
  try {
    return std::make_unique<io_loop_posix>();
  } catch (const failure& what) {
    return tl::unexpected{what.why()};
  } catch (const std::system_error& what) {
    return tl::unexpected{system_failure("start a thread", "I/O loop", what.code().value())};
  }
}

io_loop_posix::io_loop_posix()
  : epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
    wake_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")},
    alarm_{checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")},
    stop_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")} {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_handle;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event), "epoll_ctl");
  try {
    for (int me = 0; me < threads; ++me)
      threads_.emplace_back([this, me] { run(me); });
  } catch (...) {
    stopping_ = true;
    wake();
    set_counter(stop_.get());
    for (auto& each : threads_)
      each.join();
    throw;
  }
}

io_loop_posix::~io_loop_posix() {
  stop();
}

void io_loop_posix::stop() {
  if (threads_.empty())
    return;
  stopping_ = true;
  wake();
  set_counter(stop_.get());
  for (auto& each : threads_)
    each.join();
  threads_.clear();
  ready_.insert(ready_.end(), returned_.begin(), returned_.end());
  returned_.clear();
  hand_over_all();
  drop_everything();
}

/// Outside the locks: what is dropped may hold the last reference to something that posts again.
void io_loop_posix::drop_everything() {
  std::vector<job> posted;
  timer_queue timers;
  std::unordered_map<handle, std::shared_ptr<io_handler>> handlers;
  {
    std::lock_guard guard{jobs_mutex_};
    posted.swap(posted_);
    timers.swap(timers_);
    timers_by_id_.clear();
  }
  hot_.reset();
  std::lock_guard guard{handlers_mutex_};
  handlers.swap(handlers_);
}

void io_loop_posix::wake() noexcept {
  set_counter(wake_.get());
}

void io_loop_posix::post(job what) {
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

io_loop::timer io_loop_posix::after(std::chrono::milliseconds delay, job what) {
  constexpr std::chrono::hours longest{24 * 365}; // beyond that is never, and must not overflow
  auto at = clock::now() + std::clamp<std::chrono::milliseconds>(delay, std::chrono::milliseconds{0}, longest);
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

void io_loop_posix::cancel(timer which) {
  job forgotten; // let go of outside the lock
  std::lock_guard guard{jobs_mutex_};
  auto found = timers_by_id_.find(which);
  if (found == timers_by_id_.end())
    return;
  forgotten = std::move(found->second->second.second);
  timers_.erase(found->second);
  timers_by_id_.erase(found);
}

bool io_loop_posix::here() const noexcept {
  return role_of_this_thread == this;
}

void io_loop_posix::offer(const ready_job& what) {
  ready_.push_back(what);
}

// -- descriptors --------------------------------------------------------------------------------------------------------------

expected<io_loop_posix::handle> io_loop_posix::add(int native, std::uint32_t events,
                                                   std::shared_ptr<io_handler> target) {
  handle result = 0;
  {
    std::lock_guard guard{handlers_mutex_};
    result = ++last_handle_;
    handlers_.emplace(result, std::move(target));
  }
  epoll_event event{};
  event.events = events;
  event.data.u64 = result;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, native, &event) != 0) {
    auto why = system_failure("epoll_ctl", "I/O loop");
    std::lock_guard guard{handlers_mutex_};
    handlers_.erase(result);
    return tl::unexpected{why};
  }
  return result;
}

void io_loop_posix::change(handle which, int native, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = which;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, native, &event);
}

void io_loop_posix::remove(handle which, int native) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, native, nullptr);
  std::shared_ptr<io_handler> last; // let go of outside the lock
  std::lock_guard guard{handlers_mutex_};
  if (auto found = handlers_.find(which); found != handlers_.end()) {
    last = std::move(found->second);
    handlers_.erase(found);
  }
}

// -- the role -----------------------------------------------------------------------------------------------------------------

void io_loop_posix::run(int me) {
  while (!stopping_) {
    bool leading = false;
    {
      std::lock_guard guard{role_mutex_};
      leading = holder_ == me;
    }
    if (leading)
      lead(me);
    else
      stand_by(me);
  }
}

void io_loop_posix::lead(int me) {
  role_of_this_thread = this;
  // while a hot handler has work, the others are looked at now and then
  constexpr int hot_rounds = 16;
  std::array<epoll_event, 64> events;
  for (int round = 0; !stopping_; ++round) {
    auto busy = poll_hot();
    auto count = 0;
    if (!busy || round % hot_rounds == 0) {
      auto longest = busy ? 0 : timeout();
      if (longest != 0)
        rest_alarm();
      count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), longest);
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == wake_handle) {
        clear_counter(wake_.get());
        continue;
      }
      std::shared_ptr<io_handler> target;
      {
        std::lock_guard guard{handlers_mutex_};
        if (auto found = handlers_.find(events[i].data.u64); found != handlers_.end())
          target = found->second;
      }
      if (target)
        target->on_ready(events[i].events);
    }
    // whoever reads much goes on by a posted job: what he has read so far comes first
    if (!run_ready(me))
      break;
    run_posted();
    run_timers();
    if (!run_ready(me))
      break;
  }
  role_of_this_thread = nullptr;
}

int io_loop_posix::timeout() {
  std::lock_guard guard{jobs_mutex_};
  if (!posted_.empty() || !ready_.empty())
    return 0;
  if (timers_.empty())
    return -1;
  auto left = timers_.begin()->first - clock::now();
  if (left <= clock::duration::zero())
    return 0;
  // round up: a timer that wakes early would only spin
  left = std::min<clock::duration>(left, std::chrono::hours{1});
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

void io_loop_posix::run_posted() {
  std::vector<job> jobs;
  {
    std::lock_guard guard{jobs_mutex_};
    jobs.swap(posted_);
  }
  for (auto& each : jobs)
    each();
}

void io_loop_posix::run_timers() {
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

void io_loop_posix::keep_hot(std::shared_ptr<io_handler> target, std::chrono::microseconds longest) {
  hot_longest_ = longest;
  if (hot_ == target)
    return;
  if (auto before = std::exchange(hot_, std::move(target)))
    post([before] { before->cool(); });
}

/// Returns whether the hot handler had something to do.
bool io_loop_posix::poll_hot() {
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

void io_loop_posix::hand_over_all() {
  for (auto& each : ready_)
    each.hand_over(each.context, each.subject);
  ready_.clear();
}

/// Wakes the thread that stands by once `delay` has passed; does nothing where that is set already.
void io_loop_posix::set_alarm(std::chrono::nanoseconds delay) noexcept {
  if (alarm_set_.exchange(true))
    return;
  itimerspec spec{};
  spec.it_value.tv_nsec = delay.count();
  ::timerfd_settime(alarm_.get(), 0, &spec, nullptr);
}

/// Before the role sleeps: an alarm that goes off meanwhile would wake a thread for nothing. Where jobs follow each other closely that happens
/// once a millisecond at most, and is cheaper than a system call for each job.
void io_loop_posix::rest_alarm() noexcept {
  if (jobs_are_close_ || !alarm_set_)
    return;
  itimerspec never{};
  ::timerfd_settime(alarm_.get(), 0, &never, nullptr);
  alarm_set_ = false;
}

/// Sets the alarm for a job that begins now.
void io_loop_posix::watch_job(clock::time_point now) noexcept {
  constexpr int many = 4;
  if (!alarm_set_) {
    jobs_are_close_ = jobs_of_alarm_ >= many || now - alarm_began_ < patience / many;
    alarm_began_ = now;
    jobs_of_alarm_ = 0;
  }
  ++jobs_of_alarm_;
  running_since_ = now.time_since_epoch().count();
  set_alarm(patience);
}

/// Runs what is ready, one after the other, while that is quick; what is left then is better off in parallel. Returns whether this thread
/// still holds the role.
bool io_loop_posix::run_ready(int me) {
  constexpr std::chrono::microseconds quick{200};
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
  for (auto left = ready_.size(); left > 0; --left) {
    auto next = ready_.front();
    ready_.pop_front();
    auto now = clock::now();
    if (now - begin > quick)
      next.hand_over(next.context, next.subject);
    else if (!run_one(me, next, now))
      return false;
  }
  return true;
}

/// With nobody standing by, nothing may hold the role up. But the other one may be back in a moment.
void io_loop_posix::wait_for_the_other(clock::time_point now) {
  constexpr std::chrono::microseconds moment{100};
  if (alone_since_ == clock::time_point{})
    alone_since_ = now;
  if (now - alone_since_ > moment)
    hand_over_all();
}

/// Returns whether this thread still holds the role: where not, what else is ready is the new holder's.
bool io_loop_posix::run_one(int me, const ready_job& what, clock::time_point now) {
  watch_job(now);
  role_of_this_thread = nullptr; // what the job sends is not part of a round of frames
  auto goes_on = what.run(what.context, what.subject);
  std::unique_lock guard{role_mutex_};
  if (holder_ != me) {
    other_away_ = false;
    if (goes_on)
      returned_.push_back(what); // most likely another program had the core meanwhile
    guard.unlock();
    if (goes_on)
      wake();
    return false;
  }
  running_since_ = 0;
  role_of_this_thread = this;
  if (goes_on)
    ready_.push_back(what); // the others have their turn first
  return true;
}

void io_loop_posix::stand_by(int me) {
  std::array<pollfd, 2> waiting{pollfd{alarm_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  ::poll(waiting.data(), waiting.size(), -1);
  if (stopping_)
    return;
  clear_counter(alarm_.get());
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
  if (running_since_ != since || holder_ == me)
    return;
  running_since_ = 0;
  holder_ = me;
  other_away_ = true;
}

} // namespace mailroom
