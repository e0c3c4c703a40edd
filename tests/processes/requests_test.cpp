#include <processes/world.hpp>

using namespace test;

TEST_CASE("a request gets its reply", "[requests]") {
  IN_EVERY_PLACE();
  auto got = sys.request<number>("host/echo", number{7});
  REQUIRE(got);
  CHECK(got->value == 7);
  CHECK(sys.request<std::string>("host/echo", "plain text") == std::string{"plain text"});
  CHECK(sys.request<std::vector<number>>("host/echo", std::vector<number>{{1}, {2}}) == std::vector<number>{{1}, {2}});
  CHECK(sys.request<text>("host/detached", text{"own thread"}) == text{"own thread"});
  CHECK(sys.request<number>("host/blocking", number{3}) == number{3});
}

TEST_CASE("requests and replies may be several values", "[requests]") {
  IN_EVERY_PLACE();
  std::vector<std::string> words{"a", "", "c"};
  auto got = sys.request<std::int64_t, bool, double, std::string, std::vector<std::string>, number>(
    "host/several", std::int64_t{-1}, true, 2.5, "text", words, number{9});
  REQUIRE(got);
  CHECK(*got == std::tuple{std::int64_t{-1}, true, 2.5, std::string{"text"}, words, number{9}});
  auto swapped = sys.request<std::int32_t, std::uint8_t>("host/several", std::uint8_t{1}, std::int32_t{-2});
  REQUIRE(swapped);
  CHECK(*swapped == std::tuple{std::int32_t{-2}, std::uint8_t{1}});
}

TEST_CASE("a typed actor answers under its name", "[requests]") {
  IN_EVERY_PLACE();
  CHECK(sys.request<std::int64_t>("host/sum", std::int64_t{2}, std::int64_t{3}) == std::int64_t{5});
  caf::scoped_actor self{sys.actors()};
  auto handle = sys.mailbox<calculator>("host/sum");
  std::int64_t sum = 0;
  self->request(handle, 5s, std::int64_t{20}, std::int64_t{22})
    .receive([&](std::int64_t x) { sum = x; }, [](caf::error&) {});
  CHECK(sum == 42);
}

TEST_CASE("request<void> waits for a handler without result", "[requests]") {
  IN_EVERY_PLACE();
  CHECK(sys.request<void>("host/nothing", number{1}));
  CHECK(failure_of(sys.request<void>("host/echo", number{1})).code() == errc::unexpected_reply);
}

TEST_CASE("a reply may come late, by promise", "[requests]") {
  IN_EVERY_PLACE();
  auto got = sys.request<number>("host/late", later{20, 4});
  REQUIRE(got);
  CHECK(got->value == 4);
}

TEST_CASE("a request ends at its deadline", "[requests]") {
  IN_EVERY_PLACE();
  CHECK(once_within(100ms + 50ms * slowness, [&, &sys = sys] {
    auto before = clock::now();
    auto failed = failure_of(sys.request<number>("host/keeper", 100ms, number{1}));
    auto took = clock::now() - before;
    CHECK(failed.code() == errc::timeout);
    CHECK(failed.subject() == "host/keeper");
    CHECK(took >= 100ms);
    return took;
  }));
}

TEST_CASE("a reply after the deadline reaches nobody", "[requests]") {
  IN_EVERY_PLACE();
  auto timeouts = 0;
  for (auto i = 0; timeouts < 5; ++i) {
    REQUIRE(i < 100);
    auto got = sys.request<number>("host/late", 20ms, later{40, 1000 + i});
    if (got)
      CHECK(*got == number{1000 + i}); // we stood still for so long that it was there when we looked
    else
      CHECK(got.error().code() == errc::timeout);
    timeouts += got ? 0 : 1;
    CHECK(sys.request<number>("host/late", later{30, i}) == number{i});
  }
}

TEST_CASE("concurrent requests get each their own reply", "[requests]") {
  IN_EVERY_PLACE();
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (auto caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (auto i = 0; i < 200; ++i) {
        auto value = caller * 1000 + i;
        auto got = i % 10 == 0 ? sys.request<number>("host/late", later{1, value})
                               : sys.request<number>("host/echo", number{value});
        if (!got || got->value != value)
          ++wrong;
      }
    });
  }
  for (auto& each : callers)
    each.join();
  CHECK(wrong == 0);
}

TEST_CASE("a handler that throws answers with the exception's text, and only its actor ends", "[requests]") {
  IN_EVERY_PLACE();
  for (std::string mailbox : {"host/thrower", "host/blocking-thrower"}) {
    CAPTURE(mailbox);
    auto failed = failure_of(sys.request<number>(mailbox, number{1}));
    CHECK(failed.code() == errc::remote_error);
    CHECK(to_string(failed) == mailbox + ": the vault is empty");
    CHECK(
      eventually([&] { return failure_of(sys.request<number>(mailbox, number{1})).code() == errc::no_such_mailbox; }));
  }
  CHECK(sys.request<number>("host/echo", number{1}));
}

