#include <processes/world.hpp>

#include <mailroom/runtime/this_process.hpp>

#include <support/leak_check.hpp>
#include <support/raw_peer.hpp>

using namespace test;

TEST_CASE("a process is up when its system is made and gone when that is destroyed", "[life]") {
  temporary_directory directory;
  mailroom::system watching{{.process = "watching", .directory = directory.path()}};
  auto names = [&] {
    std::vector<std::string> result;
    for (auto& each : watching.processes())
      result.push_back(each.name);
    std::sort(result.begin(), result.end());
    return result;
  };
  CHECK(names() == std::vector<std::string>{"watching"});
  {
    mailroom::system other{{.process = "other", .directory = directory.path()}};
    CHECK(names() == std::vector<std::string>{"other", "watching"});
    CHECK(watching.wait_for("other", 0ms).has_value() + watching.wait_for("other", 5s).has_value() >= 1);
  }
  CHECK(names() == std::vector<std::string>{"watching"});
  process host{programs / "host", {"far"}, directory.path()};
  REQUIRE(watching.wait_for("far/control", 20s));
  CHECK(names() == std::vector<std::string>{"far", "watching"});
  for (auto& each : watching.processes())
    if (each.name == "far")
      CHECK(static_cast<int>(each.pid) == host.pid());
}

