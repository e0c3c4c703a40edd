#include <processes/world.hpp>

using namespace test;

namespace {

/// An actor of the test that keeps what its monitors and links tell.
struct witness {
  explicit witness(mailroom::system& sys) : self{sys.actors()} {}

  std::vector<mailroom::error> downs(std::size_t expected, std::chrono::milliseconds within = 5s) {
    std::vector<mailroom::error> result;
    auto done = false;
    while (!done && result.size() < expected)
      self->receive([&](const caf::down_msg& what) { result.emplace_back(what.reason); },
                    caf::after(within) >> [&] { done = true; });
    return result;
  }

  caf::scoped_actor self;
};

} // namespace

TEST_CASE("each monitor is told once when the mailbox ends", "[monitors]") {
  IN_EVERY_PLACE();
  witness who{sys};
  auto handle = sys.mailbox("host/quitter");
  who.self->monitor(handle);
  who.self->monitor(handle);
  REQUIRE(sys.send("host/quitter", number{1}));
  caf::actor_addr source;
  auto count = 0;
  for (auto i = 0; i < 2; ++i)
    who.self->receive(
      [&](const caf::down_msg& what) {
        ++count;
        source = what.source;
        CHECK(what.reason == caf::none);
      },
      caf::after(5s) >> [] {});
  CHECK(count == 2);
  CHECK(source == handle.address());
  CHECK(who.downs(1, 50ms).empty());
}

TEST_CASE("the reason tells a finished actor from a crashed one", "[monitors]") {
  IN_EVERY_PLACE();
  witness who{sys};
  who.self->monitor(sys.mailbox("host/crasher"));
  static_cast<void>(sys.request<number>("host/crasher", number{1}));
  auto told = who.downs(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].code() == errc::remote_error);
  CHECK(told[0].cause() == "the vault is empty");
  who.self->monitor(sys.mailbox("host/quitter"));
  REQUIRE(sys.send("host/quitter", text{"reasons of its own"}));
  told = who.downs(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].cause() == "reasons of its own");
}

TEST_CASE("an unknown mailbox is told to its monitor at once", "[monitors]") {
  IN_EVERY_PLACE();
  witness who{sys};
  who.self->monitor(sys.mailbox("host/nobody"));
  auto told = who.downs(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].code() == errc::no_such_mailbox);
  who.self->monitor(sys.mailbox("nobody/there"));
  told = who.downs(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].code() == errc::no_such_process);
  who.self->monitor(sys.mailbox("bad name"));
  told = who.downs(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].code() == errc::invalid_address);
}

TEST_CASE("a monitor that was taken back says nothing", "[monitors]") {
  IN_EVERY_PLACE();
  witness who{sys};
  auto handle = sys.mailbox("host/quitter");
  who.self->monitor(handle);
  who.self->demonitor(handle);
  REQUIRE(sys.send("host/quitter", number{1}));
  CHECK(who.downs(1, 100ms).empty());
}

TEST_CASE("monitors of several mailboxes and actors are told apart", "[monitors]") {
  IN_EVERY_PLACE();
  witness one{sys};
  witness two{sys};
  one.self->monitor(sys.mailbox("host/quitter"));
  one.self->monitor(sys.mailbox("host/keeper"));
  two.self->monitor(sys.mailbox("host/keeper"));
  REQUIRE(sys.send("host/keeper", text{"end"}));
  CHECK(one.downs(1).size() == 1);
  CHECK(two.downs(1).size() == 1);
  CHECK(one.downs(1, 50ms).empty());
  REQUIRE(sys.send("host/quitter", number{1}));
  CHECK(one.downs(1).size() == 1);
}

TEST_CASE("the end of a process says how it ended", "[monitors]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  witness who{sys};
  who.self->monitor(sys.mailbox("host/echo"));
  REQUIRE(sys.request<number>("host/echo", number{1}));
  SECTION("killed") {
    world.host().kill();
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].code() == errc::process_down);
    CHECK(told[0].why_down() == mailroom::down_cause::exited);
    REQUIRE(exit_status(told[0]));
    CHECK(exit_status(told[0]) == killed);
    CHECK(to_string(told[0]) == "host/echo: process down: " + std::string{killed_in_words});
    CHECK(world.log().count("host is down: process down: " + std::string{killed_in_words}) == 1);
  }
  SECTION("by exit") {
    REQUIRE(sys.send("host/control", std::string{"exit"}, std::int32_t{3}));
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    REQUIRE(exit_status(told[0]));
    CHECK(exit_status(told[0])->code == 3);
    CHECK(exit_status(told[0])->signal == 0);
  }
  SECTION("by stopping in order: its mailboxes end first") {
    REQUIRE(sys.send("host/control", std::string{"stop"}, std::int32_t{0}));
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].code() == errc::remote_error);
    CHECK(world.host().wait() == 0);
  }
  CHECK(who.downs(1, 50ms).empty());
}

