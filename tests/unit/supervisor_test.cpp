// Supervisors, with children that are actors of this process or of another one.

#include <mailroom/mailroom.hpp>

#include <support/catch.hpp>
#include <support/leak_check.hpp>
#include <support/obedient_actors.hpp>
#include <support/timing.hpp>

#include <algorithm>
#include <mutex>

namespace test {

using supervised_worlds = std::tuple<actors_here, actors_elsewhere>;

} // namespace test

#include <support/supervisor_cases.hpp>

// -- what only actors have ----------------------------------------------------------------------------------------------------

namespace {

caf::behavior adder(caf::event_based_actor*, std::int64_t base, std::int64_t more) {
  return {[=](std::int64_t value) { return base + more + value; }};
}

class counting_actor : public caf::event_based_actor {
public:
  counting_actor(caf::actor_config& cfg, std::int64_t from) : caf::event_based_actor{cfg}, next_{from} {}
  caf::behavior make_behavior() override {
    return {[this](bool) { return next_++; }};
  }

private:
  std::int64_t next_;
};

} // namespace

TEST_CASE("a child's name and handle stay valid over restarts, and its arguments are what they were", "[supervisor]") {
  actors_here world;
  auto& sys = world.sys();
  root top{
    world,
    {.intensity = 10,
     .children = {mr::actor_child("adder", adder, 1, 2), mr::actor_child<counting_actor>("counter", std::int64_t{7})}}};
  auto handle = sys.mailbox("bank/root/adder");
  for (auto round = 0; round < 5; ++round) {
    CHECK(sys.request<std::int64_t>("bank/root/adder", std::int64_t{4}).value() == 7);
    CHECK(sys.request<std::int64_t>("bank/root/counter", true).value() == 7);
    CHECK(sys.request<std::int64_t>("bank/root/counter", true).value() == 8);
    caf::anon_send_exit(handle, caf::exit_reason::kill);
    caf::anon_send_exit(sys.mailbox("bank/root/counter"), caf::exit_reason::kill);
    REQUIRE(comes_true([&] {
      auto all = world.children();
      auto done = [&](auto& each) {
        return each.restarts == static_cast<std::uint64_t>(round) + 1 && each.phase == mr::child_phase::up;
      };
      return std::all_of(all.begin(), all.end(), done);
    }));
  }
}

TEST_CASE("what start_child gives comes after the template's own arguments, and again at each restart",
          "[supervisor]") {
  actors_here world;
  auto& sys = world.sys();
  root top{
    world,
    {.strategy = mr::strategy::simple_one_for_one, .intensity = 5, .children = {mr::actor_child("adder", adder, 10)}}};
  auto first = mr::start_child(sys, "bank/root", std::int64_t{1});
  auto second = mr::start_child(sys, "bank/root", std::int64_t{2});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(sys.request<std::int64_t>(first->address, std::int64_t{0}).value() == 11);
  CHECK(sys.request<std::int64_t>(second->address, std::int64_t{0}).value() == 12);
  caf::anon_send_exit(sys.mailbox(second->address), caf::exit_reason::kill);
  REQUIRE(comes_true([&] { return world.children()[1].restarts == 1 && world.phases() == "up up"; }));
  CHECK(sys.request<std::int64_t>(second->address, std::int64_t{0}).value() == 12);
  CHECK(error_of(mr::start_child(sys, "root", std::string{"two"}))
        == "bank/root/adder-3: it takes other arguments than these: text");
  CHECK_FALSE(mr::start_child(sys, "root"));
  CHECK(mr::count_children(sys, "root").value().active == 2);
}