TEST_CASE("a system leaves no thread, file or socket behind", "[life]") {
  temporary_directory directory;
  auto once = [&] {
    mailroom::system one{{.process = "one", .directory = directory.path()}};
    mailroom::system two{{.process = "two", .directory = directory.path()}};
    spawn_mailboxes(two);
    REQUIRE(one.request<number>("two/echo", number{1}));
    static_cast<void>(one.request_future<number>("two/keeper", number{1}));
  };
  once(); // what is made once for all
  auto before = footprint::now();
  for (auto i = 0; i < rounds(5, 1000); ++i)
    once();
  CHECK(eventually([&] { return footprint::now().adds_nothing_to(before); }));
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("two systems in one process talk over each transport", "[life]") {
  temporary_directory directory;
  auto transports = GENERATE(std::vector{mailroom::transport_kind::memory}, std::vector{mailroom::transport_kind::pipe},
                             std::vector{mailroom::transport_kind::memory, mailroom::transport_kind::pipe});
  mailroom::system one{{.process = "one", .directory = directory.path(), .transports = transports}};
  mailroom::system two{{.process = "two", .directory = directory.path(), .transports = transports}};
  spawn_mailboxes(one);
  spawn_mailboxes(two);
  CHECK(one.request<number>("two/echo", number{1}) == number{1});
  CHECK(two.request<number>("one/late", later{10, 2}) == number{2});
  CHECK(two.request<number>("one/relay", forward{*mailroom::address::parse("two/echo"), 3}) == number{3});
  for (std::uint64_t i = 0; i < 1000; ++i)
    REQUIRE(one.send("two/recorder", item{1, i, {}}));
  auto got = one.request<report>("two/recorder", std::string{"report"});
  REQUIRE(got);
  CHECK(got->count == 1000);
  CHECK(got->disorder == 0);
}

TEST_CASE("a system takes CAF's settings of one's own", "[life]") {
  temporary_directory directory;
  caf::actor_system_config own;
  own.set("scheduler.max-threads", std::size_t{5});
  mailroom::system sys{{.process = "own", .directory = directory.path()}, own};
  CHECK(&sys.actors().config() == &own);
  spawn_mailboxes(sys);
  CHECK(sys.request<number>("echo", number{1}));
}

TEST_CASE("a process without a name gets one of its own", "[life]") {
  temporary_directory directory;
  mailroom::system one{{.directory = directory.path()}};
  mailroom::system two{{.directory = directory.path()}};
  CHECK(one.process().find(std::to_string(mailroom::this_process_id())) != std::string::npos);
  CHECK(one.process() != two.process());
}

TEST_CASE("stop asks every actor to exit and says who does not", "[life]") {
  temporary_directory directory;
  log_lines log;
  std::atomic<bool> go{false};
  {
    mailroom::system sys{{.process = "stopping", .directory = directory.path(), .log = log.callback()}};
    spawn_mailboxes(sys);
    sys.spawn("stubborn", [&go](caf::event_based_actor* self) {
      self->set_exit_handler([self, &go](caf::exit_msg&) {
        if (go)
          self->quit();
      });
      return caf::behavior{[](int) {}};
    });
    std::vector<std::string> left;
    CHECK(eventually([&] {
      left = sys.stop(200ms);
      REQUIRE(std::count(left.begin(), left.end(), "stubborn") == 1);
      return left.size() == 1; // another one may have needed longer
    }));
    CHECK(failure_of(sys.request<number>("stubborn", number{1})).code() == errc::shutting_down);
    CHECK_THROWS_AS(sys.spawn("new", [](caf::event_based_actor*) {}), mailroom::failure);
    std::thread release{[&] {
      eventually([&] { return log.count("still running: stubborn") > 0; });
      go = true;
    }};
    release.detach();
  }
  CHECK(log.count("stopping cannot stop: still running: stubborn") >= 1);
}

TEST_CASE("what was accepted before stop is delivered", "[life]") {
  world world{place::elsewhere};
  constexpr std::uint64_t count = 3'000;
  for (std::uint64_t i = 0; i < count; ++i)
    REQUIRE(world.sys().send("host/recorder", item{1, i, std::vector<std::uint8_t>(500)}));
  CHECK(world.sys().stop().empty());
  world.stop_system();
  mailroom::system after{{.process = "after", .directory = world.directory()}};
  // another sender's question may be read before the last of them
  CHECK(eventually([&] {
    auto got = after.request<report>("host/recorder", std::string{"report"});
    return got && got->count == count && got->disorder == 0;
  }));
}

TEST_CASE("stop in a handler only asks for it", "[life]") {
  world world{place::elsewhere};
  REQUIRE(world.sys().request<std::int64_t>("host/control", std::string{"stop"}, std::int32_t{0}));
  CHECK(world.host().wait_for(10'000) == 0);
}

TEST_CASE("a handle may outlive its system: what is sent then goes nowhere and harms nobody", "[life]") {
  temporary_directory directory;
  caf::actor local;
  caf::actor remote;
  mailroom::system other{{.process = "other", .directory = directory.path()}};
  spawn_mailboxes(other);
  {
    mailroom::system sys{{.process = "short", .directory = directory.path()}};
    spawn_mailboxes(sys);
    local = sys.mailbox("echo");
    remote = sys.mailbox("other/echo");
    REQUIRE(sys.request<number>("other/echo", number{1}));
  }
  caf::anon_send(local, number{1});
  caf::anon_send(remote, number{2});
  caf::scoped_actor self{other.actors()};
  mailroom::error got{errc::cancelled, ""};
  self->request(remote, 5s, number{3}).receive([](number) {}, [&](caf::error& what) { got = mailroom::error{what}; });
  CHECK(got.code() == errc::shutting_down);
  self->monitor(remote);
  auto told = false;
  self->receive([&](const caf::down_msg&) { told = true; }, caf::after(5s) >> [] {});
  CHECK(told);
}

TEST_CASE("requests that are open when the system goes are answered", "[life]") {
  world world{place::elsewhere};
  auto open = world.sys().request_future<number>("host/keeper", 10s, number{1});
  REQUIRE(world.sys().request<number>("host/echo", number{1}));
  world.stop_system();
  REQUIRE(open.wait_for(1s) == std::future_status::ready);
  CHECK(failure_of(open.get()).code() == errc::shutting_down);
}

TEST_CASE("an operator sees what happens", "[life]") {
  log_lines log;
  temporary_directory directory;
  {
    mailroom::system sys{
      {.process = "seen", .directory = directory.path(), .log = log.callback(), .log_level = mailroom::level::info}};
    process host{programs / "host", {"host"}, directory.path()};
    REQUIRE(sys.wait_for("host/control", 20s));
    REQUIRE(sys.request<number>("host/echo", number{1}));
    host.kill();
    CHECK(eventually([&] { return log.count("host is down: process down: " + std::string{killed_in_words}) == 1; }));
    caf::scoped_actor self{sys.actors()};
    for (auto i = 0; i < 1000; ++i)
      self->send(sys.mailbox("nobody/there"), number{i});
  }
  CHECK(log.count("seen is up") == 1);
  CHECK(log.count("name claimed in " + directory.path().string()) == 1);
  CHECK(log.count("host is up") == 1);
  CHECK(log.count("dead letter to nobody/there") <= 3);
  CHECK(log.count("seen is down: stopped") == 1);
}

TEST_CASE("a process whose every answer takes a while is reached all the same", "[life]") {
  world world{place::here};
  auto& sys = world.sys();
  std::atomic<bool> stop{false};
  std::atomic<int> messages{0};
  raw_listener listener{world.directory(), "slow"};
  std::thread slow{[&] {
    auto caller = listener.accept(20s);
    if (!caller)
      return;
    try {
      static_cast<void>(caller->read_frame()); // hello
      caller->write(raw_peer::introduction(mailroom::frame_kind::welcome, "slow", ""));
      while (!stop) {
        auto got = caller->read_frame();
        if (got.header.kind != mailroom::frame_kind::ping) {
          messages += got.header.kind == mailroom::frame_kind::message ? 1 : 0;
          continue;
        }
        // longer than anybody waits before he asks again
        std::this_thread::sleep_for(30ms);
        auto there = got.body.empty() ? mailroom::byte_buffer{} : mailroom::byte_buffer{std::byte{1}};
        caller->write(raw_peer::frame(mailroom::frame_kind::pong, got.header.id, there));
      }
    } catch (const std::runtime_error&) {
      // gone
    }
  }};
  SECTION("by who waits for it") {
    CHECK(sys.wait_for("slow/echo", 5s));
  }
  SECTION("by a message that waits for it") {
    CHECK(sys.send("slow/echo", {.wait_for_process = 20s}, item{1, 0, {}}));
    CHECK(eventually([&] { return messages == 1; }));
  }
  stop = true;
  world.stop_system();
  slow.join();
}

TEST_CASE("messages wait for a process that is about to start where that is asked for", "[life]") {
  SECTION("by the configuration") {
    mailroom::config settings;
    settings.wait_for_process = 20s;
    world world{place::elsewhere, settings};
    auto& sys = world.sys();
    auto early = sys.request_future<number>("soon/echo", 20s, number{1});
    REQUIRE(sys.send("soon/recorder", item{1, 0, {}}));
    process soon{programs / "host", {"soon"}, world.directory()};
    CHECK(early.get() == number{1});
    auto got = sys.request<report>("soon/recorder", std::string{"report"});
    REQUIRE(got);
    CHECK(got->count == 1);
  }
  SECTION("by the call, and not for ever") {
    world world{place::elsewhere};
    auto& sys = world.sys();
    auto before = clock::now();
    auto failed = failure_of(sys.request<number>("never/echo", {.wait_for_process = 100ms}, number{1}));
    CHECK(failed.code() == errc::no_such_process);
    CHECK(clock::now() - before >= 100ms);
    CHECK(clock::now() - before < 5s); // a request's own time would be thirty
    CHECK(failure_of(sys.wait_for("never", 50ms)).code() == errc::no_such_process);
    CHECK(failure_of(sys.request<number>("never/echo", number{1})).code() == errc::no_such_process);
    process soon{programs / "host", {"soon"}, world.directory()};
    CHECK(sys.request<number>("soon/echo", mailroom::call_options{.timeout = 20s, .wait_for_process = 20s}, number{2})
          == number{2});
  }
}

TEST_CASE("a misconfigured system does not start, and says why", "[life]") {
  temporary_directory directory;
  auto cause = [](mailroom::config settings) -> std::string {
    try {
      mailroom::system sys{settings};
      return "it started";
    } catch (const mailroom::failure& what) {
      return what.what();
    }
  };
  CHECK(cause({.process = "a b", .directory = directory.path()})
        == "a b: invalid address: a space is not allowed in a name");
  CHECK(cause({.process = "x", .directory = directory.path(), .transports = {}})
        == "config.transports: no transport is configured");
  auto orphan = directory.path() / "no" / "parent";
  CHECK(cause({.process = "x", .directory = orphan}).starts_with(orphan.string() + ": "));
}