TEST_CASE("a promise that is dropped answers at once", "[requests]") {
  IN_EVERY_PLACE();
  auto before = clock::now();
  auto failed = failure_of(sys.request<number>("host/dropper", number{1}));
  CHECK(failed.code() == errc::remote_error);
  CHECK(failed.subject() == "host/dropper");
  CHECK(clock::now() - before < 10s); // not at its deadline
}

TEST_CASE("an actor that ends answers what it left open", "[requests]") {
  IN_EVERY_PLACE();
  auto open = sys.request_future<number>("host/keeper", 10s, number{1});
  REQUIRE(sys.send("host/keeper", text{"end"}));
  REQUIRE(open.wait_for(5s) == std::future_status::ready);
  CHECK(failure_of(open.get()).code() == errc::remote_error);
  CHECK(eventually(
    [&] { return failure_of(sys.request<number>("host/keeper", number{1})).code() == errc::no_such_mailbox; }));
}

TEST_CASE("a request in the mailbox of an actor that ends is answered", "[requests]") {
  IN_EVERY_PLACE();
  // the first request holds the actor up, the message after it ends it, and the last one waits behind both
  auto slow = sys.request_future<number>("host/quitter", 10s, text{"over"});
  auto waiting = sys.request_future<number>("host/quitter", 10s, number{2});
  REQUIRE(waiting.wait_for(5s) == std::future_status::ready);
  CHECK_FALSE(waiting.get());
  REQUIRE(slow.wait_for(5s) == std::future_status::ready);
}

TEST_CASE("errors of handlers arrive whole", "[requests]") {
  IN_EVERY_PLACE();
  SECTION("mailroom's own") {
    auto failed = failure_of(sys.request<number>("host/failing", text{"closed today"}));
    CHECK(failed.code() == errc::denied);
    CHECK(to_string(failed) == "vault: closed today");
  }
  SECTION("a program's own") {
    auto failed = failure_of(sys.request<number>("host/failing", number{1}));
    CHECK(failed.code() == errc::remote_error);
    caf::scoped_actor self{sys.actors()};
    caf::error got;
    self->request(sys.mailbox("host/failing"), 5s, number{1})
      .receive([](number) {}, [&](caf::error& what) { got = what; });
    REQUIRE(got);
    CHECK(got.code() == 7);
    CHECK(got.category() == own_category);
    REQUIRE(got.context().match_elements<std::string, std::int32_t>());
    CHECK(got.context().get_as<std::int32_t>(1) == 3);
  }
  SECTION("with a context that cannot travel") {
    caf::scoped_actor self{sys.actors()};
    caf::error got;
    self->request(sys.mailbox("host/failing"), 5s, std::string{"odd"})
      .receive([](number) {}, [&](caf::error& what) { got = what; });
    REQUIRE(got);
    CHECK(got.code() == 9);
    CHECK(got.category() == own_category);
  }
}

TEST_CASE("what a mailbox does not handle is said", "[requests]") {
  IN_EVERY_PLACE();
  auto failed = failure_of(sys.request<number>("host/nothing", text{"?"}));
  CHECK(failed.code() == errc::unexpected_message);
  CHECK(to_string(failed) == "host/nothing: unexpected message: test.text");
  failed = failure_of(sys.request<text>("host/echo", number{1}));
  CHECK(failed.code() == errc::unexpected_reply);
  CHECK(to_string(failed) == "host/echo: unexpected reply: test.number");
  failed = failure_of(sys.request<number>("host/nobody", number{1}));
  CHECK(failed.code() == errc::no_such_mailbox);
  CHECK(to_string(failed) == "host/nobody: no such mailbox");
}

TEST_CASE("a type without a name says so instead of getting lost", "[requests]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  caf::scoped_actor self{sys.actors()};
  caf::error got;
  self->request(sys.mailbox("host/echo"), 5s, unspeakable{1})
    .receive([](number) {}, [&](caf::error& what) { got = what; });
  CHECK(mailroom::error{got}.code() == errc::unknown_type);
  auto failed = failure_of(sys.request<number>("host/stranger", number{1}));
  CHECK(failed.code() == errc::unknown_type);
}

TEST_CASE("a mailbox can delegate to another, wherever it is", "[requests]") {
  IN_EVERY_PLACE();
  mailroom::system third{{.process = "third", .directory = world.directory()}};
  spawn_mailboxes(third);
  for (std::string target : {"host/echo", "third/echo", "host/blocking"}) {
    CAPTURE(target);
    auto got = sys.request<number>("host/relay", forward{*mailroom::address::parse(target), 11});
    INFO((got ? "" : to_string(got.error())));
    REQUIRE(got);
    CHECK(got->value == 11);
  }
  CHECK(sys.request<number>("host/relay", *mailroom::address::parse("third/late"), later{10, 12}) == number{12});
  // over two relays and back to where it began
  CHECK(failure_of(sys.request<number>("host/relay", forward{*mailroom::address::parse("third/nobody"), 1})).code()
        == errc::no_such_mailbox);
  CHECK(failure_of(sys.request<number>("host/relay", forward{*mailroom::address::parse("third/dropper"), 1})).code()
        == errc::remote_error);
  CHECK(failure_of(sys.request<number>("host/relay", forward{*mailroom::address::parse("nobody/echo"), 1})).code()
        == errc::no_such_process);
}

