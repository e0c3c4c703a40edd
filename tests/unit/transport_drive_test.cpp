// The contract of mailroom/runtime/transport.hpp, held against every transport: `drive`, by which a caller reads on his own thread.

#include <support/transport_contract.hpp>

#include <algorithm>
#include <atomic>

using mailroom::errc;
using mailroom::error;
using mailroom::frame_view;
using namespace test;

namespace {

/// Drives an end on a thread of its own, from its constructor until `finish`.
class other_driver {
public:
  other_driver(transport_world& world, const end& caller) {
    held_role here{world.here_loop()}; // a driver leaves again who finds that one reading
    thread_ = std::thread{[this, &caller] {
      caller.drive(20s, [this] {
        driving_.open();
        return finished_.load();
      });
    }};
    CHECK(driving_.wait());
  }
  ~other_driver() {
    finished_ = true;
    if (thread_.joinable())
      thread_.join();
  }
  other_driver(const other_driver&) = delete;
  other_driver& operator=(const other_driver&) = delete;

  /// Ends it by a frame from the other end.
  void finish(const end& called) {
    finished_ = true;
    called.send(frame(1));
    thread_.join();
  }

private:
  gate driving_;
  std::atomic<bool> finished_{false};
  std::thread thread_; // last: it uses the others
};

/// Frames that keep coming from an end, as fast as they are read, for as long as this lives.
class flood {
public:
  explicit flood(const end& from)
    : thread_{[this, &from] {
        for (std::uint64_t id = 0; !stop_; ++id)
          if (from.send(frame(id)) != send_result::sent)
            std::this_thread::yield();
      }} {}
  ~flood() {
    stop_ = true;
    thread_.join();
  }
  flood(const flood&) = delete;
  flood& operator=(const flood&) = delete;

private:
  std::atomic<bool> stop_{false};
  std::thread thread_; // last: it uses the other
};

} // namespace

TEMPLATE_TEST_CASE("drive returns when it is done, and hands over on the caller's thread", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  gate driving;
  // others' frames come first
  std::thread other{[&, &called = called] {
    driving.wait();
    for (auto& each : frames(1, 3))
      called.send(each);
  }};
  auto done = caller.drive_patiently(20s, [&, &caller = caller] {
    driving.open();
    return caller.heard->count() >= 3;
  });
  other.join();
  CHECK(done);
  CHECK(caller.heard->frames() == frames(1, 3));
  CHECK_FALSE(caller.heard->closed());
}

TEMPLATE_TEST_CASE("a driven connection is read by the one who drives", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  std::thread::id driver;
  std::uint64_t last = 0;
  auto drove = false;
  // whom the I/O role turns away, because it has lost its core while it read, comes again
  for (auto i = 0; i < 20 && !drove; ++i) {
    gate driving;
    auto end = last + 2;
    std::thread thread{[&, end, &caller = caller] {
      driver = std::this_thread::get_id();
      drove = caller.drive(20s, [&, end] {
        auto all_there = caller.heard->count() >= end;
        driving.open();
        return all_there;
      });
    }};
    CHECK(driving.wait());
    while (last < end) {
      called.send(frame(++last));
      CHECK(caller.heard->wait_frames(last));
    }
    thread.join();
  }
  REQUIRE(drove);
  auto threads = caller.heard->threads();
  CHECK(std::vector(threads.end() - 2, threads.end()) == std::vector{driver, driver});
  // and afterwards by the I/O role
  called.send(frame(++last));
  REQUIRE(caller.heard->wait_frames(last));
  CHECK(caller.heard->threads().back() != driver);
}

TEMPLATE_TEST_CASE("drive that is done already returns at once", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  CHECK(caller.drive(20s, [] { return true; }));
  CHECK(caller.drive(-1s, [] { return true; }));
  CHECK_FALSE(caller.drive(-1s, never));
}

TEMPLATE_TEST_CASE("drive returns at its deadline", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  held_role here{world.here_loop()}; // a driver leaves again who finds that one reading
  for (auto patience : {0ms, 5ms, 99ms, 101ms, 230ms}) {
    CAPTURE(patience.count());
    CHECK(test::once_within(50ms, [&, &caller = caller] {
      auto deadline = clock::now() + patience;
      CHECK_FALSE(caller.link->drive(deadline, never));
      auto late = clock::now() - deadline;
      CHECK(late >= 0ms);
      return late;
    }));
  }
}

TEMPLATE_TEST_CASE("drive returns at its deadline though frames keep coming", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  auto [caller, called] = world.pair();
  flood others{called};
  REQUIRE(caller.heard->wait_frames(1));
  auto begin = clock::now();
  caller.link->drive(begin + 50ms, never);
  auto took = clock::now() - begin;
  CHECK(took < 5s);
}

TEMPLATE_TEST_CASE("drive returns when it is done though frames keep coming", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  auto [caller, called] = world.pair();
  flood others{called};
  REQUIRE(caller.heard->wait_frames(1));
  auto begin = clock::now();
  auto before = caller.heard->count();
  CHECK(caller.drive_patiently(20s, [&, &caller = caller] { return caller.heard->count() > before; }));
  CHECK(clock::now() - begin < 5s);
}

TEMPLATE_TEST_CASE("drive returns when the connection ends meanwhile", "[transport]", EVERY_TRANSPORT) {
  for (auto by_peer : {true, false}) {
    transport_world world{TestType::kind};
    auto [caller, called] = world.pair();
    gate driving;
    auto& ends = by_peer ? called : caller;
    std::thread other{[&] {
      driving.wait();
      ends.link->close(enough);
    }};
    auto begin = clock::now();
    CHECK_FALSE(caller.drive(20s, [&] {
      driving.open();
      return false;
    }));
    CHECK(clock::now() - begin < 10s);
    other.join();
    REQUIRE(caller.heard->wait_closed());
    CHECK((by_peer ? is_lost(caller.heard->reason()) : caller.heard->reason() == enough));
  }
}

