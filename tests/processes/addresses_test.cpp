#include <processes/world.hpp>

using namespace test;

TEST_CASE("a handle works before the process starts and after it was restarted", "[addresses]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  auto early = sys.mailbox("late-riser/echo");
  caf::scoped_actor self{sys.actors()};
  auto ask = [&]() -> mailroom::expected<number> {
    mailroom::expected<number> result = number{0};
    self->request(early, 5s, number{4})
      .receive([&](number got) { result = got; },
               [&](caf::error& what) { result = tl::unexpected{mailroom::error{what}}; });
    return result;
  };
  CHECK(to_string(failure_of(ask())) == "late-riser/echo: no such process");
  for (auto i = 0; i < 2; ++i) {
    process riser{programs / "host", {"late-riser"}, world.directory()};
    REQUIRE(sys.wait_for("late-riser/control", 20s));
    CHECK(ask() == number{4});
    riser.kill();
    riser.wait();
    CHECK(eventually([&] { return failure_of(ask()).code() == errc::no_such_process; }));
  }
}

TEST_CASE("one handle for one address", "[addresses]") {
  IN_EVERY_PLACE();
  CHECK(sys.mailbox("host/echo") == sys.mailbox("host/echo"));
  CHECK(sys.mailbox("host/echo") != sys.mailbox("host/several"));
  if (where == place::here)
    CHECK(sys.mailbox("echo") == sys.mailbox("host/echo"));
}

TEST_CASE("an address travels where a handle does not", "[addresses]") {
  IN_EVERY_PLACE();
  caf::scoped_actor self{sys.actors()};
  auto mine = sys.address_of(caf::actor{self});
  CHECK(mine.number() != 0);
  CHECK(mine.process() == sys.process());
  REQUIRE(sys.send("host/correspondent", mine));
  std::string letter;
  self->receive([&](const text& got) { letter = got.value; }, caf::after(5s) >> [] {});
  CHECK(letter == "a letter");
  // and the other side knows us by the same address
  mailroom::address seen;
  self->request(sys.mailbox("host/correspondent"), 5s, std::string{"who am I"})
    .receive([&](const mailroom::address& got) { seen = got; }, [](caf::error&) {});
  CHECK(seen == mine);
}

TEST_CASE("an actor with a name is addressed by it", "[addresses]") {
  IN_EVERY_PLACE();
  CHECK(to_string(sys.address_of(sys.mailbox("host/echo"))) == "host/echo");
  auto plain =
    sys.actors().spawn([](caf::event_based_actor*) { return caf::behavior{[](const number& what) { return what; }}; });
  REQUIRE(sys.bind("plain/one", plain));
  CHECK(to_string(sys.address_of(plain)) == sys.process() + "/plain/one");
  CHECK(sys.request<number>(sys.process() + "/plain/one", number{1}) == number{1});
  CHECK(failure_of(sys.bind("plain/one", plain)).code() == errc::name_taken);
  REQUIRE(sys.unbind("plain/one"));
  CHECK(failure_of(sys.request<number>(sys.process() + "/plain/one", number{1})).code() == errc::no_such_mailbox);
  CHECK(failure_of(sys.unbind("plain/one")).code() == errc::no_such_mailbox);
  caf::anon_send_exit(plain, caf::exit_reason::user_shutdown);
}

TEST_CASE("a number names one life of a process and never its successor", "[addresses]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  // the address of an actor without a name in the other process
  caf::scoped_actor self{sys.actors()};
  mailroom::address theirs;
  {
    process first{programs / "host", {"mortal"}, world.directory()};
    REQUIRE(sys.wait_for("mortal/control", 20s));
    REQUIRE(sys.request<number>("mortal/echo", number{1}));
    // the sender of this letter is known here by number
    REQUIRE(sys.send("mortal/correspondent", sys.address_of(caf::actor{self})));
    self->receive([&](const text&) { theirs = sys.address_of(caf::actor_cast<caf::actor>(self->current_sender())); });
    CHECK(theirs.number() != 0);
    CHECK(theirs.life().known());
    CHECK(sys.request<std::string>(theirs, std::string{"x"}).error().code() != errc::stale_address);
  }
  process second{programs / "host", {"mortal"}, world.directory()};
  REQUIRE(sys.wait_for("mortal/control", 20s));
  auto failed = failure_of(sys.request<number>(theirs, number{1}));
  CHECK(failed.code() == errc::stale_address);
}

TEST_CASE("a name of this process may be free again", "[addresses]") {
  world world{place::here};
  auto& sys = world.sys();
  auto echo = [](caf::event_based_actor*) { return caf::behavior{[](const number& what) { return what; }}; };
  sys.spawn("once", echo);
  CHECK_THROWS_AS(sys.spawn("once", echo), mailroom::failure);
  caf::anon_send_exit(sys.mailbox("once"), caf::exit_reason::user_shutdown);
  {
    // whoever is told of the end can take the name
    caf::scoped_actor self{sys.actors()};
    self->monitor(sys.mailbox("once"));
    self->receive([](const caf::down_msg&) {});
  }
  sys.spawn("once", echo);
  CHECK(sys.request<number>("once", number{1}));
  try {
    sys.spawn("not legal", echo);
    FAIL("a bad name must throw");
  } catch (const mailroom::failure& what) {
    CHECK(what.why().code() == errc::invalid_address);
  }
}

TEST_CASE("every legal name can be used, and long directories do not break it", "[addresses]") {
  temporary_directory base;
  auto deep = base.path();
  while (deep.string().size() < 150)
    deep /= "a-rather-long-directory-name";
  std::filesystem::create_directories(deep.parent_path());
  std::string longest(64, 'x');
  mailroom::system one{{.process = longest, .directory = deep}};
  mailroom::system two{{.process = "A.b_c-9", .directory = deep}};
  spawn_mailboxes(one);
  std::string nested = "a/b/c/d/e/f/g/" + std::string(64, 'h');
  two.spawn(nested, [](caf::event_based_actor*) { return caf::behavior{[](const number& what) { return what; }}; });
  CHECK(two.request<number>(longest + "/echo", number{1}) == number{1});
  CHECK(one.request<number>("A.b_c-9/" + nested, number{2}) == number{2});
  CHECK(failure_of(one.request<number>("a.b_c-9/" + nested, number{2})).code() == errc::no_such_process);
}
