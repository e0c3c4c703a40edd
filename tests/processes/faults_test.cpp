// The rows of the fault matrix that this version keeps, each a test of its number. What a row promises stands in docs/semantics.md.

#include <processes/world.hpp>

#include <mailroom/runtime/this_process.hpp>

#include <support/raw_peer.hpp>

#include <fstream>

using namespace test;

namespace {

auto milliseconds_since(clock::time_point before) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - before).count();
}

std::vector<std::uint64_t> counts_of_host(mailroom::system& sys) {
  auto got = sys.request<std::vector<std::uint64_t>>("host/control", std::string{"counts"});
  REQUIRE(got);
  return *got;
}

} // namespace

TEST_CASE("row 1: a peer killed mid-request answers process_down and fires monitors once, after what had arrived",
          "[faults]") {
  auto soonest = clock::duration::max();
  for (auto round = 0; round < rounds(5, 100); ++round) {
    world world{place::elsewhere};
    auto& sys = world.sys();
    caf::scoped_actor self{sys.actors()};
    self->monitor(sys.mailbox("host/keeper"));
    std::vector<std::future<mailroom::expected<number>>> open;
    for (auto i = 0; i < 20; ++i)
      open.push_back(sys.request_future<number>("host/keeper", 10s, number{i}));
    // letters that the peer writes to us before it dies
    auto mine = sys.address_of(caf::actor{self});
    for (auto i = 0; i < 9; ++i)
      REQUIRE(sys.send("host/correspondent", mine, "letter " + std::to_string(i)));
    REQUIRE(
      sys.request<void>("host/correspondent", mine, std::string{"letter 9"})); // its answer is written behind them
    auto before = clock::now();
    world.host().kill();
    for (auto& each : open) {
      REQUIRE(each.wait_for(5s) == std::future_status::ready);
      auto failed = failure_of(each.get());
      CHECK(failed.code() == errc::process_down);
      CHECK(exit_status(failed) == killed);
    }
    soonest = std::min(soonest, clock::now() - before);
    std::vector<std::string> events;
    for (auto i = 0; i < 11; ++i)
      self->receive([&](const text& letter) { events.push_back(letter.value); },
                    [&](const caf::down_msg&) { events.push_back("down"); },
                    caf::after(2s) >> [&] { events.push_back("nothing"); });
    REQUIRE(events.size() == 11);
    for (auto i = 0; i < 10; ++i)
      CHECK(events[static_cast<std::size_t>(i)] == "letter " + std::to_string(i));
    CHECK(events[10] == "down");
    auto again = false;
    self->receive([&](const caf::down_msg&) { again = true; }, caf::after(20ms) >> [] {});
    CHECK_FALSE(again);
  }
  CHECK(soonest < 100ms * slowness);
}

TEST_CASE("row 1: a child of the dead peer that holds its sockets does not hide the death", "[faults]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  CHECK(once_within(100ms * slowness, [&] {
    auto open = sys.request_future<number>("host/keeper", 10s, number{1});
    auto child = sys.request<std::int64_t>("host/control", std::string{"heir"}, std::int32_t{20});
    REQUIRE(child);
    auto before = clock::now();
    world.host().kill();
    REQUIRE(open.wait_for(5s) == std::future_status::ready);
    auto took = clock::now() - before;
    CHECK(failure_of(open.get()).code() == errc::process_down);
    // and its name is free for the next, though the child lives
    CHECK(lives(*child));
    world.host().wait();
    world.start_host();
    CHECK(sys.request<number>("host/echo", number{2}) == number{2});
    kill(*child);
    return took;
  }));
}

