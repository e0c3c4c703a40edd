// The mailboxes of a process, by name and by number.

#include <mailroom/runtime/mailbox_table.hpp>

#include <support/catch.hpp>

#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

using mailroom::errc;
using mailroom::mailbox_finder;
using mailroom::mailbox_name;
using mailroom::mailbox_table;

namespace {

mailbox_name name(std::string_view text) {
  return *mailbox_name::parse(text);
}

/// Actors that do nothing, in a system of their own.
class actors {
public:
  actors() { config_.set("scheduler.max-threads", std::size_t{1}); }
  caf::strong_actor_ptr spawn() {
    // with an argument: without one CAF 0.17 dereferences a null pointer, which libstdc++'s assertions catch
    auto fresh = system_.spawn([](int) -> caf::behavior { return {[](int) {}}; }, 0);
    return caf::actor_cast<caf::strong_actor_ptr>(fresh);
  }
  void end(const caf::strong_actor_ptr& which) {
    caf::scoped_actor self{system_};
    self->send_exit(caf::actor_cast<caf::actor>(which), caf::exit_reason::user_shutdown);
    self->wait_for(caf::actor_cast<caf::actor>(which));
  }

private:
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
};

template <class T> std::string error_of(const mailroom::expected<T>& result) {
  return result ? "no error" : to_string(result.error());
}

std::multiset<std::string> labels(const mailbox_table& table) {
  std::multiset<std::string> result;
  for (auto& each : table.named())
    result.insert(*each->label);
  return result;
}

/// The scheduler lets go of an actor a moment after its end.
bool eventually_gone(const caf::weak_actor_ptr& which) {
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (which.lock() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return !which.lock();
}

} // namespace

TEST_CASE("a mailbox is found under the name that it was bound to", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto ledger = some.spawn();
  REQUIRE(table.bind(name("ledger"), ledger));
  auto found = table.find("ledger");
  REQUIRE(found);
  CHECK(found->actor == ledger);
  CHECK(*found->label == "ledger");
  CHECK(table.name_of(ledger->address()) == "ledger");
  CHECK_FALSE(table.find("Ledger"));
  CHECK_FALSE(table.find("ledge"));
  CHECK_FALSE(table.find(""));
  CHECK(table.name_of(some.spawn()->address()) == "");
}

TEST_CASE("a finder finds what the table has now", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  mailbox_finder finder{table};
  auto ledger = some.spawn();
  auto safe = some.spawn();
  CHECK_FALSE(finder.find("ledger"));
  REQUIRE(table.bind(name("ledger"), ledger));
  REQUIRE(table.bind(name("safe"), safe));
  for (int i = 0; i < 3; ++i) {
    CHECK(finder.find("ledger")->actor == ledger);
    CHECK(finder.find("ledger")->actor == ledger);
    CHECK(finder.find("safe")->actor == safe);
  }
  REQUIRE(finder.find("ledger"));
  auto held = finder.find("ledger"); // a message on its way
  REQUIRE(table.remove("ledger"));
  CHECK_FALSE(finder.find("ledger"));
  REQUIRE(table.bind(name("ledger"), safe));
  CHECK(finder.find("ledger")->actor == safe);
  table.close();
  CHECK_FALSE(finder.find("ledger"));
}

TEST_CASE("a finder keeps no actor alive", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  mailbox_finder finder{table};
  auto ledger = some.spawn();
  REQUIRE(table.bind(name("ledger"), ledger));
  REQUIRE(finder.find("ledger"));
  auto weak = caf::actor_cast<caf::weak_actor_ptr>(ledger);
  some.end(ledger);
  REQUIRE(table.remove("ledger"));
  ledger = nullptr;
  CHECK(eventually_gone(weak));
}

TEST_CASE("a name belongs to one mailbox at a time", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto first = some.spawn();
  REQUIRE(table.bind(name("ledger"), first));
  for (auto& each : {some.spawn(), first}) {
    auto second = table.bind(name("ledger"), each);
    REQUIRE_FALSE(second);
    CHECK(second.error().code() == errc::name_taken);
    CHECK(to_string(second.error()) == "ledger: name taken by another mailbox");
  }
  CHECK(table.find("ledger")->actor == first);
  CHECK(table.remove("ledger"));
  CHECK(table.bind(name("ledger"), some.spawn()));
}

TEST_CASE("a mailbox can have several names", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto one = some.spawn();
  REQUIRE(table.bind(name("a"), one));
  REQUIRE(table.bind(name("b/c"), one));
  CHECK(labels(table) == std::multiset<std::string>{"a", "b/c"});
  CHECK(table.remove("a"));
  CHECK(table.find("b/c")->actor == one);
}

TEST_CASE("a reserved name is taken and has nobody behind it", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  REQUIRE(table.reserve(name("ledger")));
  CHECK_FALSE(table.find("ledger"));
  CHECK(table.named().empty());
  CHECK(table.reserve(name("ledger")).error().code() == errc::name_taken);
  auto actor = some.spawn();
  CHECK_FALSE(table.remove("ledger", actor->address()));
  REQUIRE(table.bind(name("ledger"), actor));
  CHECK(table.find("ledger")->actor == actor);
  CHECK(table.reserve(name("ledger")).error().code() == errc::name_taken);
  CHECK(table.remove("ledger"));
  REQUIRE(table.reserve(name("ledger")));
  CHECK(table.remove("ledger"));
  CHECK_FALSE(table.remove("ledger"));
}

TEST_CASE("a name is removed for an actor only while it is still its", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto first = some.spawn();
  auto second = some.spawn();
  REQUIRE(table.bind(name("ledger"), first));
  CHECK_FALSE(table.remove("ledger", second->address()));
  CHECK(table.remove("ledger", first->address()));
  REQUIRE(table.bind(name("ledger"), second));
  CHECK_FALSE(table.remove("ledger", first->address()));
  CHECK(table.find("ledger")->actor == second);
}

TEST_CASE("an actor with a name is kept alive until it is removed", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  caf::weak_actor_ptr watch;
  {
    auto actor = some.spawn();
    watch = caf::actor_cast<caf::weak_actor_ptr>(actor);
    REQUIRE(table.bind(name("ledger"), actor));
  }
  CHECK(watch.lock());
  CHECK(table.remove("ledger"));
}

TEST_CASE("an actor has one number and is found by it", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto first = some.spawn();
  auto second = some.spawn();
  auto number = table.number_of(first);
  CHECK(number != 0);
  CHECK(table.number_of(first) == number);
  CHECK(table.number_of(second) != number);
  auto found = table.find(number);
  REQUIRE(found);
  CHECK(found->actor == first);
  CHECK(*found->label == "#" + std::to_string(number));
  CHECK_FALSE(table.find(std::uint64_t{0}));
  CHECK_FALSE(table.find(number + 1'000'000));
}

TEST_CASE("an actor is not found by number before its number has gone out", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto actor = some.spawn();
  CHECK_FALSE(table.find(actor->id()));
  REQUIRE(table.bind(name("ledger"), actor));
  CHECK_FALSE(table.find(actor->id()));
  table.number_of(actor);
  CHECK(table.find(actor->id()));
}

TEST_CASE("a number does not keep an actor alive", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto actor = some.spawn();
  auto number = table.number_of(actor);
  auto watch = caf::actor_cast<caf::weak_actor_ptr>(actor);
  some.end(actor);
  actor = nullptr;
  // the worker that ran it lets go of it a moment later
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (watch.lock() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  CHECK_FALSE(watch.lock());
  CHECK_FALSE(table.find(number));
}

TEST_CASE("numbers of actors that are gone are forgotten, those of the living are not", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto living = some.spawn();
  auto number = table.number_of(living);
  for (int i = 0; i < 1100; ++i) { // more than are kept without a look at them
    auto brief = some.spawn();
    table.number_of(brief);
    some.end(brief);
  }
  REQUIRE(table.find(number));
  CHECK(table.find(number)->actor == living);
  CHECK(table.number_of(living) == number);
}

TEST_CASE("a closed table forgets everything and takes nothing", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  auto actor = some.spawn();
  REQUIRE(table.bind(name("ledger"), actor));
  auto number = table.number_of(actor);
  table.close();
  CHECK_FALSE(table.find("ledger"));
  CHECK_FALSE(table.find(number));
  CHECK(table.named().empty());
  CHECK_FALSE(table.remove("ledger"));
  CHECK(table.number_of(actor) == 0);
  CHECK(table.bind(name("ledger"), actor).error().code() == errc::shutting_down);
  CHECK(error_of(table.reserve(name("other"))) == "other: shutting down");
}

TEST_CASE("of threads that race for a name one gets it", "[mailbox_table]") {
  actors some;
  mailbox_table table;
  for (int round = 0; round < 100; ++round) {
    std::vector<caf::strong_actor_ptr> rivals;
    for (int i = 0; i < 4; ++i)
      rivals.push_back(some.spawn());
    std::atomic<int> won{0};
    std::vector<std::thread> threads;
    for (auto& each : rivals)
      threads.emplace_back([&] {
        if (table.bind(name("ledger"), each))
          ++won;
        table.find("ledger");
        table.number_of(each);
        table.named();
      });
    for (auto& each : threads)
      each.join();
    REQUIRE(won == 1);
    REQUIRE(table.remove("ledger"));
  }
}
