// What is promised of supervisors whatever their children are. The cases are those of OTP's own tests, and some more. To be included once, after
// `test::supervised_worlds`, a tuple of the worlds to run them in, is declared.

#include <support/catch.hpp>
#include <support/supervised.hpp>

#include <atomic>
#include <future>

namespace test {

namespace mr = mailroom;
using strings = std::vector<std::string>;

inline const auto transient = mr::child_options{.restart = mr::restart::transient};
inline const auto temporary = mr::child_options{.restart = mr::restart::temporary};

template <class T> std::string error_of(const mr::expected<T>& result) {
  return result ? "no error" : to_string(result.error());
}

/// A supervisor in the mailbox "root" that gives up by saying so.
class root {
public:
  root(supervised_world& world, mr::supervisor_spec spec) : world_{world} {
    spec.on_give_up = [said = said_](const mr::error& why) { said->set_value(to_string(why)); };
    auto started = mr::supervise(world.sys(), "root", std::move(spec));
    REQUIRE(error_of(started) == "no error");
    actor_ = *started;
  }
  ~root() { end(); }
  root(const root&) = delete;
  root& operator=(const root&) = delete;

  const caf::actor& actor() const { return actor_; }

  /// Ends it and waits until it has.
  void end(caf::exit_reason how = caf::exit_reason::user_shutdown) {
    caf::anon_send_exit(actor_, how);
    wait();
  }

  /// Waits until it has ended. Returns its reason.
  std::string wait() {
    auto over = std::make_shared<std::promise<std::string>>();
    auto reason = over->get_future();
    caf::actor_cast<caf::strong_actor_ptr>(actor_)->get()->attach_functor(
      [over](const caf::error& why) { over->set_value(why ? world_text(why) : "no reason"); });
    REQUIRE(reason.wait_for(20s) == std::future_status::ready);
    return reason.get();
  }

  /// What it said when it gave up; empty where it did not.
  std::string gave_up() {
    auto said = said_->get_future();
    return said.wait_for(20s) == std::future_status::ready ? said.get() : std::string{};
  }

private:
  static std::string world_text(const caf::error& why) { return to_string(mr::error{why}); }

  supervised_world& world_;
  caf::actor actor_;
  std::shared_ptr<std::promise<std::string>> said_ = std::make_shared<std::promise<std::string>>();
};

/// Three children, and rules.
inline mr::supervisor_spec three(supervised_world& world, mr::strategy rule, const mr::child_options& options = {}) {
  return {.strategy = rule,
          .intensity = 5,
          .children = {world.child("a", options), world.child("b", options), world.child("c", options)}};
}

} // namespace test

using namespace test;

// -- start and stop -----------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("children start in order and stop in reverse", "[supervisor]", supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::one_for_one)};
  CHECK(world.ids() == "a b c");
  CHECK(world.phases() == "up up up");
  top.end();
  CHECK(world.events() == strings{"+a", "+b", "+c", "-c", "-b", "-a"});
}

TEMPLATE_LIST_TEST_CASE("a start that fails stops those before it in reverse and names the child", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  world.fail_starts("c", 1);
  auto spec = three(world, mr::strategy::one_for_one);
  spec.on_give_up = [](const mr::error&) { FAIL("a start that fails is no giving up"); };
  auto failed = mr::supervise(world.sys(), "root", spec);
  CHECK_THAT(error_of(failed), Catch::Matchers::StartsWith(world.sys().process() + "/root/c: "));
  CHECK(world.events() == strings{"+a", "+b", "-b", "-a"});
  // nothing is left in the way of another try
  root top{world, three(world, mr::strategy::one_for_one)};
  CHECK(world.phases() == "up up up");
}

TEMPLATE_LIST_TEST_CASE("a child that is not up in time has failed to start", "[supervisor]", supervised_worlds) {
  TestType world;
  world.hold_starts("b");
  mr::supervisor_spec spec{.children = {world.child("a"), world.child("b", {.ready_within = 50ms})}};
  auto starting = std::async(std::launch::async, [&] { return mr::supervise(world.sys(), "root", spec); });
  // some are gone as soon as they are killed, and it fails at once
  REQUIRE(
    comes_true([&] { return world.phases() == "up stopping" || starting.wait_for(0s) == std::future_status::ready; }));
  world.release("b");
  CHECK(error_of(starting.get()) == world.sys().process() + "/root/b: it was not up within 50 ms");
}

