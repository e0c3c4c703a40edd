// The mailbox that stands for a process itself, and what a process owes the one that started it.

#include <processes/world.hpp>

#include <mailroom/runtime/process_mailbox.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <support/environment.hpp>

using namespace test;

namespace {

/// The ends of processes, as an actor is told.
struct witness {
  explicit witness(mailroom::system& sys) : self{sys.actors()} {}

  std::vector<mailroom::error> downs(std::size_t expected, std::chrono::milliseconds within = 10s) {
    std::vector<mailroom::error> result;
    auto done = false;
    while (!done && result.size() < expected)
      self->receive([&](const caf::down_msg& what) { result.emplace_back(what.reason); },
                    caf::after(within) >> [&] { done = true; });
    return result;
  }

  caf::scoped_actor self;
};

/// What an actor of `sys` is answered that asks a process to stop.
std::string ask_to_stop(mailroom::system& sys, const std::string& process) {
  caf::scoped_actor self{sys.actors()};
  std::string result;
  self->request(sys.mailbox(process + "/mailroom"), 10s, mailroom::stop_process{})
    .receive([&](bool heard) { result = heard ? "yes" : "yes, but nobody runs"; },
             [&](const caf::error& why) { result = to_string(mailroom::error{why}); });
  return result;
}

constexpr int orphan_exit_code = 71;

} // namespace

TEST_CASE("who monitors a process is told once when it is gone, and how", "[process_mailbox]") {
  auto where = GENERATE(place::elsewhere, place::shares_memory);
  world world{where, {.heartbeat = 50ms, .hung_after = 500ms * slowness}};
  auto& sys = world.sys();
  witness who{sys};
  who.self->monitor(sys.mailbox("host/mailroom"));
  REQUIRE(sys.request<number>("host/echo", number{1}));
  SECTION("killed") {
    world.host().kill();
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].why_down() == mailroom::down_cause::exited);
    CHECK(exit_status(told[0]) == killed);
  }
  SECTION("stopped: not before all its actors have ended") {
    REQUIRE(sys.send("host/control", std::string{"stop"}, std::int32_t{0}));
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].code() == errc::process_down);
    CHECK(told[0].why_down() == mailroom::down_cause::stopped);
  }
  SECTION("hung") {
    world.host().stop();
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].why_down() == mailroom::down_cause::hung);
    world.host().resume();
  }
  CHECK(who.downs(1, 100ms).empty());
}

TEST_CASE("a process that is not there is told to its monitor at once", "[process_mailbox]") {
  world world{place::here};
  witness who{world.sys()};
  who.self->monitor(world.sys().mailbox("nobody/mailroom"));
  auto told = who.downs(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].code() == errc::no_such_process);
}

