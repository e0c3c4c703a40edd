// Actors that one process makes for the supervisors of others.

#include <processes/world.hpp>

#include <mailroom/actors/factory.hpp>
#include <mailroom/actors/factory_messages.hpp>
#include <mailroom/actors/supervisor.hpp>

#include <support/messages.hpp>

#include <future>

using namespace test;
using namespace mailroom;

namespace {

/// The test's own process, `bank`, and another one, `worker-1`, which offers factories.
class offices {
public:
  explicit offices(transport_kind transport) : transport_{transport} {
    config settings;
    settings.process = "bank";
    settings.directory = directory_.path();
    settings.transports = {transport};
    settings.log = log_.callback();
    settings.log_level = level::info;
    system_ = std::make_unique<mailroom::system>(settings);
    start_worker();
  }

  mailroom::system& sys() { return *system_; }
  test::process& worker() { return *worker_; }
  log_lines& log() { return log_; }

  test::process start(std::string name, std::vector<std::string> options = {}) {
    options.insert(options.begin(), std::move(name));
    options.push_back("transports=" + std::string{mailroom::to_string(transport_)});
    return {programs / "branch", std::move(options), directory_.path()};
  }

  void start_worker() {
    worker_.emplace(start("worker-1"));
    REQUIRE(system_->wait_for("worker-1/control", 20s));
  }

  std::int64_t count(const std::string& what) {
    auto result = system_->request<std::int64_t>("worker-1/control", 20s, what);
    INFO((result ? "" : mailroom::to_string(result.error())));
    REQUIRE(result);
    return *result;
  }

  /// What supervising this one child says.
  std::string start_error(child_spec child) {
    auto root = supervise(sys(), "root", {.children = {std::move(child)}});
    if (!root)
      return mailroom::to_string(root.error());
    end(*root);
    return "it started";
  }

  void end(const caf::actor& supervisor) {
    caf::scoped_actor self{sys().actors()};
    self->send_exit(supervisor, caf::exit_reason::user_shutdown);
    self->wait_for(supervisor);
  }

private:
  transport_kind transport_;
  temporary_directory directory_;
  log_lines log_;
  std::optional<test::process> worker_;
  std::unique_ptr<mailroom::system> system_;
};

#define IN_BOTH_WAYS()                                                                                                 \
  auto transport = GENERATE(transport_kind::pipe, transport_kind::shared_memory);                                      \
  CAPTURE(mailroom::to_string(transport));                                                                             \
  offices world{transport};                                                                                            \
  [[maybe_unused]] auto& sys = world.sys()

/// What the mailbox answers, asked until it does.
std::string eventually_answered(mailroom::system& sys, const std::string& mailbox) {
  std::string result = "nothing";
  eventually(
    [&] {
      auto got = sys.request<text>(mailbox, 1s, text{"hello"});
      result = got ? got->value : mailroom::to_string(got.error());
      return got.has_value();
    },
    20s);
  return result;
}

/// Until not even a short message is taken any more.
bool fill_the_way_to(mailroom::system& sys, const std::string& mailbox) {
  auto fill = [&](std::size_t size) {
    text one{std::string(size, 'x')};
    return eventually(
      [&] {
        auto sent = sys.try_send(mailbox, one);
        return !sent && sent.error().code() == errc::overloaded;
      },
      20s);
  };
  return fill(1 << 20) && fill(1 << 14) && fill(256) && fill(1);
}

child_spec cache_child() {
  return remote_child("cache", "worker-1", "cache", "lru", std::int64_t{7});
}

} // namespace