TEMPLATE_LIST_TEST_CASE("each child is up before the next one starts, and questions are answered meanwhile",
                        "[supervisor]", supervised_worlds) {
  TestType world;
  world.hold_starts("b");
  auto starting = std::async(std::launch::async, [&] {
    return mr::supervise(world.sys(), "root", three(world, mr::strategy::one_for_one)).has_value();
  });
  REQUIRE(comes_true([&] { return world.phases() == "up starting starting"; }));
  CHECK(world.births("c") == 0);
  auto counts = mr::count_children(world.sys(), "root");
  REQUIRE(counts);
  CHECK(*counts == mr::child_counts{3, 1, 0, 3});
  world.release("b");
  CHECK(starting.get());
  CHECK(world.events() == strings{"+a", "+b", "+c"});
}

TEMPLATE_LIST_TEST_CASE("a child that does not end when asked is killed after its grace", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  constexpr auto grace = 800ms;
  root top{world, {.children = {world.child("a"), world.child("b", {.shutdown = mr::shutdown::within(grace)})}}};
  world.hold_ends("b");
  auto before = std::chrono::steady_clock::now();
  top.end();
  CHECK(std::chrono::steady_clock::now() - before >= grace);
  CHECK_FALSE(mr::which_children(world.sys(), "root"));
  auto all = world.events();
  CHECK(std::count(all.begin(), all.end(), "-a") == 1);
  world.release("b");
}

TEMPLATE_LIST_TEST_CASE("a child with brutal_kill is not asked", "[supervisor]", supervised_worlds) {
  TestType world;
  root top{world, {.children = {world.child("a", {.shutdown = mr::shutdown::brutal_kill()})}}};
  world.hold_ends("a"); // would wait for its release, were it asked
  top.end();
  auto all = world.events();
  CHECK(std::count(all.begin(), all.end(), "asked a") == 0);
  world.release("a");
}

TEMPLATE_LIST_TEST_CASE("a child with infinity is waited for, and questions are answered meanwhile", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  root top{world, {.children = {world.child("a"), world.child("b", {.shutdown = mr::shutdown::infinity()})}}};
  world.hold_ends("b");
  caf::anon_send_exit(top.actor(), caf::exit_reason::user_shutdown);
  REQUIRE(comes_true([&] { return world.phases() == "stopping stopping"; }));
  REQUIRE(comes_true([&] {
    auto all = world.events();
    return std::count(all.begin(), all.end(), "asked b") == 1;
  }));
  std::this_thread::sleep_for(50ms);
  CHECK(world.phases() == "stopping stopping");
  CHECK(error_of(mr::restart_child(world.sys(), "root", "a"))
        == world.sys().process() + "/root/a: the supervisor is ending");
  world.release("b");
  CHECK(top.wait() == "user_shutdown");
}

// -- restart kinds ------------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("permanent children come back however they ended", "[supervisor]", supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::one_for_one)};
  auto what = GENERATE(as<std::string>{}, "crash", "quit", "shutdown");
  CAPTURE(what);
  world.tell("root/b", what);
  REQUIRE(comes_true([&] { return world.births("b") == 2; }));
  REQUIRE(comes_true([&] { return world.phases() == "up up up"; }));
  CHECK(world.children()[1].restarts == 1);
  CHECK(world.births("a") == 1);
  CHECK(world.births("c") == 1);
}

TEMPLATE_LIST_TEST_CASE("transient children come back where they failed, and else stay known", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::one_for_one, transient)};
  world.tell("root/a", "quit");
  world.tell("root/b", "shutdown");
  world.tell("root/c", "crash");
  REQUIRE(comes_true([&] { return world.phases() == "stopped stopped up" && world.births("c") == 2; }));
  CHECK(world.births("a") == 1);
  CHECK(world.births("b") == 1);
}

TEMPLATE_LIST_TEST_CASE("temporary children do not come back, and are forgotten", "[supervisor]", supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::one_for_all, temporary)};
  world.tell("root/a", "quit");
  REQUIRE(comes_true([&] { return world.ids() == "b c"; }));
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.ids() == "c"; }));
  CHECK(world.births("c") == 1);
}

