// The contract of mailroom/runtime/transport.hpp, held against every transport. What only the kernel can do to a connection stands in
// pipe_test_posix.cpp.

#include <support/transport_world.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

using mailroom::errc;
using mailroom::error;
using mailroom::frame_view;
using mailroom::transport_kind;
using mailroom::transport_limits;
using test::byte_buffer;
using test::end;
using test::frame;
using test::gate;
using test::send_mode;
using test::send_result;
using test::transport_world;

using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

struct over_memory {
  static constexpr auto kind = transport_kind::memory;
};
struct over_pipe {
  static constexpr auto kind = transport_kind::pipe;
};
struct over_shared_memory {
  static constexpr auto kind = transport_kind::shared_memory;
};
struct over_copydata {
  static constexpr auto kind = transport_kind::copydata;
};

#ifdef _WIN32
#define EVERY_TRANSPORT over_memory, over_pipe, over_shared_memory, over_copydata
#else
#define EVERY_TRANSPORT over_memory, over_pipe, over_shared_memory
#endif

transport_limits narrow() {
  auto result = transport_world::usual_limits();
  result.max_queued_bytes = 64 << 10;
  result.max_queued_messages = 100;
  return result;
}

const error enough{errc::cancelled, "test", "enough"};

bool is_lost(const error& why) {
  return why.code() == errc::process_down && why.why_down() == mailroom::down_cause::disconnected;
}

std::vector<byte_buffer> frames(std::size_t first, std::size_t count, std::size_t size = 8) {
  std::vector<byte_buffer> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(frame(first + i, size));
  return result;
}

std::vector<byte_buffer> operator+(std::vector<byte_buffer> left, const std::vector<byte_buffer>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::uint64_t id_of(const byte_buffer& frame) {
  return mailroom::read_header(frame, transport_world::admitted)->id;
}

byte_buffer header_that_announces(std::uint32_t size) {
  auto result = frame(1, 0);
  for (std::size_t i = 0; i < sizeof(size); ++i)
    result[i] = static_cast<std::byte>(size >> (8 * i));
  return result;
}

/// The accepting side does not read before the test says so.
void do_not_read(transport_world& world) {
  world.on_accept([](const end&) { return false; });
}

void begin_to_read(const end& which) {
  REQUIRE(which.link->start(which.heard));
}

/// Keeps the role of an I/O loop from everything else.
class held_role {
public:
  explicit held_role(mailroom::io_loop& loop) {
    loop.post([state = state_] {
      state->held.open();
      state->released.wait(60s);
    });
    REQUIRE(state_->held.wait());
  }
  ~held_role() { release(); }
  held_role(const held_role&) = delete;
  held_role& operator=(const held_role&) = delete;

  void release() { state_->released.open(); }

private:
  struct gates {
    gate held;
    gate released;
  };
  std::shared_ptr<gates> state_ = std::make_shared<gates>();
};

/// Sends frames of 1 KiB until one is not taken. Returns those that were.
std::vector<byte_buffer> fill(const end& from, std::uint64_t first = 0) {
  std::vector<byte_buffer> taken;
  for (std::uint64_t id = first; id < first + 10'000; ++id) {
    auto next = frame(id, 1024 - 16);
    if (from.send(next) != send_result::sent)
      return taken;
    taken.push_back(std::move(next));
  }
  return taken;
}

bool never() {
  return false;
}

} // namespace

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
  auto left = [&] { return test::footprint::now().descriptors != before.descriptors; };
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

// -- the end -----------------------------------------------------------------

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

// -- driving -----------------------------------------------------------------

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
  std::atomic<bool> stop{false};
  std::thread flood{[&, &called = called] {
    for (std::uint64_t id = 0; !stop; ++id)
      if (called.send(frame(id)) != send_result::sent)
        std::this_thread::yield();
  }};
  REQUIRE(caller.heard->wait_frames(1));
  auto begin = clock::now();
  caller.link->drive(begin + 50ms, never);
  auto took = clock::now() - begin;
  stop = true;
  flood.join();
  CHECK(took < 5s);
}

TEMPLATE_TEST_CASE("drive returns when it is done though frames keep coming", "[transport]", EVERY_TRANSPORT) {
  transport_world world{TestType::kind, narrow()};
  auto [caller, called] = world.pair();
  std::atomic<bool> stop{false};
  std::thread flood{[&, &called = called] {
    for (std::uint64_t id = 0; !stop; ++id)
      if (called.send(frame(id)) != send_result::sent)
        std::this_thread::yield();
  }};
  REQUIRE(caller.heard->wait_frames(1));
  auto begin = clock::now();
  auto before = caller.heard->count();
  CHECK(caller.drive_patiently(20s, [&, &caller = caller] { return caller.heard->count() > before; }));
  CHECK(clock::now() - begin < 5s);
  stop = true;
  flood.join();
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
  gate driving;
  std::atomic<bool> finish{false};
  std::thread first{[&, &caller = caller] {
    caller.drive(20s, [&] {
      driving.open();
      return finish.load();
    });
  }};
  REQUIRE(driving.wait());
  auto begin = clock::now();
  CHECK_FALSE(caller.drive(20s, never));
  CHECK(caller.drive(20s, [] { return true; }));
  CHECK(clock::now() - begin < 5s);
  finish = true;
  called.send(frame(1));
  first.join();
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
  gate driving;
  std::atomic<bool> finish{false};
  std::thread driver{[&, &caller = caller] {
    caller.drive(20s, [&] {
      driving.open();
      return finish.load();
    });
  }};
  REQUIRE(driving.wait());
  std::size_t sent = 0;
  auto deliver = [&, &caller = caller, &called = called] {
    auto large = frame(sent, 1 << 20);
    auto begin = clock::now();
    REQUIRE(caller.send(large) == send_result::sent);
    REQUIRE(called.heard->wait_frames(++sent));
    return clock::now() - begin;
  };
  CHECK(test::once_within(90ms, deliver)); // not at the pace at which a driver looks up
  finish = true;
  called.send(frame(1));
  driver.join();
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