TEMPLATE_TEST_CASE("what had arrived is handed over to a driver before the end", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  gate driving;
  auto sent = frames(0, 100, 1000);
  std::thread other{[&, &called = called] {
    driving.wait();
    for (auto& each : sent)
      called.send_patiently(each);
    called.link->close(enough);
  }};
  caller.drive(20s, [&] {
    driving.open();
    return false;
  });
  other.join();
  REQUIRE(caller.heard->wait_closed());
  REQUIRE(called.heard->wait_closed());
  CHECK((caller.heard->frames() + called.heard->unsent() == sent));
}

TEMPLATE_TEST_CASE("a second driver returns at once", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  other_driver first{world, caller};
  auto begin = clock::now();
  CHECK_FALSE(caller.drive(20s, never));
  CHECK(caller.drive(20s, [] { return true; }));
  CHECK(clock::now() - begin < 5s);
  first.finish(called);
}

TEMPLATE_TEST_CASE("when drivers who followed each other closely stay away, the I/O role soon reads again",
                   "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.echo();
  std::size_t heard = 0;
  auto drive_often = [&, &caller = caller] {
    for (int i = 0; i < 20; ++i) {
      REQUIRE(caller.send(frame(heard)) == send_result::sent);
      auto wanted = ++heard;
      caller.drive(20s, [&] { return caller.heard->count() >= wanted; });
      REQUIRE(caller.heard->wait_frames(wanted));
    }
  };
  CHECK(test::once_within(20ms, [&, &caller = caller, &called = called] {
    drive_often();
    auto begin = clock::now();
    REQUIRE(called.send(frame(7)) == send_result::sent);
    REQUIRE(caller.heard->wait_frames(++heard));
    return clock::now() - begin;
  }));
  drive_often();
  called.link->close(enough);
  REQUIRE(caller.heard->wait_closed());
  CHECK(is_lost(caller.heard->reason()));
}

TEMPLATE_TEST_CASE("drive returns at once while the I/O role reads", "[transport]", EVERY_TRANSPORT) {
  gate inside;
  gate leave;
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  caller.heard->hook([&](const frame_view&) {
    inside.open();
    leave.wait(); // for the test only: on_frame must not block
  });
  called.send(frame(1));
  REQUIRE(inside.wait());
  auto begin = clock::now();
  CHECK_FALSE(caller.drive(20s, never));
  CHECK(clock::now() - begin < 5s);
  leave.open();
}

TEMPLATE_TEST_CASE("drive on the I/O role returns at once", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  gate returned;
  world.here_loop().post([&, &caller = caller] {
    caller.drive(20s, never);
    returned.open();
  });
  CHECK(returned.wait(5s));
}

TEMPLATE_TEST_CASE("a frame that comes as drive ends is read all the same", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.echo();
  for (std::size_t round = 0; round < 1000; ++round) {
    REQUIRE(caller.send(frame(round)) == send_result::sent);
    caller.drive(std::chrono::microseconds{round % 100}, never);
    REQUIRE(caller.heard->wait_frames(round + 1, 10s));
  }
}

TEMPLATE_TEST_CASE("drivers that take turns lose nothing", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.echo();
  constexpr std::size_t rounds = 500;
  std::atomic<bool> right{true};
  std::atomic<std::size_t> answered{0};
  std::vector<std::thread> drivers;
  for (std::uint64_t me = 0; me < 3; ++me)
    drivers.emplace_back([&, me, &caller = caller] {
      for (std::size_t i = 0; i < rounds && right; ++i) {
        caller.send(frame(me * 1000 + i));
        caller.drive(std::chrono::microseconds{i % 50}, never);
        ++answered;
      }
    });
  for (auto& each : drivers)
    each.join();
  CHECK(caller.heard->wait_frames(3 * rounds));
}

TEMPLATE_TEST_CASE("a large frame of another thread is written while somebody drives", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  other_driver driver{world, caller};
  std::size_t sent = 0;
  auto deliver = [&, &caller = caller, &called = called] {
    auto large = frame(sent, 1 << 20);
    auto begin = clock::now();
    REQUIRE(caller.send(large) == send_result::sent);
    REQUIRE(called.heard->wait_frames(++sent));
    return clock::now() - begin;
  };
  CHECK(test::once_within(90ms, deliver)); // not at the pace at which a driver looks up
  driver.finish(called);
}

TEMPLATE_TEST_CASE("a driver writes what waits to be written", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.echo();
  auto large = frame(1, 4 << 20);
  REQUIRE(caller.send(large) == send_result::sent);
  CHECK(caller.drive_patiently(20s, [&, &caller = caller] { return caller.heard->count() == 1; }));
  CHECK((caller.heard->frames().front() == large));
}

TEMPLATE_TEST_CASE("a driver hears of room", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  do_not_read(world);
  auto [caller, called] = world.pair();
  auto taken = fill(caller);
  gate driving;
  std::thread driver{[&, &caller = caller] {
    caller.drive(20s, [&] {
      driving.open();
      return caller.heard->rooms() > 0;
    });
  }};
  REQUIRE(driving.wait());
  begin_to_read(called);
  CHECK(caller.heard->wait_rooms(1, 10s));
  called.send(frame(1)); // wakes the driver
  driver.join();
  CHECK(called.heard->wait_frames(taken.size()));
}