TEST_CASE("specifications are checked before the first child starts", "[supervisor]") {
  actors_here world;
  auto& sys = world.sys();
  auto refused = [&](mr::supervisor_spec what) {
    auto result = error_of(mr::supervise(sys, "root", std::move(what)));
    CHECK(world.events().empty());
    return result;
  };
  CHECK(refused({.children = {world.child("a"), world.child("a")}}) == "root/a: two children have this id");
  CHECK_THAT(refused({.children = {world.child("a"), world.child("b b")}}), Catch::Matchers::StartsWith("root/b b: "));
  CHECK_THAT(refused({.children = {world.child("a"), world.child("b/c")}}), Catch::Matchers::StartsWith("root/b/c: "));
  CHECK(refused({.period = 0ms}) == "root: the period must be longer than nothing");
  CHECK(refused({.backoff = {.jitter = 1.5}}) == "root: the backoff's jitter must be from 0 to 1");
  CHECK(refused({.backoff = {.first = -1ms}}) == "root: a backoff has no times below nothing");
  CHECK(refused({.strategy = mr::strategy::simple_one_for_one})
        == "root: simple_one_for_one takes one child, the template");
  CHECK(refused({.children = {world.child("a", {.restart = mr::restart::transient, .significant = true})}})
        == "root/a: a child cannot be significant where auto_shutdown is never");
  CHECK(refused(
          {.auto_shutdown = mr::auto_shutdown::any_significant, .children = {world.child("a", {.significant = true})}})
        == "root/a: a permanent child cannot be significant: it is always started again");
  CHECK(refused({.children = {world.child("a", {.ready_within = 0ms})}})
        == "root/a: ready_within must be longer than nothing");
  CHECK(refused({.children = {mr::process_child("p", {})}}) == "root/p: no program");
  CHECK(refused({.children = {world.child("a"),
                              mr::supervisor_child("pool", {.children = {world.child("b"), world.child("b")}})}})
        == "root/pool/b: two children have this id");
  CHECK(refused({.children = {mr::process_child("p", {.program = "x"}),
                              mr::supervisor_child("pool", {.children = {mr::process_child("p", {.program = "y"})}})}})
        == "root/pool/p: two processes of the tree have this name");
  mr::supervisor_spec deep{.children = {world.child("a")}};
  for (auto i = 0; i < 7; ++i)
    deep = mr::supervisor_spec{.children = {mr::supervisor_child("s", deep)}};
  CHECK_FALSE(mr::supervise(sys, "root", deep));
  CHECK(world.events().empty());
  root top{world, {.children = {world.child("a")}}};
  CHECK(error_of(mr::start_child(sys, "root", world.child("b", {.ready_within = 0ms})))
        == "root/b: ready_within must be longer than nothing");
  CHECK(error_of(mr::supervise(sys, "root", {})) == "bank/root: name taken by another mailbox");
}

TEST_CASE("shutdown defaults to five seconds, and to infinity for supervisors", "[supervisor]") {
  actors_here world;
  CHECK(world.child("a", {}).shutdown() == mr::shutdown::within(5s));
  CHECK(mr::supervisor_child("s", {}).shutdown() == mr::shutdown::infinity());
  CHECK(mr::supervisor_child("s", {}).with({.shutdown = mr::shutdown::within(1s)}).shutdown()
        == mr::shutdown::within(1s));
}

TEST_CASE("an actor that quits or throws while it starts has failed to start", "[supervisor]") {
  actors_here world;
  auto& sys = world.sys();
  auto quits = [](caf::event_based_actor* self) -> caf::behavior {
    self->quit();
    return {[](bool) {}};
  };
  CHECK(error_of(mr::supervise(sys, "root", {.children = {mr::actor_child("quits", quits)}}))
        == "bank/root/quits: it ended before it was up");
  auto throws = [](caf::event_based_actor*) -> caf::behavior { throw std::runtime_error{"no room"}; };
  CHECK(error_of(mr::supervise(sys, "root", {.children = {mr::actor_child("throws", throws)}}))
        == "bank/root/throws: no room");
  mr::child_spec refuses{
    "refuses", mr::child_spec::actor{[](mr::system&, auto&) -> caf::actor { throw std::runtime_error{"not today"}; }}};
  CHECK(error_of(mr::supervise(sys, "root", {.children = {refuses}})) == "bank/root/refuses: not today");
  auto other = sys.spawn("root/taken", [](caf::event_based_actor*) -> caf::behavior { return {[](bool) {}}; });
  CHECK(error_of(mr::supervise(sys, "root", {.children = {mr::actor_child("taken", throws)}}))
        == "bank/root/taken: name taken by another mailbox");
}