TEST_CASE("a child of another process is made there, with its arguments, and ends with its supervisor", "[factory]") {
  IN_BOTH_WAYS();
  auto root =
    supervise(sys, "root", {.children = {cache_child(), remote_child("sum", "worker-1", "adder", std::int64_t{40})}});
  INFO((root ? "" : mailroom::to_string(root.error())));
  REQUIRE(root);
  auto answer = sys.request<text>("worker-1/root/cache", text{"hello"});
  REQUIRE(answer);
  CHECK(answer->value == "hello lru 7");
  CHECK(sys.request<number>("worker-1/root/sum", number{2}) == number{42});
  auto children = which_children(sys, "root");
  REQUIRE(children);
  REQUIRE(children->size() == 2);
  CHECK(children->front().address == "worker-1/root/cache");
  CHECK(children->front().kind == child_kind::remote);
  CHECK(children->front().phase == child_phase::up);
  world.end(*root);
  CHECK(world.count("living") == 0); // by now: it was waited for
  CHECK(failure_of(sys.request<text>("worker-1/root/cache", text{"hello"})).code() == errc::no_such_mailbox);
}

TEST_CASE("why a child of another process cannot be made is said with its name", "[factory]") {
  IN_BOTH_WAYS();
  CHECK(
    world.start_error(remote_child("x", "worker-1", "nobody"))
    == "bank/root/x: no such factory: worker-1 offers adder, brief, cache, failing, plain, stubborn, team, not nobody");
  CHECK(world.start_error(remote_child("x", "worker-1", "failing")) == "bank/root/x: the vault is empty");
  CHECK(world.start_error(remote_child("x", "worker-1", "cache", std::int64_t{7}))
        == "bank/root/x: unexpected arguments: factory cache takes (text, i64), and was given (i64)");
  CHECK(world.start_error(remote_child("x", "worker-1", "plain", "more"))
        == "bank/root/x: unexpected arguments: factory plain takes (), and was given (text)");
  auto garbled = child_spec{"x", child_spec::remote{"worker-1", "cache", {std::byte{9}, std::byte{9}}}};
  auto why = world.start_error(garbled);
  CAPTURE(why);
  CHECK(why.find("bank/root/x: ") == 0);
  CHECK(why.find("factory cache takes (text, i64)") != std::string::npos);
  CHECK(world.count("born") == 0);
}

TEST_CASE("a child of a process that is not there, or that offers nothing, fails with that", "[factory]") {
  IN_BOTH_WAYS();
  auto absent = remote_child("x", "nobody", "cache").with({.ready_within = 1s}); // of which a tenth is left to say so
  CHECK(world.start_error(absent) == "bank/root/x: nobody: no such process");
  CHECK(world.start_error(remote_child("x", "bank", "cache")) == "bank/root/x: no such factory: bank offers nothing");
}

TEST_CASE("a child of a process that is about to start waits for it", "[factory]") {
  IN_BOTH_WAYS();
  world.worker().kill();
  world.worker().wait();
  std::string came_of_it;
  std::thread other{[&] { came_of_it = world.start_error(cache_child().with({.ready_within = 20s})); }};
  std::this_thread::sleep_for(
    100ms); // it looks for the process in vain meanwhile; where it is late, the test is only easier
  world.start_worker();
  other.join();
  CHECK(came_of_it == "it started");
}

TEST_CASE("a factory may be offered a moment after its process is there", "[factory]") {
  temporary_directory directory;
  mailroom::system sys{{.process = "bank", .directory = directory.path()}};
  mailroom::system late{{.process = "late", .directory = directory.path()}};
  std::thread later{[&] {
    std::this_thread::sleep_for(50ms); // the moment by which the factory is late
    CHECK(offer(late, "echo",
                [](caf::event_based_actor*) { return caf::behavior{[](const number& what) { return what; }}; }));
  }};
  auto root = supervise(sys, "root", {.children = {remote_child("echo", "late", "echo")}});
  later.join();
  INFO((root ? "" : mailroom::to_string(root.error())));
  REQUIRE(root);
  CHECK(sys.request<number>("late/root/echo", number{4}) == number{4});
}

TEST_CASE("a mailbox that somebody else has is not taken from him", "[factory]") {
  IN_BOTH_WAYS();
  auto boss = world.start("boss", {"supervise=worker-1"});
  REQUIRE(sys.wait_for("boss/control", 20s));
  CHECK(world.start_error(cache_child()) == "bank/root/cache: name taken: worker-1/root/cache is a child of boss/root");
  CHECK(eventually_answered(sys, "worker-1/root/cache") == "hello lru 7");
}