TEMPLATE_LIST_TEST_CASE("temporary children that a sibling takes along are forgotten", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  auto rule = GENERATE(mr::strategy::one_for_all, mr::strategy::rest_for_one);
  root top{world, {.strategy = rule, .children = {world.child("a"), world.child("b", temporary), world.child("c")}}};
  world.tell("root/a", "crash");
  REQUIRE(comes_true([&] { return world.births("c") == 2 && world.phases() == "up up"; }));
  CHECK(world.ids() == "a c");
  CHECK(world.births("b") == 1);
}

// -- strategies ---------------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("one_for_all stops the others in reverse and starts all in order", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::one_for_all)};
  world.forget_events();
  world.tell("root/b", "quit");
  REQUIRE(comes_true([&] { return world.births("c") == 1 && world.phases() == "up up up"; }));
  CHECK(world.events() == strings{"-b", "-c", "-a", "+a", "+b", "+c"});
}

TEMPLATE_LIST_TEST_CASE("rest_for_one stops those after it in reverse and starts them in order", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::rest_for_one)};
  world.forget_events();
  world.tell("root/b", "quit");
  REQUIRE(comes_true([&] { return world.births("c") == 1 && world.phases() == "up up up"; }));
  CHECK(world.events() == strings{"-b", "-c", "+b", "+c"});
}

TEMPLATE_LIST_TEST_CASE("another child that fails to start again with the rest is tried again", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  auto rule = GENERATE(mr::strategy::one_for_all, mr::strategy::rest_for_one);
  root top{world, three(world, rule)};
  world.fail_starts("c", 2);
  world.tell("root/a", "crash");
  REQUIRE(comes_true([&] { return world.births("c") == 2 && world.phases() == "up up up"; }));
}

TEMPLATE_LIST_TEST_CASE("a child that was stopped by hand comes back with the rest", "[supervisor]",
                        supervised_worlds) {
  TestType world; // as in OTP
  root top{world, three(world, mr::strategy::one_for_all)};
  REQUIRE(mr::terminate_child(world.sys(), "root", "a"));
  CHECK(world.phases() == "stopped up up");
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.births("c") == 2 && world.phases() == "up up up"; }));
}

// -- giving up ----------------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("more restarts than the intensity end the supervisor and all its children", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  auto rule = GENERATE(mr::strategy::one_for_one, mr::strategy::one_for_all, mr::strategy::rest_for_one);
  auto spec = three(world, rule);
  spec.intensity = 1;
  spec.period = 1h;
  root top{world, spec};
  world.tell("root/a", "crash");
  REQUIRE(comes_true([&] { return world.births("a") == 2 && world.phases() == "up up up"; }));
  world.tell("root/a", "crash");
  auto why = top.gave_up();
  CHECK_THAT(why, Catch::Matchers::StartsWith(world.sys().process()
                                              + "/root: more than 1 restarts within 3600000 ms, the last: "
                                              + world.sys().process() + "/root/a: "));
  CHECK(top.wait() == why);
  CHECK(world.births("a") == 2);
}

TEMPLATE_LIST_TEST_CASE("a restart that fails counts like one that does not", "[supervisor]", supervised_worlds) {
  TestType world;
  auto spec = three(world, mr::strategy::one_for_one);
  spec.intensity = 3;
  spec.period = 1h;
  root top{world, spec};
  world.fail_starts("b", 2);
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.births("b") == 2 && world.phases() == "up up up"; }));
  CHECK(world.children()[1].restarts == 3);
  world.tell("root/b", "crash");
  CHECK(top.gave_up() != "");
}

TEMPLATE_LIST_TEST_CASE("a child that fails to start for ever does not keep its supervisor from answering",
                        "[supervisor]", supervised_worlds) {
  TestType world; // OTP: hanging_restart_loop
  auto spec = three(world, mr::strategy::one_for_one);
  spec.intensity = 1'000'000;
  spec.backoff = {.first = 1ms, .most = 1ms};
  root top{world, spec};
  world.fail_starts("b", 1'000'000);
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.children()[1].restarts > 10; }));
  CHECK(mr::terminate_child(world.sys(), "root", "b"));
  auto after = world.children()[1].restarts;
  CHECK(world.phases() == "up stopped up");
  std::this_thread::sleep_for(20ms);
  CHECK(world.children()[1].restarts == after);
  world.fail_starts("b", 0);
  CHECK(mr::restart_child(world.sys(), "root", "b"));
  CHECK(world.phases() == "up up up");
}