TEST_CASE("actors of every make are children", "[supervisor]") {
  actors_here world;
  using typed = caf::typed_actor<caf::replies_to<std::int64_t>::with<std::int64_t>>;
  auto function = []() -> caf::behavior { return {[](std::int64_t value) { return value + 1; }}; };
  auto with_type = [](typed::pointer) -> typed::behavior_type {
    return {[](std::int64_t value) { return value + 2; }};
  };
  auto becoming = [](caf::event_based_actor* self) { self->become([](std::int64_t value) { return value + 3; }); };
  auto blocking = [](caf::blocking_actor* self) {
    auto running = true;
    self->receive_while(running)([](std::int64_t value) { return value + 4; },
                                 [&](const caf::exit_msg&) { running = false; });
  };
  root top{world,
           {.children = {mr::actor_child("one", function), mr::actor_child("two", with_type),
                         mr::actor_child("three", becoming), mr::actor_child("four", blocking),
                         mr::actor_child<caf::detached>("five", adder, 2, 3)}}};
  auto& sys = world.sys();
  auto expected = 1;
  for (auto each : {"one", "two", "three", "four", "five"})
    CHECK(sys.request<std::int64_t>(std::string{"bank/root/"} + each, std::int64_t{0}).value() == expected++);
}

TEST_CASE("a child that is linked to its supervisor does not end it", "[supervisor]") {
  actors_here world;
  auto linked = [](caf::event_based_actor* self, caf::actor above) -> caf::behavior {
    self->link_to(above);
    return {[=](const std::string& how) {
      if (how == "fail")
        throw std::runtime_error{"linked, and failed"};
      self->quit(caf::exit_reason::user_shutdown); // from a stranger it would be an order
    }};
  };
  root top{world, {.intensity = 1000, .children = {world.child("a")}}};
  REQUIRE(mr::start_child(world.sys(), "root", mr::actor_child("b", linked, top.actor())));
  for (auto round = 1u; round <= 20; ++round) {
    CHECK(world.sys().send("bank/root/b", round % 2 == 0 ? "fail" : "quit"));
    REQUIRE(comes_true([&] { return world.children()[1].restarts == round && world.phases() == "up up"; }));
  }
  CHECK(world.births("a") == 1);
}

TEST_CASE("an exit message of a child's last life is no order, however late it comes", "[supervisor]") {
  actors_here world;
  std::mutex mutex;
  std::vector<caf::actor_addr> lives;
  auto known = [&](caf::event_based_actor* self) -> caf::behavior {
    std::lock_guard guard{mutex};
    lives.push_back(self->address());
    return {[self](const std::string&) { self->quit(caf::exit_reason::kill); }};
  };
  root top{world, {.intensity = 1000, .children = {world.child("a"), mr::actor_child("b", known)}}};
  for (auto round = 1u; round <= 20; ++round) {
    CHECK(world.sys().send("bank/root/b", "quit"));
    REQUIRE(comes_true([&] { return world.children()[1].restarts == round && world.phases() == "up up"; }));
    caf::actor_addr last;
    {
      std::lock_guard guard{mutex};
      REQUIRE(lives.size() == round + 1);
      last = lives[round - 1];
    }
    caf::anon_send(top.actor(), caf::exit_msg{last, caf::exit_reason::user_shutdown});
    CHECK(world.phases() == "up up"); // asked behind it
  }
  CHECK(world.births("a") == 1);
}

TEST_CASE("a supervisor does not mind what it does not understand", "[supervisor]") {
  actors_here world;
  root top{world, {.children = {world.child("a")}}};
  CHECK(world.sys().send("root", "what is this"));
  CHECK_FALSE(world.sys().request<bool>("root", std::int64_t{5}));
  caf::anon_send(top.actor(), caf::make_error(caf::sec::runtime_error));
  caf::anon_send(top.actor(), caf::down_msg{caf::actor_addr{}, caf::make_error(caf::sec::runtime_error)});
  caf::anon_send_exit(top.actor(), caf::exit_reason::normal);
  CHECK(world.phases() == "up");
  CHECK(world.births("a") == 1);
}

TEST_CASE("a supervisor that is killed takes its children along, before the one above starts it again",
          "[supervisor]") {
  actors_here world;
  mr::supervisor_spec pool{.children = {world.child("a"), world.child("b")}};
  root top{world, {.intensity = 1000, .children = {mr::supervisor_child("pool", pool), world.child("c")}}};
  for (auto round = 1u; round <= 20; ++round) {
    caf::anon_send_exit(world.sys().mailbox("bank/root/pool"), caf::exit_reason::kill);
    REQUIRE(comes_true([&] { return world.children()[0].restarts == round && world.phases() == "up up"; }));
    CHECK(world.phases("bank/root/pool") == "up up");
  }
  CHECK(world.births("b") == 21);
  auto all = world.events();
  CHECK(std::count(all.begin(), all.end(), "two lives") == 0);
  top.end(caf::exit_reason::kill);
  CHECK(comes_true([&] { return world.events().size() == 2 * (21 + 21 + 1); }));
}

