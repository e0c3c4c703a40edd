#include <mailroom/transports/io_loop_posix.hpp>

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
  std::array<epoll_event, 64> events;
  while (!stopping_) {
    auto count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout());
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
    run_posted();
    run_timers();
    if (!run_ready(me))
      break;
  }
  role_of_this_thread = nullptr;
}

int io_loop_posix::timeout() {
  std::lock_guard guard{jobs_mutex_};
  if (!posted_.empty())
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

/// Returns whether this thread still holds the role.
bool io_loop_posix::run_ready(int me) {
  if (ready_.empty())
    return true;
  bool alone = false;
  {
    std::lock_guard guard{role_mutex_};
    alone = other_away_;
  }
  // several ready ones are better off in parallel, and with nobody standing by nothing may hold the role up
  if (alone || ready_.size() > 1) {
    hand_over_all();
    return true;
  }
  auto only = ready_.front();
  ready_.clear();
  running_since_ = clock::now().time_since_epoch().count();
  set_alarm(patience);
  role_of_this_thread = nullptr; // what the job sends is not part of a round of frames
  only.run(only.context, only.subject);
  std::lock_guard guard{role_mutex_};
  if (holder_ != me) {
    other_away_ = false;
    return false;
  }
  running_since_ = 0;
  role_of_this_thread = this;
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