TEST_CASE("a process stops for the process that started it, and for nobody else", "[process_mailbox]") {
  temporary_directory directory;
  mailroom::system parent{{.process = "parent", .directory = directory.path()}};
  mailroom::system other{{.process = "other", .directory = directory.path()}};
  environment_variable name{"MAILROOM_PROCESS", "worker-1"};
  environment_variable told{"MAILROOM_PARENT", "parent"};
  process worker{programs / "host", {""}, directory.path()};
  REQUIRE(parent.wait_for("worker-1/control", 20s));
  constexpr auto denied = "worker-1: denied: only the process that started it may stop it";
  CHECK(ask_to_stop(other, "worker-1") == denied);
  auto asked = parent.request<void>("worker-1/mailroom", mailroom::stop_process{}); // a thread is nobody in particular
  REQUIRE_FALSE(asked);
  CHECK(to_string(asked.error()) == denied);
  CHECK_FALSE(worker.wait_for(50));
  CHECK(ask_to_stop(parent, "worker-1") == "yes");
  CHECK(worker.wait_for(10'000) == 0);
}

TEST_CASE("nobody stops a process that nobody started", "[process_mailbox]") {
  IN_EVERY_PLACE();
  CHECK(ask_to_stop(sys, "host").find("host: denied") == 0);
  CHECK(sys.request<number>("host/echo", number{1}));
}

TEST_CASE("programs cannot take the names that serve the process, nor free them", "[process_mailbox]") {
  world world{place::here};
  auto& sys = world.sys();
  auto echo = [](caf::event_based_actor*) { return caf::behavior{[](int) {}}; };
  for (auto name : {"mailroom", "mailroom/own", "mailroom/a/b"}) {
    CAPTURE(name);
    try {
      sys.spawn(name, echo);
      FAIL("it was spawned");
    } catch (const mailroom::failure& what) {
      CHECK(what.why().code() == errc::name_taken);
    }
    auto bound = sys.bind(name, sys.spawn("free", echo));
    REQUIRE_FALSE(bound);
    CHECK(bound.error().code() == errc::name_taken);
    REQUIRE(sys.unbind("free"));
  }
  REQUIRE_FALSE(sys.unbind("mailroom"));
  CHECK(sys.wait_for("host/mailroom", 0ms));
  CHECK_NOTHROW(sys.spawn("mailrooms", echo));
}

namespace {

/// Says what ended when.
struct end_marker {
  explicit end_marker(mailroom::system& sys) : where{sys} {}
  ~end_marker() {
    if (ends)
      ends->push_back(name);
  }
  mailroom::system& where;
  std::vector<std::string>* ends = nullptr;
  std::string name;
};

struct first_marker : end_marker {
  using end_marker::end_marker;
};
struct second_marker : end_marker {
  using end_marker::end_marker;
};

} // namespace

TEST_CASE("what serves a process is no reason not to stop, and ends after the actors", "[process_mailbox]") {
  temporary_directory directory;
  std::vector<std::string> ends;
  {
    mailroom::system sys{{.process = "served", .directory = directory.path()}};
    auto& first = sys.extension<first_marker>();
    auto& second = sys.extension<second_marker>();
    CHECK(&first == &sys.extension<first_marker>());
    CHECK(&first.where == &sys);
    first.ends = second.ends = &ends;
    first.name = "first extension";
    second.name = "second extension";
    auto service = sys.spawn_service("echo", [](caf::event_based_actor* self) {
      self->set_exit_handler([](caf::scheduled_actor*, caf::exit_msg&) {}); // else `stop` ends it
      return caf::behavior{[](std::int64_t value) { return value; }};
    });
    service->attach_functor([&] {
      std::this_thread::sleep_for(20ms); // the extensions wait for this one too
      ends.emplace_back("service");
    });
    sys.spawn("actor", [](caf::event_based_actor*) { return caf::behavior{[](int) {}}; })->attach_functor([&] {
      ends.emplace_back("actor");
    });
    CHECK(sys.request<std::int64_t>("served/mailroom/echo", std::int64_t{7}) == 7);
    CHECK_THROWS_AS(sys.spawn_service("echo", nullptr), mailroom::failure);
    CHECK(sys.stop().empty());
    CHECK(ends == std::vector<std::string>{"actor"});
    CHECK_THROWS_AS(sys.spawn_service("more", nullptr), mailroom::failure);
  }
  CHECK(ends == std::vector<std::string>{"actor", "service", "second extension", "first extension"});
}

// -- the other direction --------------------------------------------------------------------------------------------------------

namespace {

/// A process that was started by another one, which is not the test's.
struct family {
  family() {
    REQUIRE(watching.wait_for("parent/control", 20s));
    environment_variable told{"MAILROOM_PARENT", "parent"};
    environment_variable pid{"MAILROOM_PARENT_PID", std::to_string(parent.pid())};
    child.emplace(programs / "host", std::vector<std::string>{"child"}, directory.path());
    REQUIRE(watching.wait_for("child/control", 20s));
  }

  temporary_directory directory;
  mailroom::system watching{{.process = "watching", .directory = directory.path()}};
  process parent{programs / "host", {"parent"}, directory.path()};
  std::optional<process> child;
};

} // namespace

TEST_CASE("a process stops when the one that started it is gone", "[process_mailbox]") {
  family family;
  CHECK_FALSE(family.child->wait_for(50));
  family.parent.kill();
  CHECK(family.child->wait_for(20'000) == 0);
}

TEST_CASE("a process that does not stop when the one that started it is gone is ended", "[process_mailbox]") {
  family family;
  REQUIRE(family.watching.request<std::int64_t>("child/control", std::string{"sleep"}, std::int32_t{60})); // it begins
  family.parent.kill();
  CHECK(family.child->wait_for(20'000) == orphan_exit_code);
}

TEST_CASE("a process whose parent was gone before it began stops too", "[process_mailbox]") {
  temporary_directory directory;
  mailroom::system successor{{.process = "parent", .directory = directory.path()}};
  SECTION("nobody has its pid") {
    process before{programs / "host", {"before"}, directory.path()};
    environment_variable pid{"MAILROOM_PARENT_PID", std::to_string(before.pid())};
    before.kill();
    before.wait();
    CHECK(process(programs / "host", {"child"}, directory.path()).wait_for(20'000) == 0);
  }
  SECTION("another process has its pid") {
    process stranger{programs / "host", {"stranger"}, directory.path()};
    environment_variable told{"MAILROOM_PARENT", "parent"};
    environment_variable pid{"MAILROOM_PARENT_PID", std::to_string(stranger.pid())};
    CHECK(process(programs / "host", {"child"}, directory.path()).wait_for(20'000) == 0);
  }
}
