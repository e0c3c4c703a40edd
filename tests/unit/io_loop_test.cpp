// The I/O role: what is posted runs in order on the thread that holds it, and a ready job that takes its time never holds it up.

#include <mailroom/runtime/io_loop.hpp>

#include <support/catch.hpp>
#include <support/leak_check.hpp>
#include <support/timing.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

using mailroom::io_loop;

using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

std::unique_ptr<io_loop> started() {
  auto result = io_loop::make();
  REQUIRE(result);
  return std::move(*result);
}

/// Opens once, and lets many wait for it.
class gate {
public:
  void open() {
    std::lock_guard guard{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  bool wait(clock::duration most = 10s) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, most, [this] { return open_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// Runs `what` on the role and waits for it.
void on_role(io_loop& loop, std::function<void()> what) {
  gate done;
  loop.post([&] {
    what();
    done.open();
  });
  REQUIRE(done.wait());
}

/// The order in which timers of these delays run that are set one after the other, within less than `apart`: else the later ones count from later.
std::vector<std::chrono::microseconds> order_of(io_loop& loop, const std::vector<std::chrono::microseconds>& delays,
                                                std::chrono::microseconds apart) {
  for (auto tries = 0; tries < 100; ++tries) {
    std::vector<std::chrono::microseconds> order;
    gate done;
    clock::duration setting{};
    on_role(loop, [&] {
      auto begin = clock::now();
      for (auto each : delays)
        loop.after(each, [&, each] {
          order.push_back(each);
          if (order.size() == delays.size())
            done.open();
        });
      setting = clock::now() - begin;
    });
    REQUIRE(done.wait());
    if (setting < apart)
      return order;
  }
  return {};
}

/// How long the role takes to get to a posted job, at best of some tries.
clock::duration delay_of_post(io_loop& loop) {
  std::promise<clock::time_point> ran;
  auto posted = clock::now();
  loop.post([&] { ran.set_value(clock::now()); });
  return ran.get_future().get() - posted;
}

/// Something ready to run that says where it was run, and that can be held.
class work {
public:
  io_loop::ready_job job() { return {&run, &hand_over, this, nullptr}; }

  gate started;
  gate finish;
  gate done;
  std::thread::id thread;
  std::atomic<int> handed_over{0};
  std::atomic<int> runs{0};
  int wanted_runs = 1;
  std::function<void()> inside;

private:
  static bool run(void* context, void*, clock::time_point) {
    auto& self = *static_cast<work*>(context);
    self.thread = std::this_thread::get_id();
    self.started.open();
    if (self.inside)
      self.inside();
    else
      self.finish.wait();
    auto goes_on = ++self.runs < self.wanted_runs;
    if (!goes_on)
      self.done.open();
    return goes_on;
  }
  static void hand_over(void* context, void*) {
    auto& self = *static_cast<work*>(context);
    ++self.handed_over;
    self.started.open();
  }
};

} // namespace

TEST_CASE("a loop that nobody uses starts and stops", "[io_loop]") {
  test::leak_check leaks;
  for (int i = 0; i < 20; ++i)
    started();
}

TEST_CASE("what is posted runs in order, from wherever it comes", "[io_loop]") {
  test::leak_check leaks;
  auto loop = started();
  constexpr int threads = 4;
  constexpr int jobs = 1000;
  std::vector<int> last(threads, -1);
  auto in_order = true;
  std::vector<std::thread> posters;
  for (int poster = 0; poster < threads; ++poster)
    posters.emplace_back([&, poster] {
      for (int i = 0; i < jobs; ++i)
        loop->post([&, poster, i] {
          auto& before = last[static_cast<std::size_t>(poster)];
          in_order = in_order && before == i - 1;
          before = i;
        });
    });
  for (auto& each : posters)
    each.join();
  on_role(*loop, [] {});
  CHECK(in_order);
  CHECK(last == std::vector<int>(threads, jobs - 1));
}

TEST_CASE("a job can post, and what it posts runs after what was posted before", "[io_loop]") {
  auto loop = started();
  std::vector<int> order;
  gate done;
  on_role(*loop, [&] {
    loop->post([&] {
      order.push_back(1);
      loop->post([&] {
        order.push_back(3);
        done.open();
      });
    });
    loop->post([&] { order.push_back(2); });
  });
  REQUIRE(done.wait());
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("a thread is here just while it holds the role", "[io_loop]") {
  auto loop = started();
  auto other = started();
  CHECK_FALSE(loop->here());
  auto inside = false;
  auto of_other = true;
  on_role(*loop, [&] {
    inside = loop->here();
    of_other = other->here();
  });
  CHECK(inside);
  CHECK_FALSE(of_other);
}

TEST_CASE("timers run when their time has come, the earlier ones first", "[io_loop]") {
  auto loop = started();
  auto begin = clock::now();
  CHECK(order_of(*loop, {30ms, 10ms, 20ms}, 10ms) == std::vector<std::chrono::microseconds>{10ms, 20ms, 30ms});
  CHECK(clock::now() - begin >= 30ms);
}

TEST_CASE("timers of one time run in the order of their setting", "[io_loop]") {
  auto loop = started();
  std::vector<int> order;
  gate done;
  on_role(*loop, [&] {
    for (int i = 0; i < 10; ++i)
      loop->after(0ms, [&, i] { order.push_back(i); });
    loop->after(5ms, [&] { done.open(); });
  });
  REQUIRE(done.wait());
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a timer is on time, though not early", "[io_loop]") {
  auto loop = started();
  CHECK(test::once_within(35ms, [&] {
    std::promise<clock::time_point> ran;
    auto set = clock::now();
    loop->after(20ms, [&] { ran.set_value(clock::now()); });
    auto took = ran.get_future().get() - set;
    REQUIRE(took >= 20ms);
    return took;
  }));
}

TEST_CASE("timers of less than a millisecond run, in order and none early", "[io_loop]") {
  auto loop = started();
  for (int round = 0; round < 20; ++round) {
    auto begin = clock::now();
    CHECK(order_of(*loop, {700us, 200us}, 500us) == std::vector<std::chrono::microseconds>{200us, 700us});
    CHECK(clock::now() - begin >= 700us);
  }
}

TEST_CASE("an earlier timer that is set later runs on time", "[io_loop]") {
  auto loop = started();
  loop->after(1h, [] {});
  on_role(*loop, [] {}); // it waits for the hour now
  gate done;
  loop->after(1ms, [&] { done.open(); });
  CHECK(done.wait());
}

TEST_CASE("a cancelled timer does not run, and its number is not used again", "[io_loop]") {
  auto loop = started();
  std::atomic<int> ran{0};
  gate done;
  gate held;
  gate cancelled;
  loop->post([&] { // or the first one may run before it is cancelled
    held.open();
    cancelled.wait();
  });
  REQUIRE(held.wait());
  auto first = loop->after(5ms, [&] { ++ran; });
  auto second = loop->after(10ms, [&] { done.open(); });
  CHECK(first != second);
  CHECK(first != 0);
  loop->cancel(first);
  loop->cancel(first);
  loop->cancel(0);
  loop->cancel(second + 100);
  cancelled.open();
  REQUIRE(done.wait());
  loop->cancel(second); // it has run
  CHECK(ran == 0);
  CHECK(loop->after(1h, [] {}) > second);
}

TEST_CASE("a timer can cancel another of the same time", "[io_loop]") {
  auto loop = started();
  auto ran = 0;
  io_loop::timer victim = 0;
  gate done;
  on_role(*loop, [&] {
    loop->after(0ms, [&] { loop->cancel(victim); });
    victim = loop->after(0ms, [&] { ++ran; });
    loop->after(0ms, [&] { done.open(); });
  });
  REQUIRE(done.wait());
  CHECK(ran == 0);
}

TEST_CASE("a timer that sets itself again without delay leaves room for others", "[io_loop]") {
  auto loop = started();
  std::atomic<bool> stop{false};
  std::function<void()> again = [&] {
    if (!stop)
      loop->after(0ms, again);
  };
  loop->after(0ms, again);
  on_role(*loop, [] {});
  stop = true;
  on_role(*loop, [] {});
}

TEST_CASE("a timer beyond all time neither runs nor harms", "[io_loop]") {
  auto loop = started();
  std::atomic<int> ran{0};
  for (auto delay : {std::chrono::milliseconds::max(), std::chrono::milliseconds{24h * 365 * 200},
                     std::chrono::milliseconds{24h * 50}})
    loop->after(delay, [&] { ++ran; });
  gate done;
  loop->after(20ms, [&] { done.open(); });
  REQUIRE(done.wait());
  CHECK(ran == 0);
  gate at_once;
  loop->after(std::chrono::milliseconds::min(), [&] { at_once.open(); });
  CHECK(at_once.wait());
}

TEST_CASE("a ready job that is alone runs on the thread that offered it, without the role", "[io_loop]") {
  auto loop = started();
  work one;
  auto inside = true;
  one.inside = [&] { inside = loop->here(); };
  std::thread::id role;
  on_role(*loop, [&] {
    role = std::this_thread::get_id();
    loop->offer(one.job());
  });
  REQUIRE(one.done.wait());
  CHECK(one.thread == role);
  CHECK_FALSE(inside);
  CHECK(one.handed_over == 0);
}

TEST_CASE("a ready job may post", "[io_loop]") {
  auto loop = started();
  work one;
  gate ran;
  one.inside = [&] { loop->post([&] { ran.open(); }); };
  on_role(*loop, [&] { loop->offer(one.job()); });
  CHECK(ran.wait());
  REQUIRE(one.done.wait());
}

TEST_CASE("a ready job that sleeps does not hold up posted jobs and timers", "[io_loop]") {
  test::leak_check leaks;
  auto loop = started();
  work slow;
  on_role(*loop, [&] { loop->offer(slow.job()); });
  REQUIRE(slow.started.wait());
  CHECK(test::once_within(10ms, [&] { return delay_of_post(*loop); }));
  gate due;
  loop->after(5ms, [&] { due.open(); });
  CHECK(due.wait(5s));
  std::thread::id role;
  on_role(*loop, [&] { role = std::this_thread::get_id(); });
  CHECK(role != slow.thread);
  slow.finish.open();
  REQUIRE(slow.done.wait());
}

TEST_CASE("the role is taken over within some milliseconds", "[io_loop]") {
  auto loop = started();
  CHECK(test::once_within(10ms, [&] {
    work slow;
    on_role(*loop, [&] { loop->offer(slow.job()); });
    REQUIRE(slow.started.wait());
    auto delay = delay_of_post(*loop);
    slow.finish.open();
    REQUIRE(slow.done.wait());
    on_role(*loop, [] {});
    return delay;
  }));
}

TEST_CASE("several quick ready jobs run one after the other on the role's thread", "[io_loop]") {
  std::deque<std::array<work, 5>> offered; // one of them may still be at work in the next try
  auto loop = started();
  std::thread::id role;
  auto all_ran_there = [&] {
    auto& jobs = offered.emplace_back();
    for (auto& each : jobs)
      each.inside = [] {};
    on_role(*loop, [&] {
      role = std::this_thread::get_id();
      for (auto& each : jobs)
        loop->offer(each.job());
    });
    for (auto& each : jobs)
      REQUIRE(each.started.wait());
    on_role(*loop, [] {});
    return std::all_of(jobs.begin(), jobs.end(), [&](auto& each) { return each.runs == 1 && each.thread == role; });
  };
  // a busy machine may make a quick one slow, which hands the others over
  auto ran = false;
  for (int i = 0; i < 100 && !ran; ++i)
    ran = all_ran_there();
  CHECK(ran);
}

TEST_CASE("behind a slow ready job the others are run or handed over, each once, and soon", "[io_loop]") {
  auto loop = started();
  std::array<work, 5> jobs;
  for (std::size_t i = 1; i < jobs.size(); ++i)
    jobs[i].inside = [] {};
  on_role(*loop, [&] {
    for (auto& each : jobs)
      loop->offer(each.job());
  });
  for (auto& each : jobs)
    REQUIRE(each.started.wait(5s)); // though the first one still runs
  on_role(*loop, [] {});
  for (std::size_t i = 1; i < jobs.size(); ++i)
    CHECK(jobs[i].handed_over + jobs[i].runs == 1);
  CHECK(jobs[0].runs == 0);
  jobs[0].finish.open();
  REQUIRE(jobs[0].done.wait());
}

TEST_CASE("a ready job that wants to go on has the others take their turn in between", "[io_loop]") {
  auto loop = started();
  work busy;
  busy.wanted_runs = 50;
  auto posted_between = 0;
  busy.inside = [&] {
    if (busy.runs == 10)
      loop->post([&] { posted_between = busy.runs; });
  };
  on_role(*loop, [&] { loop->offer(busy.job()); });
  REQUIRE(busy.done.wait());
  on_role(*loop, [] {});
  CHECK(posted_between > 0);
  CHECK(posted_between < 50);
  CHECK(busy.runs == 50);
  CHECK(busy.handed_over == 0);
}

TEST_CASE("a ready job that wants to go on and took long is gone on with by who has the role now", "[io_loop]") {
  auto loop = started();
  work slow;
  slow.wanted_runs = 2;
  std::array<std::thread::id, 2> ran;
  slow.inside = [&] {
    ran[static_cast<std::size_t>(slow.runs)] = std::this_thread::get_id();
    if (slow.runs == 0)
      slow.finish.wait();
  };
  on_role(*loop, [&] { loop->offer(slow.job()); });
  REQUIRE(slow.started.wait());
  on_role(*loop, [] {}); // the other one has taken over
  slow.finish.open();
  REQUIRE(slow.done.wait());
  CHECK(slow.runs == 2);
  CHECK(ran[0] != ran[1]);
}

TEST_CASE("with one ready job at work the next one is handed over, and I/O goes on", "[io_loop]") {
  auto loop = started();
  work slow;
  on_role(*loop, [&] { loop->offer(slow.job()); });
  REQUIRE(slow.started.wait());
  work next;
  on_role(*loop, [&] { loop->offer(next.job()); });
  REQUIRE(next.started.wait());
  CHECK(next.handed_over == 1);
  CHECK(test::once_within(10ms, [&] { return delay_of_post(*loop); }));
  slow.finish.open();
  REQUIRE(slow.done.wait());
}

TEST_CASE("after a slow ready job both threads are there again", "[io_loop]") {
  std::deque<work> offered;
  auto loop = started();
  // with the other thread away a job is handed over: before long both are there, and one is run again
  auto offer_until_run = [&](bool slow) -> work& {
    for (auto deadline = clock::now() + 10s;;) {
      auto& next = offered.emplace_back();
      if (!slow)
        next.finish.open();
      on_role(*loop, [&] { loop->offer(next.job()); });
      REQUIRE(next.started.wait());
      if (next.handed_over == 0)
        return next;
      REQUIRE(clock::now() < deadline);
    }
  };
  for (int round = 0; round < 20; ++round) {
    auto& slow = offer_until_run(true);
    on_role(*loop, [] {}); // the other one has taken over
    slow.finish.open();
    REQUIRE(slow.done.wait());
    REQUIRE(offer_until_run(false).done.wait());
  }
}

TEST_CASE("many ready jobs, quick and slow, are each run or handed over once", "[io_loop]") {
  test::leak_check leaks;
  auto loop = started();
  constexpr int count = 2000;
  std::atomic<int> ran{0};
  struct counting {
    std::atomic<int>* ran;
    static bool run(void* context, void* subject, clock::time_point) {
      auto number = reinterpret_cast<std::uintptr_t>(subject);
      if (number % 400 == 0)
        std::this_thread::sleep_for(3ms);
      ++*static_cast<counting*>(context)->ran;
      return false;
    }
    static void hand_over(void* context, void* subject) { run(context, subject, {}); }
  } counter{&ran};
  for (std::uintptr_t i = 0; i < count; ++i)
    loop->post([&, i] { loop->offer({&counting::run, &counting::hand_over, &counter, reinterpret_cast<void*>(i)}); });
  for (auto deadline = clock::now() + 10s; ran < count && clock::now() < deadline;)
    std::this_thread::yield();
  CHECK(ran == count);
}

TEST_CASE("stop drops what did not run, now and later", "[io_loop]") {
  test::leak_check leaks;
  auto loop = started();
  auto alive = std::make_shared<int>(0);
  std::atomic<int> ran{0};
  gate blocked;
  gate entered;
  loop->post([&] {
    entered.open();
    blocked.wait();
  });
  REQUIRE(entered.wait());
  for (int i = 0; i < 10; ++i) {
    loop->post([&, alive] { ++ran; });
    loop->after(1h, [&, alive] { ++ran; });
  }
  CHECK(alive.use_count() == 21);
  std::thread stopper{[&] { loop->stop(); }};
  loop->after(0ms, [&] { ++ran; });
  blocked.open();
  stopper.join();
  auto before = ran.load(); // what was posted before `stop` may run or not
  CHECK(alive.use_count() == 1);
  loop->post([&, alive] { ++ran; });
  CHECK(loop->after(0ms, [&, alive] { ++ran; }) == 0);
  CHECK(alive.use_count() == 1);
  loop->stop();
  loop.reset();
  CHECK(ran == before);
}

TEST_CASE("what is dropped may post and set timers", "[io_loop]") {
  test::leak_check leaks;
  auto loop = started();
  struct poster {
    io_loop* loop;
    ~poster() {
      loop->post([] {});
      loop->after(0ms, [] {});
      loop->cancel(1);
    }
  };
  loop->after(1h, [keep = std::make_shared<poster>(poster{loop.get()})] {});
  loop->stop();
}

TEST_CASE("stop waits for a ready job that is at work", "[io_loop]") {
  test::leak_check leaks;
  auto loop = started();
  work slow;
  std::atomic<bool> ended{false};
  slow.inside = [&] {
    slow.finish.wait();
    ended = true;
  };
  on_role(*loop, [&] { loop->offer(slow.job()); });
  REQUIRE(slow.started.wait());
  std::thread releaser{[&] {
    std::this_thread::sleep_for(20ms);
    slow.finish.open();
  }};
  loop->stop();
  CHECK(ended);
  releaser.join();
}

TEST_CASE("what was offered and did not run is handed over by stop", "[io_loop]") {
  auto loop = started();
  work late;
  late.finish.open();
  gate stopping;
  gate entered;
  loop->post([&] {
    entered.open();
    stopping.wait();
    loop->offer(late.job());
  });
  REQUIRE(entered.wait());
  std::thread stopper{[&] { loop->stop(); }};
  stopping.open();
  stopper.join();
  CHECK((late.handed_over == 1 || late.thread != std::thread::id{}));
}
