#include <processes/world.hpp>

using namespace test;

namespace {

report read_report(mailroom::system& sys) {
  auto got = sys.request<report>("host/recorder", 10s, std::string{"report"});
  INFO((got ? "" : to_string(got.error())));
  REQUIRE(got);
  return *got;
}

} // namespace

TEST_CASE("messages of one sender arrive in order, each once", "[delivery]") {
  IN_EVERY_PLACE();
  constexpr std::uint64_t count = 20'000;
  for (std::uint64_t i = 0; i < count; ++i)
    REQUIRE(sys.send("host/recorder", item{1, i, std::vector<std::uint8_t>(i % 97)}));
  auto got = read_report(sys);
  CHECK(got.count == count);
  CHECK(got.disorder == 0);
}

TEST_CASE("any thread may send, and each one's order is kept", "[delivery]") {
  IN_EVERY_PLACE();
  constexpr std::uint64_t count = 2'000;
  std::vector<std::thread> senders;
  for (std::uint32_t sender = 0; sender < 6; ++sender) {
    senders.emplace_back([&sys, sender] {
      for (std::uint64_t i = 0; i < count; ++i)
        while (!sys.send("host/recorder", item{sender, i, {}})) {
        }
    });
  }
  for (auto& each : senders)
    each.join();
  auto got = read_report(sys);
  CHECK(got.count == 6 * count);
  CHECK(got.disorder == 0);
}

TEST_CASE("what actors send keeps its order too", "[delivery]") {
  IN_EVERY_PLACE();
  constexpr std::uint64_t count = 5'000;
  auto target = sys.mailbox("host/recorder");
  auto sender = sys.actors().spawn([target](caf::event_based_actor* self) {
    for (std::uint64_t i = 0; i < count; ++i)
      self->send(target, item{9, i, {}});
  });
  CHECK(eventually([&] { return read_report(sys).count == count; }));
  CHECK(read_report(sys).disorder == 0);
}

TEST_CASE("a message to oneself by name behaves like any other", "[delivery]") {
  world world{place::here};
  auto& sys = world.sys();
  caf::scoped_actor self{sys.actors()};
  REQUIRE(sys.bind("me", caf::actor{self}));
  self->send(sys.mailbox("me"), number{1});
  self->send(sys.mailbox("host/me"), number{2});
  REQUIRE(sys.send("me", number{3}));
  for (std::int64_t i = 1; i <= 3; ++i)
    self->receive([&](const number& got) { CHECK(got.value == i); });
  REQUIRE(sys.unbind("me"));
}

TEST_CASE("a receiver can answer the sender beside the reply", "[delivery]") {
  IN_EVERY_PLACE();
  caf::scoped_actor self{sys.actors()};
  auto letters = 0;
  auto replies = 0;
  self->request(sys.mailbox("host/correspondent"), 5s, number{3})
    .receive([&](number got) { replies += got.value == 3; }, [](caf::error&) {});
  self->receive([&](const text& got) { letters += got.value == "beside"; }, caf::after(5s) >> [] {});
  CHECK(replies == 1);
  CHECK(letters == 1);
}

TEST_CASE("what cannot be delivered is a dead letter with its reason", "[delivery]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  caf::scoped_actor self{sys.actors()};
  self->send(sys.mailbox("nobody/there"), number{1});
  self->send(sys.mailbox("bad name"), number{2});
  self->send(sys.mailbox("host/echo"), unspeakable{3});
  self->send(sys.mailbox("tester/nobody"), number{4});
  REQUIRE(eventually([&] { return sys.statistics().dead == 4; }));
  auto letters = sys.dead_letters();
  REQUIRE(letters.size() == 4);
  CHECK(letters[0].why.code() == errc::no_such_process);
  CHECK(letters[0].to == "nobody/there");
  CHECK(letters[0].message == "test.number");
  CHECK(letters[1].why.code() == errc::invalid_address);
  CHECK(letters[2].why.code() == errc::unknown_type);
  CHECK(letters[3].why.code() == errc::no_such_mailbox);
  CHECK(world.log().count("dead letter to nobody/there") == 1);
}

TEST_CASE("the receiving process counts what it could not deliver", "[delivery]") {
  world world{place::elsewhere};
  auto& sys = world.sys();
  caf::scoped_actor self{sys.actors()};
  self->send(sys.mailbox("host/nobody"), number{1});
  self->send(sys.mailbox("host/nothing"), text{"no handler"});
  CHECK(eventually([&] {
    auto counts = sys.request<std::vector<std::uint64_t>>("host/control", std::string{"counts"});
    return counts && counts->at(3) == 2;
  }));
}

