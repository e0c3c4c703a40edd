// The contract of mailroom/runtime/transport.hpp, held against every transport: how connections end, and what becomes of what was sent.

#include <support/transport_contract.hpp>

#include <algorithm>
#include <atomic>

using mailroom::errc;
using mailroom::error;
using mailroom::frame_view;
using namespace test;

TEMPLATE_TEST_CASE("either side can end a connection, with its reason on its own side", "[transport]",
                   EVERY_TRANSPORT) {
  for (auto caller_ends : {true, false}) {
    transport_world world{TestType::kind};
    auto [caller, called] = world.pair();
    auto& ends = caller_ends ? caller : called;
    auto& hears = caller_ends ? called : caller;
    ends.link->close(enough);
    REQUIRE(ends.heard->wait_closed());
    REQUIRE(hears.heard->wait_closed());
    CHECK(ends.heard->reason() == enough);
    CHECK(is_lost(hears.heard->reason()));
    CHECK(ends.heard->unsent().empty());
    CHECK(ends.send(frame(1)) == send_result::closed);
    CHECK(hears.send(frame(1)) == send_result::closed);
    CHECK(hears.send(frame(1), send_mode::system) == send_result::closed);
    CHECK_FALSE(ends.drive(10s, never));
    CHECK_FALSE(hears.drive(10s, never));
  }
}

TEMPLATE_TEST_CASE("the end comes once, however often and from wherever it is asked for", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  for (int round = 0; round < 30; ++round) {
    auto [caller, called] = world.pair();
    for (std::uint64_t i = 0; i < 5; ++i) {
      caller.send(frame(i));
      called.send(frame(i));
    }
    std::vector<std::thread> closers;
    for (auto& which : {caller, called, caller, called})
      closers.emplace_back([which] { which.link->close(enough); });
    for (auto& each : closers)
      each.join();
    caller.link->close(enough);
    for (auto& which : {caller, called}) {
      REQUIRE(which.heard->wait_closed());
      auto why = which.heard->reason();
      CHECK((why == enough || is_lost(why)));
    }
    world.forget_all();
  }
}

TEMPLATE_TEST_CASE("a connection can be ended from within on_frame, twice", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.heard->hook([link = called.link.get()](const frame_view&) {
    link->close(enough);
    link->close({errc::timeout, "test"});
  });
  for (auto& each : frames(1, 3))
    caller.send(each);
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason() == enough);
  CHECK(called.heard->frames().front() == frame(1));
  REQUIRE(caller.heard->wait_closed());
  CHECK(is_lost(caller.heard->reason()));
}

TEMPLATE_TEST_CASE("a connection can be ended from within on_frame of a caller that drives", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  caller.heard->hook([link = caller.link.get()](const frame_view&) { link->close(enough); });
  called.send(frame(1));
  CHECK_FALSE(caller.drive(10s, never));
  REQUIRE(caller.heard->wait_closed());
  CHECK(caller.heard->reason() == enough);
  REQUIRE(called.heard->wait_closed());
}

TEMPLATE_TEST_CASE("a connection that ends before it starts tells so when it starts", "[transport]", EVERY_TRANSPORT) {
  for (auto by_peer : {true, false}) {
    transport_world world{TestType::kind};
    do_not_read(world);
    world.listen();
    auto caller = world.connect();
    auto called = world.accepted();
    REQUIRE(caller.send(frame(1)) == send_result::sent);
    if (by_peer) {
      caller.link->close(enough);
      REQUIRE(caller.heard->wait_closed());
    } else {
      called.link->close(enough);
    }
    begin_to_read(called);
    REQUIRE(called.heard->wait_closed());
    if (by_peer) {
      CHECK(is_lost(called.heard->reason()));
      CHECK(called.heard->frames() == frames(1, 1));
    } else {
      CHECK(called.heard->reason() == enough);
    }
  }
}

TEMPLATE_TEST_CASE("what a peer had written is handed over before its end", "[transport]", EVERY_TRANSPORT) {
  for (int round = 0; round < 20; ++round) {
    transport_world world{TestType::kind};
    auto [caller, called] = world.pair();
    auto sent = frames(0, 200, 2000);
    for (auto& each : sent)
      REQUIRE(caller.send(each) == send_result::sent);
    caller.link->close(enough);
    REQUIRE(called.heard->wait_closed());
    REQUIRE(caller.heard->wait_closed());
    called.heard->reason();
    CHECK((called.heard->frames() + caller.heard->unsent() == sent));
  }
}

TEMPLATE_TEST_CASE("frames that did not go whole come back with the end, in order", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  do_not_read(world);
  auto [caller, called] = world.pair();
  auto accepted = fill(caller);
  caller.link->close(enough);
  REQUIRE(caller.heard->wait_closed());
  CHECK(caller.heard->reason() == enough);
  begin_to_read(called);
  REQUIRE(called.heard->wait_closed());
  CHECK((called.heard->frames() + caller.heard->unsent() == accepted));
}

TEMPLATE_TEST_CASE("of frames sent while the connection ends each arrives, comes back or is refused", "[transport]",
                   EVERY_TRANSPORT) {
  for (int round = 0; round < 10; ++round) {
    transport_world world{TestType::kind};
    auto [caller, called] = world.pair();
    std::vector<byte_buffer> accepted;
    std::thread sender{[&, &caller = caller] {
      for (std::uint64_t id = 0; id < 20'000; ++id) {
        auto next = frame(id, 100);
        if (caller.send(next) != send_result::sent)
          return;
        accepted.push_back(std::move(next));
      }
    }};
    called.heard->wait_frames(static_cast<std::size_t>(round) * 3 + 1);
    caller.link->close(enough);
    sender.join();
    REQUIRE(caller.heard->wait_closed());
    REQUIRE(called.heard->wait_closed());
    CHECK((called.heard->frames() + caller.heard->unsent() == accepted));
  }
}