TEMPLATE_LIST_TEST_CASE("a supervisor that gives up is a failed child of the one above, through three levels",
                        "[supervisor]", supervised_worlds) {
  TestType world;
  mr::supervisor_spec low{.intensity = 0, .children = {world.child("a"), world.child("b")}};
  mr::supervisor_spec middle{.intensity = 0, .children = {mr::supervisor_child("low", low), world.child("c")}};
  root top{world,
           {.intensity = 1, .period = 1h, .children = {mr::supervisor_child("middle", middle), world.child("d")}}};
  CHECK(world.events() == strings{"+a", "+b", "+c", "+d"});
  world.forget_events();
  world.tell("root/middle/low/a", "quit");
  REQUIRE(comes_true([&] { return world.births("c") == 1 && world.phases() == "up up"; }));
  CHECK(world.events() == strings{"-a", "-b", "-c", "+a", "+b", "+c"});
  world.tell("root/middle/low/b", "quit");
  CHECK_THAT(top.gave_up(), Catch::Matchers::Contains("/root/middle/low"));
}

// -- pauses -------------------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("a pause is made before a restart, in which it can be stopped", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  auto spec = three(world, mr::strategy::one_for_one);
  spec.backoff = {.first = 1h, .most = 1h};
  root top{world, spec};
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.phases() == "up restarting up"; }));
  CHECK(error_of(mr::restart_child(world.sys(), "root", "b")) == world.sys().process() + "/root/b: it is restarting");
  CHECK(error_of(mr::delete_child(world.sys(), "root", "b")) == world.sys().process() + "/root/b: it is restarting");
  CHECK(mr::terminate_child(world.sys(), "root", "b"));
  CHECK(world.phases() == "up stopped up");
  CHECK(mr::restart_child(world.sys(), "root", "b"));
  CHECK(world.births("b") == 2);
}

TEMPLATE_LIST_TEST_CASE("the pause is over in its time", "[supervisor]", supervised_worlds) {
  TestType world;
  auto spec = three(world, mr::strategy::rest_for_one);
  spec.backoff = {.first = 100ms, .most = 1h, .jitter = 0.1};
  root top{world, spec};
  auto before = std::chrono::steady_clock::now();
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.births("c") == 2; }));
  CHECK(std::chrono::steady_clock::now() - before >= 90ms);
}

// -- asking and telling -------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("children are stopped, started again and forgotten one by one", "[supervisor]",
                        supervised_worlds) {
  TestType world; // OTP: child_adm
  auto& sys = world.sys();
  auto here = sys.process() + "/root";
  root top{world, {.children = {world.child("a")}}};
  CHECK(error_of(mr::start_child(sys, "root", world.child("a")))
        == here + "/a: there is such a child already: it is up");
  CHECK(error_of(mr::restart_child(sys, "root", "a")) == here + "/a: it is up");
  CHECK(error_of(mr::delete_child(sys, "root", "a")) == here + "/a: it is up");
  CHECK(mr::terminate_child(sys, "root", "a"));
  CHECK(mr::terminate_child(sys, "root", "a"));
  CHECK(world.phases() == "stopped");
  CHECK(mr::count_children(sys, "root").value() == mr::child_counts{1, 0, 0, 1});
  CHECK(error_of(mr::start_child(sys, "root", world.child("a")))
        == here + "/a: there is such a child already: it is stopped");
  auto again = mr::restart_child(sys, "root", "a");
  REQUIRE(again);
  CHECK(again->phase == mr::child_phase::up);
  CHECK(mr::terminate_child(sys, "root", "a"));
  CHECK(mr::delete_child(sys, "root", "a"));
  CHECK(world.children().empty());
  CHECK(error_of(mr::terminate_child(sys, "root", "a")) == here + ": no such child: a");
  CHECK(error_of(mr::restart_child(sys, "root", "a")) == here + ": no such child: a");
  CHECK(error_of(mr::delete_child(sys, "root", "a")) == here + ": no such child: a");
  auto fresh = mr::start_child(sys, "root", world.child("b", temporary));
  REQUIRE(fresh);
  CHECK(fresh->id == "b");
  CHECK(mr::terminate_child(sys, "root", "b"));
  CHECK(world.children().empty()); // temporary
}