TEST_CASE("a blocking request in a handler that shares its thread is refused", "[requests]") {
  IN_EVERY_PLACE();
  auto echo = *mailroom::address::parse("host/echo");
  CHECK(sys.request<text>("host/asker", echo) == text{"would block"});
  CHECK(sys.request<text>("host/detached-asker", echo) == text{"5"});
}

TEST_CASE("a future gets what a request would have returned", "[requests]") {
  IN_EVERY_PLACE();
  auto one = sys.request_future<number>("host/late", later{20, 1});
  auto two = sys.request_future<number>("host/keeper", 20ms, number{2});
  auto three = sys.request_future<number>("host/nobody", number{3});
  auto four = sys.request_future<number>("bad name", number{4});
  CHECK(one.get() == number{1});
  CHECK(failure_of(two.get()).code() == errc::timeout);
  CHECK(failure_of(three.get()).code() == errc::no_such_mailbox);
  CHECK(failure_of(four.get()).code() == errc::invalid_address);
}

TEST_CASE("functions are called by the executor where there is one", "[requests]") {
  std::mutex mutex;
  std::vector<std::function<void()>> loop;
  mailroom::config settings;
  settings.executor = [&](std::function<void()> what) {
    std::lock_guard guard{mutex};
    loop.push_back(std::move(what));
  };
  world world{GENERATE(place::here, place::elsewhere), settings};
  std::optional<mailroom::expected<number>> got;
  world.sys().request_then<number>(
    "host/echo", {}, [&](mailroom::expected<number> result) { got = result; }, number{8});
  CHECK(eventually([&] {
    std::vector<std::function<void()>> due;
    {
      std::lock_guard guard{mutex};
      due.swap(loop);
    }
    for (auto& each : due)
      each();
    return got.has_value();
  }));
  REQUIRE(got);
  CHECK(*got == number{8});
}

TEST_CASE("an actor's request, response handlers and errors are CAF's own", "[requests]") {
  IN_EVERY_PLACE();
  caf::scoped_actor self{sys.actors()};
  auto echo = sys.mailbox("host/echo");
  std::vector<std::string> events;
  auto asking = sys.actors().spawn([&, echo, observer = caf::actor{self}](caf::event_based_actor* me) {
    me->request(echo, 5s, number{1}).then([=](number got) { me->send(observer, std::string{"then"}, got.value); });
    me->request(sys.mailbox("host/nobody"), 5s, number{1})
      .then([](number) {},
            [=](caf::error& what) {
              me->send(observer, std::string{"error"}, static_cast<std::int64_t>(mailroom::error{what}.code()));
            });
    me->request(sys.mailbox("host/keeper"), 30ms, number{1})
      .then([](number) {},
            [=](caf::error& what) {
              me->send(observer, std::string{"timeout"}, static_cast<std::int64_t>(mailroom::error{what}.code()));
            });
    return caf::behavior{[](int) {}};
  });
  std::map<std::string, std::int64_t> got;
  for (auto i = 0; i < 3; ++i)
    self->receive([&](const std::string& what, std::int64_t value) { got[what] = value; }, caf::after(5s) >> [] {});
  CHECK(got["then"] == 1);
  CHECK(got["error"] == static_cast<std::int64_t>(errc::no_such_mailbox));
  CHECK(got["timeout"] == static_cast<std::int64_t>(errc::timeout));
  self->send_exit(asking, caf::exit_reason::user_shutdown);
}

TEST_CASE("a message of 8 MiB arrives whole, and one above the limit is refused by name", "[requests]") {
  mailroom::config settings;
  settings.max_message = std::size_t{16} << 20;
  world world{place::elsewhere, settings};
  auto& sys = world.sys();
  std::vector<std::uint8_t> large(std::size_t{8} << 20);
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<std::uint8_t>(i * 7);
  auto got = sys.request<std::vector<std::uint8_t>>("host/echo", 20s, large);
  REQUIRE(got);
  CHECK(*got == large);
  large.resize(std::size_t{17} << 20);
  auto failed = failure_of(sys.request<std::vector<std::uint8_t>>("host/echo", large));
  CHECK(failed.code() == errc::too_large);
  CHECK(failed.subject() == "host/echo");
}

TEST_CASE("slow handlers in several mailboxes do not hold up the others", "[requests]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  std::vector<std::future<mailroom::expected<number>>> slow;
  for (auto i = 1; i <= 4; ++i)
    slow.push_back(sys.request_future<number>("host/sleeper-" + std::to_string(i), 10s, later{2000, i}));
  std::this_thread::sleep_for(20ms); // now they sleep
  auto before = clock::now();
  // detached: CAF's workers may all be asleep, which is not ours to mend
  for (auto i = 0; i < 20; ++i)
    CHECK(sys.request<number>("host/detached", number{i}) == number{i});
  CHECK(clock::now() - before < 1500ms);
  for (auto& each : slow)
    CHECK(each.get());
}
