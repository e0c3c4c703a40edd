// The contract of mailroom/runtime/transport.hpp, held against every transport: connecting, frames and bounds. How connections end stands in
// transport_end_test.cpp, reading on the caller's thread in transport_drive_test.cpp, and what only the kernel can do to a connection in
// pipe_test_posix.cpp.

#include <support/transport_contract.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

using mailroom::errc;
using mailroom::error;
using mailroom::frame_view;
using mailroom::transport_kind;
using namespace test;

// -- connecting --------------------------------------------------------------

TEMPLATE_TEST_CASE("connecting to nobody fails with no_such_process", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  for (auto* name : {"bank", "Bank", "bank.sock"}) {
    auto link = world.here().connect(world.at(name));
    REQUIRE_FALSE(link);
    CHECK(link.error() == error{errc::no_such_process, name});
  }
  world.listen();
  CHECK_FALSE(world.here().connect(world.at("Bank")));
  CHECK_FALSE(world.here().connect(world.at("bank2")));
}

TEMPLATE_TEST_CASE("a connection is accepted on the I/O role", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  world.pair();
  CHECK(world.accepted_on_role());
}

TEMPLATE_TEST_CASE("whoever accepts a connection may open another", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  gate opened;
  world.on_accept([&](const end&) {
    if (!world.there().connect(world.at("nobody")))
      opened.open();
    return true;
  });
  world.pair();
  CHECK(opened.wait());
}

TEMPLATE_TEST_CASE("after its listener a name has nobody, and can be listened to again", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  for (int round = 0; round < 3; ++round) {
    auto [caller, called] = world.pair();
    world.stop_listening();
    auto link = world.here().connect(world.at("bank"));
    REQUIRE_FALSE(link);
    CHECK(link.error().code() == errc::no_such_process);
    // who was admitted stays
    REQUIRE(caller.send(frame(1)) == send_result::sent);
    CHECK(called.heard->wait_frames(1));
    CHECK_FALSE(caller.heard->closed());
  }
}

TEMPLATE_TEST_CASE("a listener that ends closes what was not admitted", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  world.listen();
  auto caller = world.connect();
  auto called = world.accepted();
  auto admitted = world.connect();
  world.accepted().link->admit(100);
  world.stop_listening();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::shutting_down);
  REQUIRE(caller.heard->wait_closed());
  CHECK(is_lost(caller.heard->reason()));
  CHECK_FALSE(admitted.heard->closed());
}

TEMPLATE_TEST_CASE("connections whose listener ends meanwhile end too, or were accepted", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  for (int round = 0; round < 20; ++round) {
    world.listen();
    std::vector<end> callers;
    std::thread stopper{[&] { world.stop_listening(); }};
    for (int i = 0; i < 4; ++i) {
      auto link = world.here().connect(world.at("bank"));
      if (!link)
        continue;
      callers.push_back({*link, std::make_shared<test::recorder>(world.here_loop())});
      REQUIRE(callers.back().link->start(callers.back().heard));
    }
    stopper.join();
    for (auto& each : callers) {
      REQUIRE(each.heard->wait_closed());
      CHECK(is_lost(each.heard->reason()));
    }
    world.forget_all();
  }
}

TEMPLATE_TEST_CASE("a connection that nobody takes up is closed", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  gate come;
  auto listener = world.there().listen(world.at("other"), [&](std::shared_ptr<mailroom::connection>) { come.open(); });
  REQUIRE(listener);
  auto link = world.here().connect(world.at("other"));
  REQUIRE(link);
  end caller{*link, std::make_shared<test::recorder>(world.here_loop())};
  REQUIRE(come.wait());
  REQUIRE(caller.link->start(caller.heard));
  REQUIRE(caller.heard->wait_closed());
  CHECK(is_lost(caller.heard->reason()));
}