TEST_CASE("a supervisor that is killed waits for a child that is at work", "[supervisor]") {
  struct census {
    std::atomic<int> living{0};
    std::atomic<int> most{0};
    std::atomic<unsigned> at_work{0};
  };
  auto all = std::make_shared<census>();
  auto slow = [all](caf::event_based_actor*) -> caf::behavior {
    all->most = std::max(all->most.load(), ++all->living);
    std::shared_ptr<void> life{all.get(), [all](void*) { --all->living; }};
    return {[all, life](const std::string&) {
      ++all->at_work;
      std::this_thread::sleep_for(50ms); // its work: CAF cannot end an actor in the middle of a handler, killed or not
    }};
  };
  actors_here world;
  mr::supervisor_spec pool{.children = {mr::actor_child("a", slow)}};
  root top{world, {.intensity = 1000, .children = {mr::supervisor_child("pool", pool)}}};
  for (auto round = 1u; round <= 5; ++round) {
    CHECK(world.sys().send("bank/root/pool/a", "work"));
    REQUIRE(comes_true([&] { return all->at_work == round; }));
    caf::anon_send_exit(world.sys().mailbox("bank/root/pool"), caf::exit_reason::kill);
    REQUIRE(comes_true([&] { return world.children()[0].restarts == round && world.phases() == "up"; }));
  }
  CHECK(all->most == 1);
}

TEST_CASE("a supervisor below another is stopped within the grace it is given", "[supervisor]") {
  actors_here world;
  mr::supervisor_spec pool{.children = {world.child("a", {.shutdown = mr::shutdown::infinity()})}};
  root top{world, {.children = {mr::supervisor_child("pool", pool).with({.shutdown = mr::shutdown::within(20ms)})}}};
  world.tell("root/pool/a", "stubborn");
  top.end();
  CHECK(world.events() == strings{"+a", "-a"});
}

TEST_CASE("an actor that cannot be ended makes its supervisor give up and say which", "[supervisor]") {
  actors_here world;
  std::promise<void> let_go;
  auto gone = let_go.get_future().share();
  auto hangs = [gone](caf::event_based_actor*) -> caf::behavior { return {[gone](bool) { gone.wait(); }}; };
  root top{
    world,
    {.children = {world.child("a"), mr::actor_child("hangs", hangs).with({.shutdown = mr::shutdown::brutal_kill()})}}};
  CHECK(world.sys().send("bank/root/hangs", true));
  auto stopped = mr::terminate_child(world.sys(), "root", "hangs");
  CHECK(error_of(stopped) == "bank/root/hangs: it does not end, not even when killed: a handler of it does not return");
  CHECK(top.gave_up() == error_of(stopped));
  CHECK(world.events() == strings{"+a", "-a"});
  let_go.set_value();
}

TEST_CASE("the whole tree is told at its root", "[supervisor]") {
  actors_here world;
  mr::supervisor_spec inner{.children = {world.child("a")}};
  mr::supervisor_spec pool{.children = {mr::supervisor_child("inner", inner), world.child("b")}};
  root top{world, {.intensity = 5, .children = {world.child("c"), mr::supervisor_child("pool", pool)}}};
  auto tree = mr::supervision_tree(world.sys(), "bank/root");
  REQUIRE(tree);
  CHECK(to_string(*tree)
        == "bank/root  supervisor, up\n"
           "  bank/root/c  actor, up\n"
           "  bank/root/pool  supervisor, up\n"
           "    bank/root/pool/inner  supervisor, up\n"
           "      bank/root/pool/inner/a  actor, up\n"
           "    bank/root/pool/b  actor, up\n");
  CHECK(mr::count_children(world.sys(), "root").value() == mr::child_counts{2, 2, 1, 1});
}