TEST_CASE("who asks for a child in a mailbox that is no child's is refused, and others are served", "[factory]") {
  IN_BOTH_WAYS();
  for (auto* mailbox : {"x", "", "mailroom/x", "a b/c"}) {
    CAPTURE(mailbox);
    caf::scoped_actor self{sys.actors()};
    std::string answer = "it was made";
    factory_messages::make order{"plain", mailbox, "bank/root", 1, {}};
    self->request(sys.mailbox("worker-1/mailroom/factories"), 20s, order)
      .receive([](const factory_messages::made&) {},
               [&](const caf::error& why) { answer = mailroom::to_string(mailroom::error{why}); });
    CHECK_THAT(answer, Catch::Matchers::Contains("invalid address: not the mailbox of a supervisor's child: "));
  }
  CHECK(world.start_error(cache_child()) == "it started");
}

TEST_CASE("the end of a child reaches its supervisor though the way there is full", "[factory]") {
  IN_BOTH_WAYS();
  std::atomic<int> born{0};
  REQUIRE(offer(sys, "cache", [&born](caf::event_based_actor* self, const std::string&, std::int64_t) {
    ++born;
    return caf::behavior{[self](const number&) { self->quit(caf::sec::runtime_error); }};
  }));
  auto boss = world.start("boss", {"supervise=bank"});
  REQUIRE(sys.wait_for("boss/control", 20s));
  REQUIRE(eventually([&] { return born == 1; }, 20s));
  boss.stop();
  REQUIRE(fill_the_way_to(sys, "boss/control"));
  REQUIRE(sys.send("bank/root/cache", number{1}));
  CHECK(eventually(
    [&] { return failure_of(sys.request<number>("bank/root/cache", number{1})).code() == errc::no_such_mailbox; },
    20s));
  boss.resume();
  CHECK(eventually([&] { return born == 2; }, 20s));
}

TEST_CASE("a child is told to end though the way there was full", "[factory]") {
  IN_BOTH_WAYS();
  auto patient = cache_child().with({.shutdown = shutdown::infinity()});
  auto root = supervise(sys, "root", {.children = {patient}});
  REQUIRE(root);
  world.worker().stop();
  REQUIRE(fill_the_way_to(sys, "worker-1/control"));
  auto ended = std::async(std::launch::async, [&] { return terminate_child(sys, "root", "cache"); });
  std::this_thread::sleep_for(100ms); // in which it is told in vain; where it is late, the test is only easier
  world.worker().resume();
  CHECK(ended.get());
  CHECK(world.count("living") == 0);
}

TEST_CASE("factories have names of their own", "[factory]") {
  temporary_directory directory;
  mailroom::system sys{{.process = "bank", .directory = directory.path()}};
  auto nothing = [](caf::event_based_actor*) { return caf::behavior{[](const number&) {}}; };
  CHECK(offer(sys, "one", nothing));
  CHECK(offer(sys, "two", nothing));
  CHECK(failure_of(offer(sys, "one", nothing)).code() == errc::name_taken);
  CHECK(failure_of(offer(sys, "a factory", nothing)).code() == errc::invalid_address);
  CHECK(failure_of(offer_supervisor(sys, "team", {.period = 0ms})).code() == errc::system_error);
  sys.stop();
  CHECK(sys.stop().empty());
}

TEST_CASE("a child of another process that fails is made again, under the same address", "[factory]") {
  IN_BOTH_WAYS();
  auto root = supervise(sys, "root", {.intensity = 100, .children = {cache_child()}});
  REQUIRE(root);
  for (auto i = 1; i <= 5; ++i) {
    REQUIRE(sys.send("worker-1/root/cache", number{1}));
    REQUIRE(eventually([&] { return world.count("born") == i + 1; }, 20s));
    CHECK(eventually_answered(sys, "worker-1/root/cache") == "hello lru 7");
  }
  CHECK(world.count("most") == 1);
  CHECK(world.log().count("bank/root/cache: the cache is full; it is started again") == 5);
}