TEMPLATE_TEST_CASE("a peer that hangs up at once is told once, and leaves nothing", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto listener = world.there().listen(world.at("other"), [](std::shared_ptr<mailroom::connection>) {});
  REQUIRE(listener);
  auto before = test::footprint::now();
  for (int round = 0; round < 10; ++round) {
    std::vector<end> callers;
    for (int i = 0; i < 20; ++i) {
      auto link = world.here().connect(world.at("other"));
      // so many at once may be more than a listener has had time for
      for (auto deadline = clock::now() + 10s;
           !link && link.error().code() == errc::overloaded && clock::now() < deadline;)
        link = world.here().connect(world.at("other"));
      REQUIRE(link);
      auto& caller = callers.emplace_back(end{*link, std::make_shared<test::recorder>(world.here_loop())});
      if (i % 2 == 0)
        caller.send(frame(1), send_mode::system); // may fail already
      REQUIRE(caller.link->start(caller.heard));
    }
    for (auto& each : callers) {
      REQUIRE(each.heard->wait_closed());
      each.heard->reason();
    }
  }
  // the loops still run: what is gone is gone because of the end alone
  auto left = [&] { return test::footprint::now().descriptors > before.descriptors; };
  for (auto deadline = clock::now() + 5s; left() && clock::now() < deadline;)
    std::this_thread::sleep_for(1ms);
  CHECK_FALSE(left());
}

TEMPLATE_TEST_CASE("many connections do not mix their frames", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  std::vector<transport_world::two> pairs;
  for (int i = 0; i < 40; ++i)
    pairs.push_back(world.pair());
  for (std::size_t i = 0; i < pairs.size(); ++i)
    REQUIRE(pairs[i].caller.send(frame(i)) == send_result::sent);
  std::vector<std::uint64_t> ids;
  for (auto& each : pairs) {
    REQUIRE(each.called.heard->wait_frames(1));
    ids.push_back(id_of(each.called.heard->frames().front()));
    CHECK(each.called.heard->count() == 1);
  }
  std::vector<std::uint64_t> all(pairs.size());
  std::iota(all.begin(), all.end(), 0);
  CHECK(std::is_permutation(ids.begin(), ids.end(), all.begin(), all.end()));
}

// -- frames ------------------------------------------------------------------

TEMPLATE_TEST_CASE("frames of every size arrive whole and in order, both ways", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  std::vector<byte_buffer> sent;
  for (std::size_t size :
       {0, 1, 15, 16, 17, 0, 4096, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20, 3, 16 << 20, 0})
    sent.push_back(frame(sent.size(), size));
  for (auto& [from, to] : {std::pair{caller, called}, std::pair{called, caller}}) {
    for (auto& each : sent)
      REQUIRE(from.send_patiently(each));
    REQUIRE(to.heard->wait_frames(sent.size()));
    CHECK((to.heard->frames() == sent));
  }
}

TEMPLATE_TEST_CASE("a peer that never pauses leaves the others their turn", "[transport]", EVERY_TRANSPORT) {
  constexpr std::size_t many = 30'000;
  constexpr std::size_t a_turn = 300; // frames that any transport may read in one go, and some more
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  std::atomic<std::size_t> there{0};
  called.heard->hook([&](const frame_view&) { ++there; });
  std::size_t most = 0;
  std::size_t before = 0;
  gate over;
  std::function<void()> turn = [&] {
    auto now = there.load();
    most = std::max(most, now - before);
    before = now;
    if (now < many)
      world.there_loop().post(turn);
    else
      over.open();
  };
  world.there_loop().post(turn);
  for (std::uint64_t id = 0; id < many; ++id)
    if (!caller.send_patiently(frame(id)))
      break;
  REQUIRE(over.wait());
  CHECK(most <= a_turn);
}

TEMPLATE_TEST_CASE("frames go both ways at once", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  auto out = frames(0, 500, 3000);
  auto back = frames(1000, 500, 3000);
  std::atomic<bool> right{true};
  std::thread other{[&, &called = called] {
    for (auto& each : back)
      if (!called.send_patiently(each))
        right = false;
  }};
  for (auto& each : out)
    if (!caller.send_patiently(each))
      right = false;
  other.join();
  CHECK(right);
  REQUIRE(called.heard->wait_frames(out.size()));
  REQUIRE(caller.heard->wait_frames(back.size()));
  CHECK((called.heard->frames() == out));
  CHECK((caller.heard->frames() == back));
}