TEST_CASE("a restart is said with its reason, and a system that stops says nothing", "[supervisor]") {
  actors_here world;
  auto started = mr::supervise(world.sys(), "root", three(world, mr::strategy::one_for_one));
  REQUIRE(started);
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.births("b") == 2; }));
  CHECK(world.lines() == strings{"warning: bank/root/b: told to crash; it is started again"});
  CHECK(world.sys().stop(20s).empty());
  CHECK(world.lines().size() == 1);
}

TEST_CASE("in a handler supervise is refused, and the messages do the same as the functions", "[supervisor]") {
  actors_here world;
  auto& sys = world.sys();
  root top{world, {.children = {world.child("a")}}};
  sys.spawn("asker", [&sys](caf::event_based_actor* self) -> caf::behavior {
    return {[&sys](bool) {
              auto refused = mr::supervise(sys, "other", {});
              return std::string{to_string(refused ? mr::errc::remote_error : refused.error().code())};
            },
            [self, &sys](const std::string& id) {
              auto promise = self->make_response_promise();
              self->request(sys.mailbox("root"), 10s, mr::ask::terminate_child{id})
                .then([promise]() mutable { promise.deliver(std::string{"stopped"}); },
                      [promise](const caf::error& why) mutable { promise.deliver(to_string(mr::error{why})); });
            }};
  });
  CHECK(sys.request<std::string>("asker", true).value() == to_string(mr::errc::would_block));
  CHECK(sys.request<std::string>("asker", "b").value() == "bank/root: no such child: b");
  CHECK(sys.request<std::string>("asker", "a").value() == "stopped");
  CHECK(world.phases() == "stopped");
}

TEST_CASE("a supervisor of another system is asked by its address", "[supervisor]") {
  actors_here world;
  root top{world, {.strategy = mr::strategy::simple_one_for_one, .children = {mr::actor_child("adder", adder, 10)}}};
  mr::system other{{.process = "teller", .directory = world.sys().directory()}};
  CHECK(mr::start_child(other, "bank/root", std::int64_t{5}).value().address == "bank/root/adder-1");
  CHECK(other.request<std::int64_t>("bank/root/adder-1", std::int64_t{1}).value() == 16);
  CHECK(mr::which_children(other, "bank/root").value().size() == 1);
  CHECK(mr::supervision_tree(other, "bank/root").value().children.size() == 1);
  CHECK(mr::terminate_child(other, "bank/root", "adder-1"));
  CHECK(mr::count_children(other, "bank/root").value() == mr::child_counts{1, 0, 0, 0});
  CHECK_FALSE(mr::start_child(other, "bank/root", world.child("a")));
}

TEST_CASE("an actor of another system can tell a supervisor to end", "[supervisor]") {
  actors_here world;
  mr::system other{{.process = "teller", .directory = world.sys().directory()}};
  root top{world, three(world, mr::strategy::one_for_one)};
  world.forget_events();
  SECTION("without saying who it is") {
    caf::anon_send_exit(other.mailbox("bank/root"), caf::exit_reason::user_shutdown);
  }
  SECTION("by its name") {
    caf::scoped_actor self{other.actors()};
    self->send_exit(other.mailbox("bank/root"), caf::exit_reason::user_shutdown);
  }
  CHECK(top.wait() == "user_shutdown");
  CHECK(world.events() == strings{"-c", "-b", "-a"});
}

TEST_CASE("a failure is no order, whoever is linked to the supervisor", "[supervisor]") {
  actors_here world;
  mr::system other{{.process = "teller", .directory = world.sys().directory()}};
  root top{world, three(world, mr::strategy::one_for_one)};
  other.spawn(
    "friend",
    [](caf::event_based_actor* self, const caf::actor& to) {
      self->link_to(to);
      return caf::behavior{[](bool) { throw std::runtime_error{"it broke"}; }};
    },
    other.mailbox("bank/root"));
  REQUIRE(other.request<std::vector<mr::child_info>>("bank/root", mr::ask::which_children{})); // behind the link
  REQUIRE(other.send("teller/friend", true));
  auto told = [](const std::string& line) {
    return line.find("bank/root goes on, though one that is linked to it failed: ") != std::string::npos;
  };
  CHECK(comes_true([&] {
    auto all = world.lines();
    return std::any_of(all.begin(), all.end(), told);
  }));
  CHECK(world.phases() == "up up up");
}