TEST_CASE("a child of another process that fails the moment it is up says why", "[factory]") {
  IN_BOTH_WAYS();
  std::promise<error> gave_up;
  auto root = supervise(sys, "root",
                        {.intensity = 20,
                         .children = {remote_child("brief", "worker-1", "brief")},
                         .on_give_up = [&](const error& why) { gave_up.set_value(why); }});
  auto last = gave_up.get_future();
  REQUIRE(last.wait_for(20s) == std::future_status::ready);
  CHECK_THAT(last.get().cause(), Catch::Matchers::Contains("the cache is full"));
  CHECK(world.log().count("bank/root/brief: the cache is full; it is started again") == 20);
}

TEST_CASE("a transient child of another process that ended as it should is left alone", "[factory]") {
  IN_BOTH_WAYS();
  auto root = supervise(sys, "root", {.children = {cache_child().with({.restart = restart::transient})}});
  REQUIRE(root);
  REQUIRE(sys.send("worker-1/root/cache", number{0}));
  CHECK(eventually(
    [&] {
      auto all = which_children(sys, "root");
      return all && all->size() == 1 && all->front().phase == child_phase::stopped;
    },
    20s));
  CHECK(world.count("born") == 1);
}

TEST_CASE("a process that was restarted makes its children again, under the same addresses", "[factory]") {
  IN_BOTH_WAYS();
  auto root = supervise(sys, "root", {.intensity = 100, .children = {cache_child()}});
  REQUIRE(root);
  for (auto i = 0; i < rounds(3, 30); ++i) {
    world.worker().kill();
    world.worker().wait(); // else the next one meets its name
    world.start_worker();
    CHECK(eventually_answered(sys, "worker-1/root/cache") == "hello lru 7");
    CHECK(world.count("born") == 1);
  }
}

TEST_CASE("nothing is left in the other process of a supervisor that was killed", "[factory]") {
  IN_BOTH_WAYS();
  for (auto i = 0; i < rounds(3, 30); ++i) {
    auto boss = world.start("boss", {"supervise=worker-1"});
    REQUIRE(sys.wait_for("boss/control", 20s));
    REQUIRE(world.count("living") == 1);
    boss.kill();
    boss.wait();
    if (i % 2 == 0)
      CHECK(eventually([&] { return world.count("living") == 0; }, 20s));
    // or the next one comes before the last one's child has ended
  }
  CHECK(world.count("most") == 1);
}

TEST_CASE("a child that does not end for its lost supervisor is killed", "[factory]") {
  IN_BOTH_WAYS();
  {
    auto root =
      supervise(sys, "root",
                {.children = {remote_child("x", "worker-1", "stubborn").with({.shutdown = shutdown::within(50ms)})}});
    REQUIRE(root);
    world.end(*root);
    CHECK(world.count("living") == 0);
  }
  // by the process that made it, where there is nobody else
  auto boss = world.start("boss", {"supervise=worker-1", "factory=stubborn"});
  REQUIRE(sys.wait_for("boss/control", 20s));
  REQUIRE(world.count("living") == 1);
  boss.kill();
  CHECK(eventually([&] { return world.count("living") == 0; }, 20s));
}

TEST_CASE("a supervisor that was out of sight finds no second instance when it comes back", "[factory]") {
  IN_BOTH_WAYS();
  auto boss = world.start("boss", {"supervise=worker-1", "hung-after=1000"});
  REQUIRE(sys.wait_for("boss/control", 20s));
  REQUIRE(world.count("born") == 1);
  SECTION("the one who makes is stopped, and found hung") {
    world.worker().stop();
    std::this_thread::sleep_for(3s * slowness); // longer than `hung-after`, by which it is given up
    world.worker().resume();
  }
  SECTION("the one who supervises is stopped, and found hung") {
    boss.stop();
    CHECK(eventually([&] { return world.count("living") == 0; }, 20s));
    boss.resume();
  }
  CHECK(eventually_answered(sys, "worker-1/root/cache") == "hello lru 7");
  CHECK(eventually([&] { return world.count("born") > 1; }, 20s));
  CHECK(eventually([&] { return world.count("living") == 1; }, 20s));
  CHECK(world.count("most") == 1);
}