TEST_CASE("row 1: a blocking caller that reads itself notices the death too", "[faults]") {
  auto soonest = clock::duration::max();
  for (auto round = 0; round < rounds(5, 100); ++round) {
    world world{place::elsewhere};
    auto& sys = world.sys();
    REQUIRE(sys.request<number>("host/echo", number{1}));
    auto has_heir = round % 2 == 1;
    std::int64_t child = 0;
    if (has_heir)
      child = *sys.request<std::int64_t>("host/control", std::string{"heir"}, std::int32_t{20});
    clock::time_point death;
    auto sent = sys.statistics().sent;
    std::thread killer{[&] {
      eventually([&] { return sys.statistics().sent > sent; }, 10s);
      std::this_thread::sleep_for(30ms); // it reads by now
      death = clock::now();
      world.host().kill();
    }};
    auto got = sys.request<number>("host/keeper", 10s, number{1});
    auto noticed = clock::now();
    killer.join();
    auto failed = failure_of(got);
    CHECK(failed.code() == errc::process_down);
    soonest = std::min(soonest, noticed - death);
    if (has_heir)
      kill(child);
  }
  CHECK(soonest < 100ms * slowness);
}

TEST_CASE("row 2: a stopped peer means timeout at the deadline, and down after hung_after", "[faults]") {
  mailroom::config settings;
  settings.hung_after = 1000ms;
  settings.heartbeat = 200ms;
  world world{place::elsewhere, settings};
  auto& sys = world.sys();
  REQUIRE(sys.request<number>("host/echo", number{1}));
  caf::scoped_actor self{sys.actors()};
  self->monitor(sys.mailbox("host/echo"));
  REQUIRE(sys.request<number>("host/echo", number{1}));
  world.host().stop();
  auto before = clock::now();
  CHECK(once_within(
    300ms,
    [&] {
      auto begin = clock::now();
      CHECK(failure_of(sys.request<number>("host/echo", 200ms, number{2})).code() == errc::timeout);
      auto took = clock::now() - begin;
      CHECK(took >= 200ms);
      return took;
    },
    3)); // before hung_after
  // who waits longer learns that the peer is down
  auto failed = failure_of(sys.request<number>("host/echo", 10s, number{3}));
  CHECK(failed.code() == errc::process_down);
  CHECK(failed.why_down() == mailroom::down_cause::hung);
  CHECK(milliseconds_since(before) < 5000); // before the deadline
  auto downs = 0;
  self->receive(
    [&](const caf::down_msg& what) { downs += mailroom::error{what.reason}.why_down() == mailroom::down_cause::hung; },
    caf::after(1s) >> [] {});
  CHECK(downs == 1);
  // one that comes back begins a new session
  world.host().resume();
  CHECK(eventually([&] { return sys.request<number>("host/echo", 500ms, number{4}).has_value(); }));
  self->receive([&](const caf::down_msg&) { ++downs; }, caf::after(20ms) >> [] {});
  CHECK(downs == 1);
}

TEST_CASE("row 2: a peer that is only busy is not down", "[faults]") {
  mailroom::config settings;
  settings.hung_after = 800ms;
  settings.heartbeat = 50ms;
  world world{place::elsewhere, settings};
  auto& sys = world.sys();
  REQUIRE(sys.request<number>("host/echo", number{1}));
  // every worker of the peer is busy for longer than hung_after
  std::vector<std::future<mailroom::expected<number>>> slow;
  for (auto i = 1; i <= 4; ++i)
    slow.push_back(sys.request_future<number>("host/sleeper-" + std::to_string(i), 10s, later{1500, i}));
  for (auto& each : slow)
    CHECK(each.get());
  CHECK(world.log().count("host is down") == 0);
}

TEST_CASE("row 3: after a restart old requests are process_down, and the same handle reaches the new process",
          "[faults]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  auto handle = sys.mailbox("host/echo");
  caf::scoped_actor self{sys.actors()};
  for (auto round = 0; round < rounds(3, 50); ++round) {
    std::optional<mailroom::error> old;
    auto open = sys.request_future<number>("host/keeper", 10s, number{1});
    self->monitor(handle);
    REQUIRE(sys.request<number>("host/echo", number{1}));
    world.host().kill();
    world.host().wait();
    world.start_host();
    auto before = clock::now();
    auto got = false;
    self->request(handle, 5s, number{5}).receive([&](number reply) { got = reply.value == 5; }, [](caf::error&) {});
    CHECK(got);
    CHECK(milliseconds_since(before) < 2000); // before the deadline
    REQUIRE(open.wait_for(0s) == std::future_status::ready);
    CHECK(failure_of(open.get()).code() == errc::process_down);
    // told before anything of the new session
    auto downs = 0;
    self->receive([&](const caf::down_msg&) { ++downs; }, caf::after(0s) >> [] {});
    CHECK(downs == 1);
  }
}