TEMPLATE_LIST_TEST_CASE("a child that is added and fails to start is not added, and harms nobody", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  root top{world, {.intensity = 0, .children = {world.child("a")}}};
  world.fail_starts("b", 1);
  CHECK_THAT(error_of(mr::start_child(world.sys(), "root", world.child("b"))),
             Catch::Matchers::StartsWith(world.sys().process() + "/root/b: "));
  CHECK(world.ids() == "a");
  CHECK(mr::terminate_child(world.sys(), "root", "a"));
  world.fail_starts("a", 1);
  CHECK_FALSE(mr::restart_child(world.sys(), "root", "a"));
  CHECK(world.phases() == "stopped");
  CHECK(mr::restart_child(world.sys(), "root", "a"));
}

TEMPLATE_LIST_TEST_CASE("a child that is stopped while it starts ends, and whoever waits for it is told",
                        "[supervisor]", supervised_worlds) {
  TestType world;
  root top{world, {.children = {}}};
  world.hold_starts("a");
  auto adding = std::async(std::launch::async, [&] { return mr::start_child(world.sys(), "root", world.child("a")); });
  REQUIRE(comes_true([&] { return world.phases() == "starting"; }));
  auto ending = std::async(std::launch::async, [&] { return mr::terminate_child(world.sys(), "root", "a"); });
  REQUIRE(comes_true([&] { return world.phases() != "starting"; })); // a process may be gone already
  world.release("a");
  CHECK(ending.get());
  CHECK_FALSE(adding.get());
}

TEMPLATE_LIST_TEST_CASE("children of a template are started with a number, and stopped together", "[supervisor]",
                        supervised_worlds) {
  TestType world; // OTP: child_adm_simple, simple_one_for_one
  auto& sys = world.sys();
  auto here = sys.process() + "/root";
  root top{world, {.strategy = mr::strategy::simple_one_for_one, .intensity = 5, .children = {world.child("w")}}};
  CHECK(world.children().empty());
  CHECK(mr::start_child(sys, "root").value().id == "w-1");
  CHECK(mr::start_child(sys, "root").value().id == "w-2");
  CHECK(mr::start_child(sys, "root").value().id == "w-3");
  CHECK(mr::count_children(sys, "root").value() == mr::child_counts{1, 3, 0, 3});
  world.tell("root/w-2", "crash");
  REQUIRE(comes_true([&] { return world.births("w-2") == 2 && world.phases() == "up up up"; }));
  CHECK(world.births("w-1") == 1);
  CHECK(mr::terminate_child(sys, "root", "w-2"));
  CHECK(world.ids() == "w-1 w-3");
  CHECK_FALSE(mr::restart_child(sys, "root", "w-1"));
  CHECK_FALSE(mr::delete_child(sys, "root", "w-1"));
  CHECK_FALSE(mr::start_child(sys, "root", world.child("x")));
  CHECK(error_of(mr::terminate_child(sys, "root", "w-2")) == here + ": no such child: w-2");
  world.hold_ends("w-1");
  world.hold_ends("w-3");
  caf::anon_send_exit(top.actor(), caf::exit_reason::user_shutdown);
  world.release("w-1"); // one alone would do, were they stopped one after the other
  REQUIRE(comes_true([&] { return world.phases() == "stopped stopping"; }));
  world.release("w-3");
  CHECK(top.wait() == "user_shutdown");
}

TEMPLATE_LIST_TEST_CASE("too many restarts of a template's children end their supervisor", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  root top{world, {.strategy = mr::strategy::simple_one_for_one, .intensity = 0, .children = {world.child("w")}}};
  REQUIRE(mr::start_child(world.sys(), "root"));
  REQUIRE(mr::start_child(world.sys(), "root"));
  world.tell("root/w-1", "crash");
  CHECK(top.gave_up() != "");
  top.wait();
}