TEST_CASE("a template makes children in another process too", "[factory]") {
  IN_BOTH_WAYS();
  auto root = supervise(
    sys, "pool",
    {.strategy = strategy::simple_one_for_one, .children = {remote_child("cache", "worker-1", "cache", "lru")}});
  REQUIRE(root);
  for (auto i = 1; i <= 3; ++i) {
    auto child = start_child(sys, "pool", std::int64_t{i});
    INFO((child ? "" : mailroom::to_string(child.error())));
    REQUIRE(child);
    CHECK(child->address == "worker-1/pool/cache-" + std::to_string(i));
    CHECK(eventually_answered(sys, child->address) == "hello lru " + std::to_string(i));
  }
  world.end(*root);
  CHECK(world.count("living") == 0);
}

TEST_CASE("a supervisor of another process is a branch of the tree", "[factory]") {
  IN_BOTH_WAYS();
  auto root = supervise(sys, "root", {.intensity = 100, .children = {remote_child("branch", "worker-1", "team")}});
  INFO((root ? "" : mailroom::to_string(root.error())));
  REQUIRE(root);
  CHECK(sys.request<number>("worker-1/root/branch/one", number{3}) == number{3});
  CHECK(eventually_answered(sys, "worker-1/root/branch/two") == "hello lru 2");
  SECTION("which gives up to the supervisor above it") {
    REQUIRE(sys.send("worker-1/root/branch/two", number{1}));
    CHECK(eventually([&] { return world.count("born") == 4; }, 20s));
    CHECK(eventually_answered(sys, "worker-1/root/branch/two") == "hello lru 2");
  }
  SECTION("which the whole tree shows") {
    auto tree = supervision_tree(sys, "root");
    REQUIRE(tree);
    INFO(to_string(*tree));
    REQUIRE(tree->children.size() == 1);
    auto& branch = tree->children.front();
    CHECK(branch.about.address == "worker-1/root/branch");
    REQUIRE(branch.children.size() == 2);
    CHECK(branch.children[1].about.address == "worker-1/root/branch/two");
  }
  world.end(*root);
  CHECK(world.count("living") == 0);
}

TEST_CASE("the tree goes on below a process, with the supervisors of its own", "[factory]") {
  IN_BOTH_WAYS();
  process_spec boss{
    .program = programs / "branch",
    .arguments = {"boss", "supervise=worker-1", "transports=" + std::string{mailroom::to_string(transport)}}};
  auto root = supervise(sys, "root", {.children = {process_child("boss", std::move(boss))}});
  INFO((root ? "" : mailroom::to_string(root.error())));
  REQUIRE(root);
  std::string seen;
  // it is up as soon as it answers, and what it supervises a moment later
  eventually(
    [&] {
      auto tree = supervision_tree(sys, "root");
      seen = tree ? to_string(*tree) : mailroom::to_string(tree.error());
      return seen.find("worker-1/root/cache") != std::string::npos;
    },
    20s);
  CAPTURE(seen);
  auto line = [&](const std::string& what) { return seen.find("\n" + what) != std::string::npos; };
  CHECK(seen.find("bank/root  supervisor, up\n") == 0);
  CHECK(line("  boss  process, up, process "));
  CHECK(line("    boss/root  supervisor, up\n"));
  CHECK(line("      worker-1/root/cache  remote actor, up\n"));
  CHECK(seen.find("below:") == std::string::npos);
  world.end(*root);
  CHECK(eventually([&] { return world.count("living") == 0; }, 20s));
}
