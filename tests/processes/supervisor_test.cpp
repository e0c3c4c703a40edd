// Supervisors, with children that are processes.

#include <processes/obedient_processes.hpp>
#include <support/deeds.hpp>
#include <support/environment.hpp>
#include <support/leak_check.hpp>

namespace test {

using supervised_worlds = std::tuple<processes>;

} // namespace test

#include <support/supervisor_cases.hpp>

// -- what only processes have -------------------------------------------------------------------------------------------------

namespace {

mr::process_spec foreign(std::vector<std::string> arguments) {
  return {.program = programs / "child", .arguments = std::move(arguments), .speaks_mailroom = false};
}

} // namespace

TEST_CASE("a program that does not speak mailroom is up when it runs, and asked by signal", "[supervisor][process]") {
  processes world;
  root top{world, {.children = {mr::process_child("sleeper", foreign({"sleep", "3600"}))}}};
  CHECK(world.phases() == "up");
  CHECK(world.children()[0].pid != 0);
  CHECK(world.children()[0].address == "sleeper");
  top.end();
}

TEST_CASE("exit codes and signals are reasons, and 0 is as it should be", "[supervisor][process]") {
  processes world;
  root top{world,
           {.children = {mr::process_child("well", foreign({"exit", "0"})).with(transient),
                         mr::process_child("ill", foreign({"exit", "7"})).with(temporary)}}};
  REQUIRE(comes_true([&] { return world.ids() == "well" && world.phases() == "stopped"; }));
  CHECK(world.lines().count("bank/root/ill: it exited with code 7") == 1);
  CHECK(world.lines().count("well") == 0);
}

TEST_CASE("who watches is told exit code and signal as such", "[supervisor][process]") {
  processes world;
  std::mutex mutex;
  std::map<std::string, std::optional<mr::error>> ends;
  auto note = [&](const mr::supervision_event& event) {
    std::lock_guard guard{mutex};
    if (event.what == mr::supervision::ended)
      ends.emplace(event.child, event.why);
  };
  auto why = [&](const std::string& child) {
    REQUIRE(comes_true([&] {
      std::lock_guard guard{mutex};
      return ends.contains(child);
    }));
    std::lock_guard guard{mutex};
    REQUIRE(ends[child]);
    return *ends[child];
  };
  root top{world,
           {.children = {mr::process_child("ill", foreign({"exit", "7"})).with(temporary), world.child("a", temporary),
                         mr::process_child("sleeper", foreign({"sleep", "3600"})).with(temporary)},
            .on_event = note}};
  for (auto& each : world.children())
    if (each.id != "ill")
      test::kill(each.pid);
  for (auto& [child, how] :
       {std::pair{"ill", mr::process_exit{7, 0}}, std::pair{"a", killed}, std::pair{"sleeper", killed}}) {
    CAPTURE(child);
    auto reason = why(child);
    CHECK(reason.code() == mr::errc::process_down);
    CHECK(reason.why_down() == mr::down_cause::exited);
    CHECK(mr::exit_status(reason) == how);
  }
}

TEST_CASE("a program that is not there fails to start", "[supervisor][process]") {
  processes world;
  auto failed =
    mr::supervise(world.sys(), "root", {.children = {mr::process_child("none", {.program = "./no-such-program"})}});
  CHECK_THAT(error_of(failed), Catch::Matchers::StartsWith("bank/root/none: "));
  CHECK_THAT(error_of(failed), Catch::Matchers::Contains("no-such-program"));
}

TEST_CASE("what a child process prints is logged under its name", "[supervisor][process]") {
  processes world;
  root top{world, {.children = {mr::process_child("talker", foreign({"error", "help", "sleep", "3600"}))}}};
  CHECK(comes_true([&] { return world.lines().count("talker: help") == 1; }));
}