TEMPLATE_LIST_TEST_CASE("significant children end their supervisor when they have ended", "[supervisor]",
                        supervised_worlds) {
  TestType world;
  mr::child_options matters{.restart = mr::restart::transient, .significant = true};
  SECTION("any of them") {
    root top{world,
             {.intensity = 5,
              .auto_shutdown = mr::auto_shutdown::any_significant,
              .children = {world.child("a", matters), world.child("b", matters), world.child("c", transient)}}};
    world.tell("root/c", "quit");
    world.tell("root/b", "crash");
    REQUIRE(comes_true([&] { return world.births("b") == 2 && world.phases() == "up up stopped"; }));
    world.tell("root/a", "quit");
    CHECK(top.wait() == "user_shutdown");
  }
  SECTION("all of them") {
    root top{world,
             {.intensity = 5,
              .auto_shutdown = mr::auto_shutdown::all_significant,
              .children = {world.child("a", matters), world.child("b", matters), world.child("c")}}};
    world.tell("root/a", "quit");
    REQUIRE(comes_true([&] { return world.phases() == "stopped up up"; }));
    world.tell("root/b", "quit");
    CHECK(top.wait() == "user_shutdown");
  }
}

// -- what lasts ---------------------------------------------------------------------------------------------------------------

TEMPLATE_LIST_TEST_CASE("one supervisor never has two lives of one child", "[supervisor]", supervised_worlds) {
  TestType world; // the children themselves notice another life: see the worlds
  auto spec = three(world, GENERATE(mr::strategy::one_for_one, mr::strategy::one_for_all, mr::strategy::rest_for_one));
  spec.intensity = 1'000'000;
  spec.backoff = {.first = 1ms, .most = 2ms, .jitter = 1};
  root top{world, spec};
  std::atomic<bool> stop{false};
  auto meddle = std::async(std::launch::async, [&] {
    while (!stop) {
      static_cast<void>(mr::terminate_child(world.sys(), "root", "b"));
      static_cast<void>(mr::restart_child(world.sys(), "root", "b"));
    }
  });
  auto until = std::chrono::steady_clock::now() + 300ms;
  for (auto i = 0; std::chrono::steady_clock::now() < until; ++i)
    world.tell(std::string{"root/"} + "abc"[i % 3], i % 2 == 0 ? "crash" : "quit");
  stop = true;
  meddle.get();
  static_cast<void>(mr::restart_child(world.sys(), "root", "b"));
  REQUIRE(comes_true([&] { return world.phases() == "up up up"; }));
  auto all = world.events();
  CHECK(std::count(all.begin(), all.end(), "two lives") == 0);
}

TEMPLATE_LIST_TEST_CASE("a system that stops stops its supervisors in their order, without restarts or complaints",
                        "[supervisor]", supervised_worlds) {
  TestType world;
  mr::supervisor_spec pool{.children = {world.child("b"), world.child("c")}};
  auto started =
    mr::supervise(world.sys(), "root",
                  {.strategy = mr::strategy::one_for_all,
                   .children = {world.child("a"), mr::supervisor_child("pool", pool), world.child("d")},
                   .on_give_up = [](const mr::error&) { FAIL("a system that stops is no reason to give up"); }});
  REQUIRE(started);
  CHECK(world.sys().stop(20s).empty());
  CHECK(world.events() == strings{"+a", "+b", "+c", "+d", "-d", "-c", "-b", "-a"});
}

TEMPLATE_LIST_TEST_CASE("a child that is being terminated and is taken along by a sibling ends before any other starts",
                        "[supervisor]", supervised_worlds) {
  TestType world;
  root top{world, three(world, mr::strategy::one_for_all)};
  world.hold_ends("a");
  auto ended = std::async(std::launch::async, [&] { return mr::terminate_child(world.sys(), "root", "a"); });
  REQUIRE(comes_true([&] { return world.phases() == "stopping up up"; }));
  world.forget_events();
  world.tell("root/b", "crash");
  REQUIRE(comes_true([&] { return world.phases() == "stopping restarting restarting"; }));
  world.release("a");
  CHECK(ended.get());
  REQUIRE(comes_true([&] { return world.phases() == "up up up"; }));
  auto all = world.events();
  REQUIRE(all.size() >= 4);
  CHECK(strings(all.end() - 4, all.end()) == strings{"-a", "+a", "+b", "+c"});
}