TEST_CASE("times may be as long as numbers go", "[supervisor]") {
  actors_here world;
  constexpr auto ever = std::chrono::milliseconds::max();
  mr::supervisor_spec spec{
    .intensity = 1,
    .period = ever,
    .backoff = {.first = 1ms, .most = ever, .quiet = ever},
    .children = {world.child("a", {.shutdown = mr::shutdown::within(ever - 1ms), .ready_within = ever})}};
  world.hold_starts("a");
  auto later = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(20ms); // in which the start could be given up
    world.release("a");
  });
  root top{world, spec};
  world.tell("root/a", "crash");
  REQUIRE(comes_true([&] { return world.births("a") == 2 && world.phases() == "up"; }));
  world.forget_events();
  world.hold_ends("a");
  auto ended = std::async(std::launch::async, [&] { return mr::terminate_child(world.sys(), "root", "a"); });
  REQUIRE(comes_true([&] { return !world.events().empty(); }));
  std::this_thread::sleep_for(20ms); // in which it could be killed
  CHECK(world.events() == strings{"asked a"});
  world.release("a");
  CHECK(ended.get());
  CHECK(world.events() == strings{"asked a", "-a"});
}

TEST_CASE("a child that fails while its system stops is not started again", "[supervisor]") {
  actors_here world;
  std::promise<void> seen;
  std::promise<void> go_on;
  auto hold = [&](const mr::supervision_event& event) {
    if (event.what != mr::supervision::ended || event.child != "a" || !event.why)
      return;
    seen.set_value();
    go_on.get_future().wait(); // the supervisor's decision comes after this
  };
  root top{world, {.intensity = 1000, .children = {world.child("a"), world.child("b")}, .on_event = hold}};
  world.tell("root/a", "crash");
  REQUIRE(seen.get_future().wait_for(20s) == std::future_status::ready);
  auto stopping = std::async(std::launch::async, [&] { return world.sys().stop(20s); });
  CHECK(comes_true([&] { return world.sys().stopping(); }));
  go_on.set_value();
  CHECK(stopping.get().empty());
  CHECK(world.births("a") == 1);
  CHECK(top.wait() == "user_shutdown");
}

TEST_CASE("a stop while children start ends them, and supervise says so", "[supervisor]") {
  actors_here world;
  world.hold_starts("b");
  auto starting = std::async(std::launch::async, [&] {
    return error_of(mr::supervise(world.sys(), "root", three(world, mr::strategy::one_for_one)));
  });
  REQUIRE(comes_true([&] { return world.phases() == "up starting starting"; }));
  auto stopping = std::async(std::launch::async, [&] { return world.sys().stop(20s); });
  REQUIRE(comes_true([&] { return world.sys().stopping(); }));
  world.release("b");
  CHECK(stopping.get().empty());
  CHECK(starting.get() == "bank/root: stopped before it was up");
  CHECK(world.births("c") == 0);
}

TEST_CASE("thousands of children of a template come and go", "[supervisor]") {
  actors_here world; // OTP: simple_one_for_one_scale_many_temporary_children
  root top{world,
           {.strategy = mr::strategy::simple_one_for_one,
            .children = {mr::actor_child("adder", adder, 10).with({.restart = mr::restart::temporary})}}};
  constexpr auto count = 2000;
  for (auto i = 0; i < count; ++i)
    REQUIRE(mr::start_child(world.sys(), "root", std::int64_t{i}));
  CHECK(mr::count_children(world.sys(), "root").value() == mr::child_counts{1, count, 0, count});
  for (auto& each : world.children())
    caf::anon_send_exit(world.sys().mailbox(each.address), caf::exit_reason::kill);
  CHECK(comes_true([&] { return world.children().empty(); }));
}

TEST_CASE("many restarts leave nothing behind", "[supervisor]") {
  leak_check check;
  actors_here world;
  auto spec = three(world, mr::strategy::one_for_all);
  spec.intensity = 1'000'000;
  root top{world, spec};
  auto count = test::rounds(200, 1000);
  for (auto round = 1; round <= count; ++round) {
    world.tell("root/b", "crash");
    REQUIRE(comes_true([&] { return world.births("c") == round + 1; }));
  }
  REQUIRE(comes_true([&] { return world.phases() == "up up up"; }));
  CHECK(world.sys().actors().registry().running() == 4);
}