TEST_CASE("row 4: of many who claim one name one wins, and the others learn its pid", "[faults]") {
  temporary_directory directory;
  constexpr auto claimants = 16;
  for (auto round = 0; round < rounds(3, 60); ++round) {
    std::vector<process> racing;
    for (auto i = 0; i < claimants; ++i)
      racing.emplace_back(programs / "host", std::vector<std::string>{"contested"}, directory.path());
    mailroom::system sys{{.process = "judge", .directory = directory.path()}};
    REQUIRE(sys.wait_for("contested/control", 30s));
    auto winner = sys.request<std::int64_t>("contested/control", std::string{"pid"}, std::int32_t{0});
    REQUIRE(winner);
    auto losers = 0;
    for (auto& each : racing) {
      if (each.pid() == *winner)
        continue;
      auto code = each.wait_for(30'000);
      REQUIRE(code);
      CHECK(*code == 3); // name_taken
      ++losers;
    }
    CHECK(losers == claimants - 1);
    auto failed = start_error(directory.path(), "contested");
    CHECK(failed.code() == errc::name_taken);
    CHECK(failed.cause() == "name taken by process " + std::to_string(*winner));
  }
  // within one process too
  mailroom::system one{{.process = "mine", .directory = directory.path()}};
  CHECK(start_error(directory.path(), "mine").cause()
        == "name taken by process " + std::to_string(mailroom::this_process_id()));
  CHECK(start_error(directory.path() / ".", "mine").code() == errc::name_taken);
  process other{programs / "host", {"mine"}, directory.path()};
  CHECK(other.wait() == 3);
}

TEST_CASE("row 5: what a dead owner left behind is taken over silently", "[faults]") {
  temporary_directory directory;
  log_lines log;
  for (auto round = 0; round < 3; ++round) {
    process owner{programs / "host", {"mortal"}, directory.path()};
    mailroom::system sys{{.process = "heir-" + std::to_string(round), .directory = directory.path()}};
    REQUIRE(sys.wait_for("mortal/control", 20s));
    owner.kill();
    owner.wait();
    CHECK(std::filesystem::exists(directory.path() / "mortal.lock"));
    mailroom::system heir{{.process = "mortal",
                           .directory = directory.path(),
                           .log = log.callback(),
                           .log_level = mailroom::level::warning}};
    spawn_mailboxes(heir);
    CHECK(sys.request<number>("mortal/echo", number{1}) == number{1});
  }
  // whatever lies at the names of the files
  std::ofstream{directory.path() / "strange.sock"} << "not a socket";
  std::ofstream{directory.path() / "strange.lock"} << "not a lock";
  mailroom::system strange{{.process = "strange", .directory = directory.path(), .log = log.callback()}};
  CHECK(log.count("") == 0);
}

TEST_CASE("row 6: a directory that cannot be used stops the start, with path and cause", "[faults]") {
  temporary_directory base;
  auto path = base.path() / "runtime";
  auto expect = [&](errc code, const std::string& cause) { check_start_fails(path, code, cause); };
  SECTION("a file") {
    std::ofstream{path} << "?";
    expect(errc::denied, "no directory");
  }
  SECTION("a long path is no fault") {
    path = base.path();
    while (path.string().size() < 200)
      path /= "long";
    std::filesystem::create_directories(path.parent_path());
    CHECK(start_error(path).cause() == "it started");
  }
}

TEST_CASE("row 9: garbage, truncated and over-long frames close that connection and harm nobody else", "[faults]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  REQUIRE(sys.request<number>("host/echo", number{1}));
  auto hello = raw_peer::hello("intruder", "host");
  auto bytes = [](std::initializer_list<int> values) {
    mailroom::byte_buffer result;
    for (auto each : values)
      result.push_back(static_cast<std::byte>(each));
    return result;
  };
  SECTION("before the handshake") {
    std::vector<mailroom::byte_buffer> attacks{
      bytes({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}),
      bytes({0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), // 4 GiB announced
      bytes({0x01, 0x10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),       // one more than a hello may have
      raw_peer::frame(mailroom::frame_kind::message, 0, bytes({0, 0, 0})),
      raw_peer::frame(mailroom::frame_kind::hello, 0, bytes({1, 2, 3})),
    };
    for (auto& attack : attacks)
      CHECK(once_within(1500ms, [&] { // before it is closed for saying nothing
        raw_peer intruder{world.directory(), "host"};
        auto before = clock::now();
        intruder.write(attack);
        REQUIRE(intruder.closed_within(20s));
        return clock::now() - before;
      }));
  }
  SECTION("after the handshake") {
    std::vector<mailroom::byte_buffer> attacks{
      bytes({0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
      bytes({0, 0, 0, 0, 13, 0, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0}),    // reserved bytes
      bytes({0, 0, 0, 0, 13, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), // unknown flag
      bytes({0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),    // unknown kind
      raw_peer::frame(mailroom::frame_kind::message, 0, bytes({1, 2})),
      raw_peer::frame(mailroom::frame_kind::request, 1, bytes({1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 'x'})),
      raw_peer::frame(mailroom::frame_kind::failure, 1, {}),
      raw_peer::frame(mailroom::frame_kind::down, 0, bytes({1})),
      raw_peer::frame(mailroom::frame_kind::exit, 0, bytes({1})),
      raw_peer::frame(mailroom::frame_kind::link, 0, bytes({1})),
      raw_peer::frame(mailroom::frame_kind::watch, 0, {}),
      raw_peer::frame(mailroom::frame_kind::hello, 0, {}),
    };
    for (auto& attack : attacks) {
      raw_peer intruder{world.directory(), "host"};
      intruder.write(hello);
      REQUIRE(intruder.read_frame().header.kind == mailroom::frame_kind::welcome);
      intruder.write(attack);
      CHECK(intruder.closed_within(20s));
    }
    CHECK(counts_of_host(sys)[5] >= attacks.size());
  }
  SECTION("cut off in the middle") {
    for (std::size_t length = 1; length < hello.size(); length += 7) {
      raw_peer intruder{world.directory(), "host"};
      intruder.write({hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(length)});
    }
  }
  SECTION("random bytes") {
    std::mt19937 random{20'260'101};
    for (auto round = 0; round < rounds(50, 5000); ++round) {
      raw_peer intruder{world.directory(), "host"};
      if (round % 2 == 1) {
        intruder.write(hello);
        REQUIRE(intruder.read_frame().header.kind == mailroom::frame_kind::welcome);
      }
      mailroom::byte_buffer noise(random() % 400);
      for (auto& each : noise)
        each = static_cast<std::byte>(random());
      intruder.write(noise);
    }
  }
  CHECK(sys.request<number>("host/echo", number{2}) == number{2});
  CHECK(world.log().count("host is down") == 0);
}

TEST_CASE("row 9: who says hello too late is not waited for", "[faults]") {
  world world{place::elsewhere};
  raw_peer intruder{world.directory(), "host"};
  auto before = clock::now();
  auto hello = raw_peer::hello("intruder", "host");
  // a byte now and then does not help
  auto closed = false;
  for (std::size_t i = 0; i + 1 < hello.size() && !closed; ++i) {
    intruder.write({hello[i]});
    closed = intruder.closed_within(100ms);
  }
  CHECK(closed);
  CHECK(milliseconds_since(before) < 10'000); // it would trickle for longer
  CHECK(world.sys().request<number>("host/echo", number{1}));
}

TEST_CASE("row 9: a frame that trickles in closes its connection after ten seconds", "[faults][slow]") {
  world world{place::elsewhere};
  raw_peer intruder{world.directory(), "host"};
  intruder.write(raw_peer::hello("intruder", "host"));
  REQUIRE(intruder.read_frame().header.kind == mailroom::frame_kind::welcome);
  auto slow = raw_peer::frame(mailroom::frame_kind::message, 0, mailroom::byte_buffer(1000));
  auto before = clock::now();
  auto closed = false;
  for (std::size_t i = 0; i < 100 && !closed; ++i) {
    intruder.write({slow[i]});
    closed = intruder.closed_within(200ms);
  }
  CHECK(closed);
  CHECK(milliseconds_since(before) >= 9'000);
  CHECK(milliseconds_since(before) < 18'000); // it would trickle for twenty seconds
}

TEST_CASE("row 10: container bombs, depth, enums and bools are undecodable to the sender and nothing to the mailbox",
          "[faults]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  raw_peer intruder{world.directory(), "host"};
  intruder.write(raw_peer::hello("intruder", "host"));
  REQUIRE(intruder.read_frame().header.kind == mailroom::frame_kind::welcome);
  auto handled = counts_of_host(sys)[1];
  auto payload = [](std::string_view type, std::initializer_list<int> values) {
    mailroom::byte_buffer result{std::byte{1}, static_cast<std::byte>(type.size())};
    for (auto c : type)
      result.push_back(static_cast<std::byte>(c));
    for (auto each : values)
      result.push_back(static_cast<std::byte>(each));
    return result;
  };
  std::vector<std::pair<std::string, mailroom::byte_buffer>> bombs{
    {"4 GiB of text", payload("text", {0xff, 0xff, 0xff, 0xff})},
    {"4 G numbers", payload("[i64]", {0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})},
    {"4 G structures", payload("[test.number]", {0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8})},
    {"4 G texts", payload("[text]", {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})},
    {"a bool of 2", payload("bool", {2})},
    {"bytes left over", payload("test.number", {1, 0, 0, 0, 0, 0, 0, 0, 9})},
    {"bytes missing", payload("test.number", {1, 0, 0})},
    {"nothing at all", {}},
    {"types cut off", {std::byte{3}, std::byte{4}, std::byte{'t'}}},
  };
  std::uint64_t id = 0;
  for (auto& [name, bomb] : bombs) {
    CAPTURE(name);
    intruder.write(raw_peer::request(++id, "echo", bomb));
    auto answer = intruder.read_frame();
    REQUIRE(answer.header.kind == mailroom::frame_kind::failure);
    CHECK(answer.header.id == id);
    CHECK(static_cast<errc>(answer.body[0]) == errc::undecodable);
  }
  CHECK(counts_of_host(sys)[1] - handled <= 1); // the question itself
  CHECK(sys.request<number>("host/echo", number{1}));
}

TEST_CASE("row 11: unknown type, mailbox and request id are answered or counted, and the connection stays",
          "[faults]") {
  world world{place::elsewhere};
  raw_peer intruder{world.directory(), "host"};
  intruder.write(raw_peer::hello("intruder", "host"));
  REQUIRE(intruder.read_frame().header.kind == mailroom::frame_kind::welcome);
  mailroom::byte_buffer stranger{std::byte{1}, std::byte{3}, std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  intruder.write(raw_peer::request(1, "echo", stranger));
  auto answer = intruder.read_frame();
  CHECK(answer.header.kind == mailroom::frame_kind::failure);
  CHECK(static_cast<errc>(answer.body[0]) == errc::unknown_type);
  intruder.write(raw_peer::request(2, "nobody", stranger));
  answer = intruder.read_frame();
  CHECK(answer.header.id == 2);
  CHECK(static_cast<errc>(answer.body[0]) == errc::no_such_mailbox);
  intruder.write(raw_peer::frame(mailroom::frame_kind::reply, 12345, stranger));
  intruder.write(raw_peer::frame(mailroom::frame_kind::ping, 7, {}));
  CHECK(intruder.read_frame().header.kind == mailroom::frame_kind::pong);
  CHECK(counts_of_host(world.sys())[4] == 1); // late replies
}

TEST_CASE("row 12: another protocol version is refused with both versions, and there is no storm of tries",
          "[faults]") {
  SECTION("a caller of another version") {
    world world{place::elsewhere};
    raw_peer future{world.directory(), "host"};
    auto hello = raw_peer::hello("future", "host");
    hello[mailroom::frame_header_size + 8] = std::byte{42};
    future.write(hello);
    auto answer = future.read_frame();
    REQUIRE(answer.header.kind == mailroom::frame_kind::refuse);
    CHECK(static_cast<errc>(answer.body[0]) == errc::version_mismatch);
    CHECK(future.closed_within(20s));
  }
  SECTION("a process of another version") {
    world world{place::here};
    auto& sys = world.sys();
    raw_listener future{world.directory(), "future"};
    std::atomic<int> connections{0};
    std::thread serve{[&] {
      while (auto caller = future.accept(1500ms)) {
        ++connections;
        static_cast<void>(caller->read_frame());
        auto welcome = raw_peer::introduction(mailroom::frame_kind::welcome, "future", "");
        welcome[mailroom::frame_header_size + 8] = std::byte{42};
        caller->write(welcome);
        caller->closed_within(1s);
      }
    }};
    auto before = clock::now();
    std::vector<mailroom::expected<number>> tries;
    while (tries.size() < 50) {
      tries.push_back(sys.request<number>("future/echo", number{1}));
      std::this_thread::sleep_for(1ms); // in which one that tries again by itself would have connected
    }
    auto seconds = milliseconds_since(before) / 1000;
    serve.join();
    for (auto& each : tries) {
      auto failed = failure_of(each);
      CHECK(failed.code() == errc::version_mismatch);
      CHECK(failed.cause().find("42") != std::string::npos);
      CHECK(failed.cause().find("1") != std::string::npos);
    }
    CHECK(connections <= 1 + seconds); // a refusal lasts for one
  }
}

TEST_CASE("row 17: a reply around the deadline ends its request once", "[faults]") {
  IN_EVERY_PLACE();
  auto replies = 0;
  auto timeouts = 0;
  auto late_returns = 0;
  for (auto round = 0; round < rounds(60, 2000); ++round) {
    auto offset = round % 3 - 1;
    auto before = clock::now();
    auto got = sys.request<number>("host/late", 10ms, later{10 + offset, round});
    late_returns += milliseconds_since(before) < 60 * slowness ? 0 : 1;
    if (got) {
      CHECK(got->value == round);
      ++replies;
    } else {
      CHECK(got.error().code() == errc::timeout);
      ++timeouts;
    }
  }
  CHECK(replies + timeouts == rounds(60, 2000));
  CHECK(2 * late_returns < replies + timeouts);
  if (where != place::here) {
    // a reply that comes when nobody waits any more finds no request, and is counted
    CHECK(sys.request<number>("host/late", later{50, 0})); // what was late is here by now
    std::uint64_t late = 0;
    // again where we stood still for so long that the reply was there when we looked
    REQUIRE(eventually([&] {
      late = sys.statistics().late;
      return !sys.request<number>("host/late", 5ms, later{40 * slowness, 1});
    }));
    CHECK(eventually([&] { return sys.statistics().late == late + 1; }));
  }
  // futures and actors end once too: a second ending would throw, or arrive here
  std::vector<std::future<mailroom::expected<number>>> open;
  for (auto i = 0; i < 50; ++i)
    open.push_back(sys.request_future<number>("host/late", 10ms, later{9 + i % 3, i}));
  for (auto& each : open)
    REQUIRE(each.wait_for(5s) == std::future_status::ready);
  std::atomic<int> endings{0};
  auto asking = sys.actors().spawn([&sys, &endings](caf::event_based_actor* self) {
    for (auto i = 0; i < 50; ++i)
      self->request(sys.mailbox("host/late"), 10ms, later{9 + i % 3, i})
        .then([&](number) { ++endings; }, [&](caf::error&) { ++endings; });
    return caf::behavior{[](int) {}};
  });
  CHECK(eventually([&] { return endings == 50; }));
  std::this_thread::sleep_for(30ms);
  CHECK(endings == 50);
  caf::anon_send_exit(asking, caf::exit_reason::user_shutdown);
}
