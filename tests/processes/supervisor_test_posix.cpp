// Supervisors whose processes are stopped as nothing but a debugger, or a signal, stops them.

#include <processes/obedient_processes.hpp>

#include <support/catch.hpp>

#include <csignal>

using namespace test;

TEST_CASE("a process that hangs is killed and started again", "[supervisor][process]") {
  processes world{{.heartbeat = 100ms, .hung_after = 300ms * slowness}};
  auto started = mailroom::supervise(world.sys(), "root", {.children = {world.child("a")}});
  REQUIRE(started);
  REQUIRE(::kill(static_cast<pid_t>(world.children()[0].pid), SIGSTOP) == 0);
  REQUIRE(comes_true([&] { return world.births("a") == 2 && world.phases() == "up"; }));
  CHECK(world.lines().count("hung") >= 1);
}