TEST_CASE("sent is handled plus rejected plus dead", "[delivery]") {
  IN_EVERY_PLACE();
  caf::scoped_actor self{sys.actors()};
  for (auto i = 0; i < 50; ++i) {
    static_cast<void>(sys.send("host/recorder", item{1, static_cast<std::uint64_t>(i), {}}));
    static_cast<void>(sys.send("host/nobody", number{i}));
    static_cast<void>(sys.request<number>("host/echo", number{i}));
    static_cast<void>(sys.request<number>("host/nobody", number{i}));
    static_cast<void>(sys.request<number>("nobody/echo", number{i}));
    static_cast<void>(sys.request<number>("host/nothing", text{"?"}));
    static_cast<void>(sys.send("bad name", number{i}));
    self->send(sys.mailbox("host/nothing"), text{"?"});
    self->send(sys.mailbox("nobody/there"), number{i});
    self->request(sys.mailbox("host/echo"), 5s, number{i}).receive([](number) {}, [](caf::error&) {});
    self->request(sys.mailbox("host/nobody"), 5s, number{i}).receive([](number) {}, [](caf::error&) {});
  }
  CHECK(eventually([&] {
    auto mine = sys.statistics();
    auto sent = mine.sent;
    auto ended = mine.handled + mine.rejected + mine.dead;
    if (where != place::here) {
      auto theirs = sys.request<std::vector<std::uint64_t>>("host/control", std::string{"counts"});
      REQUIRE(theirs);
      ended += theirs->at(1) + theirs->at(2) + theirs->at(3);
      // the question itself was sent after `mine` was read, and is being handled while it is answered
    }
    return sent == ended;
  }));
}

TEST_CASE("a queue that is full says overloaded, and nothing accepted is lost", "[delivery]") {
  mailroom::config settings;
  settings.max_queued_bytes = 256 << 10;
  settings.send_timeout = 50ms;
  world world{place::elsewhere, settings};
  auto& sys = world.sys();
  REQUIRE(sys.request<report>("host/recorder", std::string{"report"}));
  world.host().stop();
  std::uint64_t accepted = 0;
  std::optional<mailroom::error> refused;
  while (!refused) {
    auto sent = sys.try_send("host/recorder", item{1, accepted, std::vector<std::uint8_t>(1000)});
    if (sent)
      ++accepted;
    else
      refused = sent.error();
  }
  CHECK(refused->code() == errc::overloaded);
  CHECK(accepted < 5000); // the queue, and what the system lets a socket hold
  // the socket may still have taken some of it: a sender that waits fills that too
  refused.reset();
  auto before = clock::now();
  while (!refused) {
    before = clock::now();
    auto sent = sys.send("host/recorder", item{1, accepted, std::vector<std::uint8_t>(1000)});
    if (sent)
      ++accepted;
    else
      refused = sent.error();
  }
  CHECK(refused->code() == errc::overloaded);
  CHECK(clock::now() - before >= 50ms);
  // what an actor sends has nobody to tell
  caf::scoped_actor self{sys.actors()};
  self->send(sys.mailbox("host/recorder"), item{2, 0, std::vector<std::uint8_t>(1000)});
  CHECK(sys.dead_letters().back().why.code() == errc::overloaded);
  world.host().resume();
  auto got = read_report(sys);
  CHECK(got.count == accepted);
  CHECK(got.disorder == 0);
}

TEST_CASE("a sender that waits for room goes on when there is some", "[delivery]") {
  mailroom::config settings;
  settings.max_queued_bytes = 64 << 10;
  world world{place::elsewhere, settings};
  auto& sys = world.sys();
  constexpr std::uint64_t count = 3'000;
  for (std::uint64_t i = 0; i < count; ++i)
    REQUIRE(sys.send("host/recorder", item{1, i, std::vector<std::uint8_t>(4000)}));
  CHECK(read_report(sys).count == count);
  CHECK(sys.statistics().dead == 0);
}

TEST_CASE("an empty queue takes one message of any allowed size", "[delivery]") {
  mailroom::config settings;
  settings.max_queued_bytes = 1000;
  world world{place::elsewhere, settings};
  auto& sys = world.sys();
  REQUIRE(sys.send("host/recorder", item{1, 0, std::vector<std::uint8_t>(4 << 20)}));
  // the next one finds room once the large one has left
  CHECK(eventually([&] { return sys.send("host/recorder", item{1, 1, {}}).has_value(); }));
  CHECK(eventually([&] {
    auto got = sys.request<report>("host/recorder", std::string{"report"});
    return got && got->count == 2;
  }));
}

TEST_CASE("send from a handler never waits", "[delivery]") {
  IN_EVERY_PLACE();
  CHECK(sys.request<text>("host/asker", *mailroom::address::parse("host/nothing"), number{1}) == text{"sent"});
  CHECK(sys.request<text>("host/asker", *mailroom::address::parse("nobody/nothing"), number{1})
        == text{"nobody/nothing: no such process"});
}
