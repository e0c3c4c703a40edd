// Processes as children: how they are told to end, and how a supervisor knows them from others.

#include <processes/obedient_processes.hpp>

#include <mailroom/actors/supervisor.hpp>

#include <support/catch.hpp>
#include <support/environment.hpp>
#include <support/process.hpp>

#include <future>

using namespace test;
using namespace mailroom;

namespace {

/// One that can be reached, and never runs.
child_spec idle_child(const std::string& id, process_spec what = {}) {
  what.program = programs / "child";
  what.arguments = {"system", "sleep", "60"};
  return process_child(id, std::move(what));
}

std::string words(const expected<caf::actor>& what) {
  return what ? "it started" : mailroom::to_string(what.error());
}

/// A process of that name, which no supervisor has started.
test::process start_impostor(mailroom::system& sys, const std::string& name) {
  environment_variable own{"MAILROOM_PROCESS", name};
  environment_variable parent{"MAILROOM_PARENT", sys.process()};
  test::process result{programs / "host", {""}, sys.directory()};
  REQUIRE(sys.wait_for(name + "/control", 20s));
  return result;
}

/// The current directory is another one as long as this lives.
class visit {
public:
  explicit visit(const std::filesystem::path& where) { std::filesystem::current_path(where); }
  ~visit() { std::filesystem::current_path(before_); }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;

private:
  std::filesystem::path before_ = std::filesystem::current_path();
};

} // namespace

TEST_CASE("a process that has heard that it is to end may take its time", "[process_child]") {
  processes world;
  REQUIRE(words(supervise(world.sys(), "root", {.children = {world.child("a", {.shutdown = shutdown::infinity()})}}))
          == "it started");
  world.hold_ends("a");
  auto ended = std::async(std::launch::async, [&] { return terminate_child(world.sys(), "root", "a"); });
  std::this_thread::sleep_for(5500ms); // after 5 s one that has not heard is signalled
  CHECK(world.phases() == "stopping");
  world.release("a");
  CHECK(ended.get());
  CHECK(world.events() == std::vector<std::string>{"+a", "asked a", "-a"});
}

TEST_CASE("a process in which nobody hears that it is to end is asked by signal", "[process_child]") {
  processes world{{.log_level = level::info}};
  auto child = idle_child("a").with({.shutdown = shutdown::within(4s)});
  REQUIRE(words(supervise(world.sys(), "root", {.children = {child}})) == "it started");
  CHECK(terminate_child(world.sys(), "root", "a"));
  CHECK(world.lines().count("did not end within") == 0);
}

TEST_CASE("a child is up when it has got its name, not when another one has it", "[process_child]") {
  processes world;
  auto impostor = start_impostor(world.sys(), "a");
  SECTION("which stays") {
    CHECK_THAT(words(supervise(world.sys(), "root", {.children = {world.child("a")}})),
               Catch::Matchers::StartsWith("bank/root/a: "));
    CHECK(lives(impostor.pid()));
  }
  SECTION("which goes a moment later") {
    auto started = std::async(std::launch::async, [&] {
      return words(supervise(world.sys(), "root", {.intensity = 0, .children = {world.child("a")}}));
    });
    std::this_thread::sleep_for(
      200ms); // in which the child asks for its name in vain; where it is late, it is only easier
    impostor.kill();
    impostor.wait();
    CHECK(started.get() == "it started");
    auto children = world.children();
    REQUIRE(children.size() == 1);
    CHECK(children[0].restarts == 0);
    CHECK(world.sys().wait_for("a/child", 20s));
  }
}

TEST_CASE("a child in another working directory finds a runtime directory that was given relatively",
          "[process_child]") {
  temporary_directory here;
  auto elsewhere = here.path() / "elsewhere";
  std::filesystem::create_directory(elsewhere);
  visit during{here.path()};
  mailroom::system sys{{.process = "bank", .directory = "run"}};
  auto child = idle_child("a", {.working_directory = elsewhere}).with({.shutdown = shutdown::brutal_kill()});
  CHECK(words(supervise(sys, "root", {.children = {child}})) == "it started");
}