TEST_CASE("arguments of start_child are a process's further arguments", "[supervisor][process]") {
  processes world;
  root top{world,
           {.strategy = mr::strategy::simple_one_for_one,
            .children = {mr::process_child("p", foreign({"error", "first"})).with(temporary)}}};
  REQUIRE(mr::start_child(world.sys(), "root", "error", "second"));
  CHECK(comes_true([&] { return world.lines().count("p-1: second") == 1; }));
  CHECK_THAT(error_of(mr::start_child(world.sys(), "root", std::int64_t{7})),
             Catch::Matchers::Contains("it takes other arguments than these: i64"));
}

TEST_CASE("a process that was killed comes back, and the reason names the signal", "[supervisor][process]") {
  processes world;
  root top{world, {.intensity = 5, .children = {world.child("a")}}};
  test::kill(world.children()[0].pid);
  REQUIRE(comes_true([&] { return world.births("a") == 2 && world.phases() == "up"; }));
  CHECK(world.lines().count("bank/root/a: " + std::string{killed_in_words}) == 1);
}

TEST_CASE("a process that hangs is killed and started again", "[supervisor][process]") {
  processes world{{.heartbeat = 100ms, .hung_after = 1s * slowness}};
  root top{world, {.intensity = 1000, .children = {world.child("a")}}};
  test::stop(world.children()[0].pid);
  REQUIRE(comes_true([&] { return world.births("a") >= 2 && world.phases() == "up"; }));
  CHECK(world.children()[0].restarts >= 1);
  CHECK(world.lines().count("hung") >= 1);
}

TEST_CASE("a second life beside the first would be noticed", "[supervisor][process]") {
  processes world; // what the cases for all worlds rely on
  root top{world, {.children = {world.child("a")}}};
  environment_variable name{"MAILROOM_PROCESS", "a"};
  process second{programs / "obedient", {world.files().string()}, world.sys().directory()};
  second.wait();
  CHECK(world.events() == strings{"+a", "two lives"});
}

TEST_CASE("a supervisor that gives up ends its process with exit code 69, which the one above sees",
          "[supervisor][process]") {
  processes world;
  world.told().set("supervises-a");
  root top{world, {.intensity = 5, .children = {world.child("a")}}};
  mr::expected<mr::tree_node> tree;
  // "a" is up as soon as it answers, and what it supervises a moment later
  REQUIRE(comes_true([&] {
    tree = mr::supervision_tree(world.sys(), "root");
    return tree && to_string(*tree).find("a/inner/x  actor, up") != std::string::npos;
  }));
  auto pid = std::to_string(world.children()[0].pid);
  CHECK(to_string(*tree)
        == "bank/root  supervisor, up\n"
           "  a  process, up, process "
             + pid
             + "\n"
               "    a/inner  supervisor, up\n"
               "      a/inner/x  actor, up\n");
  CHECK(world.sys().send("a/inner/x", command{"throw"}));
  REQUIRE(comes_true([&] { return world.births("a") == 2 && world.phases() == "up"; }));
  CHECK(world.lines().count("bank/root/a: it exited with code 69; it is started again") == 1);
}

TEST_CASE("many restarts of a process leave nothing behind", "[supervisor][process]") {
  leak_check check;
  processes world;
  root top{world, {.intensity = 1'000'000, .children = {mr::process_child("p", foreign({"exit", "0"}))}}};
  auto reach = [&](std::uint64_t restarts) {
    REQUIRE(comes_true([&] { return world.children()[0].restarts >= restarts; }, 60s));
  };
  constexpr std::uint64_t few = 50;
  auto many = static_cast<std::uint64_t>(std::max(test::rounds(100, 1000), 50));
  reach(few); // what the first ones take for good is there
  [[maybe_unused]] auto memory = resident_memory();
  auto handles = open_handles();
  reach(few + many);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // which keep what is freed, and more
  CHECK(resident_memory() < memory + many * (std::uint64_t{64} << 10) / 2);
#endif
  CHECK(open_handles() < handles + many / 2); // a start that is under way has some
}