TEST_CASE("links work across processes, both ways", "[monitors]") {
  IN_EVERY_PLACE();
  SECTION("the mailbox ends") {
    std::promise<void> is_linked;
    auto linked = sys.actors().spawn([&sys, &is_linked](caf::event_based_actor* self) {
      self->link_to(sys.mailbox("host/quitter"));
      is_linked.set_value();
      return caf::behavior{[](int) {}};
    });
    witness who{sys};
    who.self->monitor(linked);
    is_linked.get_future().wait();
    REQUIRE(sys.send("host/quitter", text{"crash"}));
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].cause() == "crash");
  }
  SECTION("the actor here ends") {
    auto linked = sys.actors().spawn([&sys](caf::event_based_actor* self) {
      self->link_to(sys.mailbox("host/echo"));
      return caf::behavior{[=](int) { self->quit(caf::exit_reason::out_of_workers); }};
    });
    witness who{sys};
    who.self->monitor(sys.mailbox("host/echo"));
    REQUIRE(sys.request<number>("host/echo", number{1}));
    caf::anon_send(linked, 1);
    CHECK(who.downs(1).size() == 1);
  }
  SECTION("unlinked, both live on") {
    auto linked = sys.actors().spawn([&sys](caf::event_based_actor* self) {
      auto echo = sys.mailbox("host/echo");
      self->link_to(echo);
      self->unlink_from(echo);
      return caf::behavior{[=](int) { self->quit(caf::exit_reason::out_of_workers); }};
    });
    REQUIRE(sys.request<number>("host/echo", number{1}));
    caf::anon_send(linked, 1);
    std::this_thread::sleep_for(50ms);
    CHECK(sys.request<number>("host/echo", number{1}));
  }
  SECTION("a mailbox that is not there") {
    auto linked = sys.actors().spawn([&sys](caf::event_based_actor* self) {
      self->link_to(sys.mailbox("host/nobody"));
      return caf::behavior{[](int) {}};
    });
    witness who{sys};
    who.self->monitor(linked);
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].code() == errc::no_such_mailbox);
  }
}

TEST_CASE("a link to a process that dies ends the actor, on both sides", "[monitors]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  SECTION("the other process dies") {
    auto linked = sys.actors().spawn([&sys](caf::event_based_actor* self) {
      self->link_to(sys.mailbox("host/echo"));
      return caf::behavior{[](int) {}};
    });
    witness who{sys};
    who.self->monitor(linked);
    who.self->request(linked, 20s, 1).receive([] {}, [](caf::error&) { FAIL("it has ended already"); });
    REQUIRE(sys.request<number>("host/echo", number{1})); // behind the link
    world.host().kill();
    auto told = who.downs(1);
    REQUIRE(told.size() == 1);
    CHECK(told[0].code() == errc::process_down);
  }
  SECTION("our process dies, as the other sees it") {
    // a second host links its watcher to a mailbox of the first, which is killed
    process second{programs / "host", {"second"}, world.directory()};
    REQUIRE(sys.wait_for("second/control", 20s));
    REQUIRE(sys.send("second/watcher", *mailroom::address::parse("host/echo"), true));
    REQUIRE(sys.send("second/watcher", *mailroom::address::parse("host/echo"), false));
    REQUIRE(sys.request<std::vector<std::string>>("second/watcher", std::string{"events"}));
    std::this_thread::sleep_for(50ms);
    world.host().kill();
    CHECK(eventually([&] {
      auto events = sys.request<std::vector<std::string>>("second/watcher", std::string{"events"});
      return events && events->size() == 2 && std::count(events->begin(), events->end(), "exit process down") == 1
             && std::count(events->begin(), events->end(), "down host/echo process down") == 1;
    }));
  }
}

TEST_CASE("exit messages reach their mailbox", "[monitors]") {
  IN_EVERY_PLACE();
  witness who{sys};
  auto echo = sys.mailbox("host/echo");
  who.self->monitor(echo);
  who.self->send_exit(echo, caf::exit_reason::user_shutdown);
  CHECK(who.downs(1).size() == 1);
  CHECK(eventually(
    [&] { return failure_of(sys.request<number>("host/echo", number{1})).code() == errc::no_such_mailbox; }));
}

TEST_CASE("a handle that was dropped still tells its monitor", "[monitors]") {
  IN_EVERY_PLACE();
  witness who{sys};
  who.self->monitor(sys.mailbox("host/quitter")); // nobody keeps the handle
  REQUIRE(sys.send("host/quitter", number{1}));
  CHECK(who.downs(1).size() == 1);
}