TEMPLATE_TEST_CASE("frames of several threads are not torn, and those of each keep their order", "[transport]",
                   EVERY_TRANSPORT) {
  auto limits = transport_world::usual_limits();
  limits.max_queued_bytes = 1 << 20;
  transport_world world{TestType::kind, limits};
  auto [caller, called] = world.pair();
  constexpr std::uint64_t threads = 3;
  constexpr std::uint64_t each_sends = 300;
  std::atomic<bool> right{true};
  std::vector<std::thread> senders;
  for (std::uint64_t me = 0; me < threads; ++me)
    senders.emplace_back([&, me, &caller = caller] {
      for (std::uint64_t i = 0; i < each_sends; ++i)
        if (!caller.send_patiently(frame(me * 1000 + i, (i * 977) % 20'000)))
          right = false;
    });
  for (auto& each : senders)
    each.join();
  CHECK(right);
  REQUIRE(called.heard->wait_frames(threads * each_sends));
  std::array<std::uint64_t, threads> next{};
  for (auto& each : called.heard->frames()) {
    auto id = id_of(each);
    auto& expected = next.at(id / 1000);
    REQUIRE(id % 1000 == expected);
    auto same = each == frame(id, (expected * 977) % 20'000);
    REQUIRE(same);
    ++expected;
  }
}

TEMPLATE_TEST_CASE("a buffer that the caller can spare arrives as any frame, and stays as it was where it is not taken",
                   "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  do_not_read(world);
  auto [caller, called] = world.pair();
  std::vector<byte_buffer> sent;
  byte_buffer buffer;
  for (std::uint64_t id = 0; id < 1000; ++id) {
    auto next = frame(id, id % 2 == 0 ? 100 : 30'000);
    buffer.assign(next.begin(), next.end());
    auto result = caller.link->send_buffer(buffer, send_mode::bounded);
    if (result != send_result::sent) {
      CHECK(result == send_result::full);
      CHECK((buffer == next));
      break;
    }
    sent.push_back(std::move(next));
  }
  begin_to_read(called);
  REQUIRE(called.heard->wait_frames(sent.size()));
  CHECK((called.heard->frames() == sent));
  caller.link->close(enough);
  REQUIRE(caller.heard->wait_closed());
  buffer = frame(7);
  CHECK(caller.link->send_buffer(buffer, send_mode::bounded) == send_result::closed);
  CHECK(buffer == frame(7));
}

TEMPLATE_TEST_CASE("a lone frame is not delayed", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.echo();
  std::size_t sent = 0;
  auto round_trip = [&, &caller = caller] {
    auto begin = clock::now();
    REQUIRE(caller.send(frame(sent)) == send_result::sent);
    REQUIRE(caller.heard->wait_frames(++sent));
    return clock::now() - begin;
  };
  CHECK(test::once_within(5ms, round_trip, 100));
}

TEMPLATE_TEST_CASE("bursts arrive to their last frame, whatever the pause between them", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  std::size_t sent = 0;
  for (int round = 0; round < 3; ++round) {
    for (auto pause : {0us, 20us, 100us, 190us, 210us, 300us, 450us, 1000us, 3000us}) {
      for (std::size_t length : {1U, 9U, 40U, 400U}) {
        for (auto& each : frames(sent, length))
          REQUIRE(caller.send_patiently(each));
        sent += length;
        // nobody drives and nobody sends any more: what was gathered goes by itself
        REQUIRE(called.heard->wait_frames(sent));
        std::this_thread::sleep_for(pause); // is what is tried: shorter and longer than what ends a burst
      }
    }
  }
  CHECK(called.heard->frames() == frames(0, sent));
}

TEMPLATE_TEST_CASE("a frame can be sent from within on_frame", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [caller, called] = world.pair();
  called.echo();
  caller.heard->hook([link = caller.link.get()](const frame_view& view) {
    if (view.header.id < 1000)
      link->send(frame(view.header.id + 1), send_mode::system);
  });
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  CHECK(caller.heard->wait_frames(1000));
}

TEMPLATE_TEST_CASE("what was sent before the other side starts arrives", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  do_not_read(world);
  auto [caller, called] = world.pair();
  auto sent = frames(0, 10);
  for (auto& each : sent)
    REQUIRE(caller.send(each) == send_result::sent);
  begin_to_read(called);
  REQUIRE(called.heard->wait_frames(sent.size()));
  CHECK(called.heard->frames() == sent);
}

// -- bounds ------------------------------------------------------------------

TEMPLATE_TEST_CASE("a peer that does not read fills the queue, and nobody blocks", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  do_not_read(world);
  auto [caller, called] = world.pair();
  auto taken = fill(caller);
  CHECK(taken.size() >= 64);
  CHECK(taken.size() < 4000);                                   // the queue, and what the kernel holds
  CHECK(caller.send(frame(1, 1024 - 16)) == send_result::full); // one of that size; a smaller one may fit
  if (TestType::kind != transport_kind::copydata)               // there the peer's inbox may hold all of it
    CHECK_FALSE(caller.link->flushed());
  CHECK(caller.heard->rooms() == 0);
  begin_to_read(called);
  REQUIRE(caller.heard->wait_rooms(1));
  REQUIRE(called.heard->wait_frames(taken.size()));
  CHECK((called.heard->frames() == taken));
  REQUIRE(caller.send(frame(7)) == send_result::sent);
  CHECK(called.heard->wait_frames(taken.size() + 1));
  CHECK(caller.heard->rooms() == 1);
}

TEMPLATE_TEST_CASE("who waits for room hears of it, though another sender has found it first", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  auto [caller, called] = world.pair();
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  REQUIRE(called.heard->wait_frames(1));
  REQUIRE(called.send(frame(1)) == send_result::sent);
  REQUIRE(caller.heard->wait_frames(1)); // they have agreed on what they go through
  held_role there{world.there_loop()};
  auto taken = fill(caller).size();
  REQUIRE(caller.send(frame(1, 1024 - 16)) == send_result::full);
  held_role here{world.here_loop()}; // whoever is to tell of room
  there.release();
  auto other = send_result::full;
  for (auto until = clock::now() + 500ms; other == send_result::full && clock::now() < until; std::this_thread::yield())
    other = caller.send(frame(2, 20'000));
  here.release(); // where senders leave all that waits to the role, there was none to find
  CHECK(caller.heard->wait_rooms(1));
  CHECK(called.heard->wait_frames(1 + taken + (other == send_result::sent ? 1 : 0)));
}

TEMPLATE_TEST_CASE("a queue that was full tells so each time when it has room again", "[transport]", EVERY_TRANSPORT) {
  std::array<gate, 5> inside;
  std::array<gate, 5> leave;
  transport_world world{TestType::kind, narrow()};
  auto [caller, called] = world.pair();
  std::vector<byte_buffer> sent;
  for (std::size_t round = 0; round < leave.size(); ++round) {
    called.heard->hook([&](const frame_view&) {
      inside.at(round).open();
      leave.at(round).wait(); // for the test only: on_frame must not block
    });
    sent.push_back(frame(round));
    REQUIRE(caller.send(sent.back()) == send_result::sent);
    REQUIRE(inside.at(round).wait());
    called.heard->hook({});
    sent = sent + fill(caller, 10'000 * round);
    CHECK(caller.heard->rooms() == static_cast<int>(round));
    leave.at(round).open();
    REQUIRE(caller.heard->wait_rooms(static_cast<int>(round) + 1));
    REQUIRE(called.heard->wait_frames(sent.size()));
  }
  CHECK((called.heard->frames() == sent));
}

TEMPLATE_TEST_CASE("an empty queue takes any one frame", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  do_not_read(world);
  auto [caller, called] = world.pair();
  auto large = frame(1, 8 << 20);
  REQUIRE(caller.send(large) == send_result::sent);
  CHECK(caller.send(frame(2)) == send_result::full);
  begin_to_read(called);
  REQUIRE(called.heard->wait_frames(1));
  CHECK((called.heard->frames().front() == large));
  REQUIRE(caller.heard->wait_rooms(1));
  REQUIRE(caller.send(large) == send_result::sent);
  CHECK(called.heard->wait_frames(2));
}

TEMPLATE_TEST_CASE("system frames exceed the bounds once over, then the connection ends", "[transport]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  do_not_read(world);
  auto [caller, called] = world.pair();
  auto accepted = fill(caller);
  auto over = std::size_t{0};
  auto last = send_result::sent;
  for (std::uint64_t id = 20'000; id < 30'000; ++id) {
    auto next = frame(id, 1024 - 16);
    last = caller.send(next, send_mode::system);
    if (last != send_result::sent)
      break;
    accepted.push_back(std::move(next));
    ++over;
  }
  CHECK(last == send_result::closed);
  CHECK(over >= 30);
  CHECK(over <= 128);
  REQUIRE(caller.heard->wait_closed());
  CHECK(caller.heard->reason().code() == errc::overloaded);
  CHECK(caller.send(frame(1)) == send_result::closed);
  // no frame is lost in between: what did not arrive comes back
  begin_to_read(called);
  REQUIRE(called.heard->wait_closed());
  CHECK(is_lost(called.heard->reason()));
  CHECK((called.heard->frames() + caller.heard->unsent() == accepted));
}

TEMPLATE_TEST_CASE("a connection is flushed when all that it accepted is on its way", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  do_not_read(world);
  auto [caller, called] = world.pair();
  CHECK(caller.link->flushed());
  REQUIRE(caller.send(frame(1, 8 << 20)) == send_result::sent);
  CHECK_FALSE(caller.link->flushed());
  begin_to_read(called);
  REQUIRE(called.heard->wait_frames(1));
  for (auto deadline = clock::now() + 10s; !caller.link->flushed() && clock::now() < deadline;)
    std::this_thread::yield();
  CHECK(caller.link->flushed());
}

// -- sizes and garbage -------------------------------------------------------

TEMPLATE_TEST_CASE("row 9: before it is admitted a peer may send 4 KiB a frame", "[transport][row9]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  world.listen();
  auto caller = world.connect();
  auto called = world.accepted();
  REQUIRE(caller.send(frame(1, mailroom::max_hello)) == send_result::sent);
  REQUIRE(called.heard->wait_frames(1));
  REQUIRE(caller.send(frame(2, mailroom::max_hello + 1)) == send_result::sent);
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::too_large);
  CHECK(called.heard->count() == 1);
  REQUIRE(caller.heard->wait_closed());
  CHECK(is_lost(caller.heard->reason()));
}

TEMPLATE_TEST_CASE("row 9: a frame above the admitted size ends the connection by its header", "[transport][row9]",
                   EVERY_TRANSPORT) {
  for (std::uint32_t size : {10'001u, 0xffff'ffffu}) {
    transport_world world{TestType::kind};
    auto [caller, called] = world.pair();
    called.link->admit(10'000);
    auto fitting = frame(1, 10'000);
    REQUIRE(caller.send(fitting) == send_result::sent);
    REQUIRE(called.heard->wait_frames(1));
    REQUIRE(caller.send(header_that_announces(size)) == send_result::sent);
    REQUIRE(called.heard->wait_closed());
    CHECK(called.heard->reason().code() == errc::too_large);
    CHECK(called.heard->reason().cause().find(std::to_string(size)) != std::string::npos);
    CHECK(called.heard->count() == 1);
  }
}

TEMPLATE_TEST_CASE("a peer is admitted from within on_frame for the very next frame", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  do_not_read(world);
  world.listen();
  auto caller = world.connect();
  auto called = world.accepted();
  called.heard->hook([link = called.link.get()](const frame_view&) { link->admit(1 << 20); });
  auto sent = frames(1, 1) + frames(2, 3, 100'000);
  for (auto& each : sent)
    REQUIRE(caller.send(each) == send_result::sent);
  begin_to_read(called);
  REQUIRE(called.heard->wait_frames(sent.size()));
  CHECK((called.heard->frames() == sent));
}

TEMPLATE_TEST_CASE("row 9: bytes that are no frame end their connection and no other", "[transport][row9]",
                   EVERY_TRANSPORT) {
  transport_world world{TestType::kind};
  auto [bystander, beside] = world.pair();
  auto [caller, called] = world.pair();
  auto garbage = frame(3);
  garbage[6] = std::byte{1};
  for (auto& each : {frame(1), frame(2), garbage, frame(4)})
    caller.send(each);
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
  CHECK(called.heard->frames() == frames(1, 2));
  REQUIRE(caller.heard->wait_closed());
  CHECK(is_lost(caller.heard->reason()));
  REQUIRE(bystander.send(frame(5)) == send_result::sent);
  CHECK(beside.heard->wait_frames(1));
  CHECK_FALSE(bystander.heard->closed());
}
