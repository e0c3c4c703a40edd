// Processes as children, on both systems.

#include <processes/kept.hpp>

#include <support/deeds.hpp>
#include <support/environment.hpp>
#include <support/leak_check.hpp>

#include <fstream>
#include <random>

using namespace test;
using mailroom::process_exit;
using mailroom::process_keeper;
using mailroom::process_spec;

namespace {

const std::string nowhere = "missing-program-of-this-test";

std::string in_hexadecimal(std::string_view text) {
  constexpr auto* digits = "0123456789abcdef";
  std::string result;
  for (auto each : text) {
    auto byte = static_cast<unsigned char>(each);
    result += digits[byte / 16];
    result += digits[byte % 16];
  }
  return result;
}

/// The processes that have left their pids in a directory.
std::vector<std::int64_t> inhabitants(const std::filesystem::path& directory) {
  std::vector<std::int64_t> result;
  for (auto& each : std::filesystem::directory_iterator{directory})
    result.push_back(std::stoll(each.path().filename().string()));
  return result;
}

bool one_lives(const std::vector<std::int64_t>& pids) {
  return std::any_of(pids.begin(), pids.end(), [](auto pid) { return lives(pid); });
}

} // namespace

TEST_CASE("a child process is told to run, and how it ended", "[child_process]") {
  leak_check leaks;
  process_keeper keeper;
  kept child{keeper, {"pid", "exit", "7"}};
  CHECK(child.end() == process_exit{7, 0});
  CHECK(child.pid() != 0);
  CHECK(child.lines() == std::vector{std::to_string(child.pid())});
  CHECK(child.faults() == 0);
  kept other{keeper, {"exit", "0"}};
  CHECK(other.end() == process_exit{0, 0});
}

TEST_CASE("a program that cannot be started says why", "[child_process]") {
  leak_check leaks;
  process_keeper keeper;
  temporary_directory directory;
  auto fails = [&](process_spec what) {
    kept child{keeper, std::move(what)};
    auto how = child.end();
    CHECK(child.pid() == 0);
    return how ? "it ended"
               : (how.error().code() == errc::system_error ? "" : "another code: ") + to_string(how.error());
  };
  auto missing = (directory.path() / "missing").string();
  CHECK(fails({.program = missing}).starts_with(missing + ": "));
  CHECK(fails({.program = nowhere}).starts_with(nowhere + ": "));
  CHECK(fails({.program = programs / "child", .working_directory = missing}).find(missing) != std::string::npos);
  std::ofstream{directory.path() / "text.exe"} << "not a program";
  CHECK(fails({.program = directory.path() / "text.exe"}).find("text.exe: ") != std::string::npos);
  CHECK(fails({}) == "no program");
  CHECK(fails({.program = "x", .arguments = {std::string{"a\0b", 3}}}) == "x: an argument has a zero byte");
  CHECK(fails({.program = "x", .environment = {{"a=b", ""}}}) == "x: \"a=b\" is not the name of a variable");
  CHECK(fails({.program = "x", .environment = {{"", ""}}}) == "x: \"\" is not the name of a variable");
}

TEST_CASE("each argument arrives as it is", "[child_process]") {
  std::vector<std::string> arguments{"",
                                     " ",
                                     "two words",
                                     "\"",
                                     "\\",
                                     "\\\\",
                                     "\\\"",
                                     "a\\\\b",
                                     "tail\\",
                                     "t a i l\\",
                                     "\"all\"",
                                     "%PATH%",
                                     "$HOME *",
                                     "tab\there",
                                     "'",
                                     "line\nend",
                                     "--x=\"y z\"",
                                     "^&|<>()",
                                     "\xC3\xA4\xE2\x82\xAC",
                                     "a\\\\\"b"};
  std::vector<std::string> expected;
  for (auto& each : arguments)
    expected.push_back(in_hexadecimal(each));
  process_keeper keeper;
  arguments.insert(arguments.begin(), "arguments");
  kept child{keeper, arguments};
  CHECK(child.end() == process_exit{});
  CHECK(child.lines() == expected);
}

TEST_CASE("a child's environment is ours with changes", "[child_process]") {
  environment_variable ours{"MAILROOM_TEST_OURS", "ours"};
  environment_variable changed{"MAILROOM_TEST_CHANGED", "before"};
  environment_variable emptied{"MAILROOM_TEST_EMPTIED", "before"};
  process_keeper keeper;
  kept child{keeper, process_spec{.program = programs / "child",
                                  .arguments = {"variable", "MAILROOM_TEST_OURS", "variable", "MAILROOM_TEST_CHANGED",
                                                "variable", "MAILROOM_TEST_EMPTIED", "variable", "MAILROOM_TEST_NEW",
                                                "variable", "MAILROOM_TEST_NONE"},
                                  .environment = {{"MAILROOM_TEST_CHANGED", "after"},
                                                  {"MAILROOM_TEST_EMPTIED", ""},
                                                  {"MAILROOM_TEST_NEW", "a=b c"}}}};
  CHECK(child.end() == process_exit{});
  CHECK(child.lines() == std::vector<std::string>{"\"ours\"", "\"after\"", "\"\"", "\"a=b c\"", "none"});
}

TEST_CASE("a child has its own working directory, and its program is found from ours", "[child_process]") {
  temporary_directory directory;
  process_keeper keeper;
  auto relative = std::filesystem::relative(programs / "child");
  if (relative.empty()) // another drive
    relative = programs / "child";
  REQUIRE(relative.has_parent_path());
  kept child{keeper,
             process_spec{.program = relative, .arguments = {"directory"}, .working_directory = directory.path()}};
  CHECK(child.end() == process_exit{});
  CHECK(std::filesystem::equivalent(child.line(0), directory.path()));
  kept other{keeper, process_spec{.program = relative, .arguments = {"directory"}}};
  CHECK(std::filesystem::equivalent(other.line(0), std::filesystem::current_path()));
}

TEST_CASE("a child's output comes line by line", "[child_process]") {
  process_keeper keeper;
  auto longest = std::string(4096, 'l');
  kept child{keeper, {"print", "one",       "error", "trouble", "print", "",      "write", "be",
                      "write", "gun",       "print", "",        "print", longest, "print", longest + "rest",
                      "write", "not ended", "exit",  "0"}};
  CHECK(child.end() == process_exit{});
  CHECK(child.lines() == std::vector<std::string>{"one", "", "begun", longest, longest, "rest", "not ended"});
  CHECK(child.errors() == std::vector<std::string>{"trouble"});
  CHECK(child.faults() == 0);
}

TEST_CASE("all that a child wrote before its death is told", "[child_process]") {
  process_keeper keeper;
  for (auto i = 0; i < rounds(10, 200); ++i) {
    kept child{keeper, {"lines", "400", "99", "crash"}}; // fits into a pipe
    CHECK(child.end().has_value());
    CHECK(child.lines().size() == 400);
  }
  // while the keeper's thread is held up, so that it hears of the end and of the output at once
  std::promise<void> go;
  kept late{keeper, {"sleep", "0.2", "lines", "600", "99", "write", "end", "exit", "3"}};
  REQUIRE(late.pid() != 0);
  auto held = keeper.start({.program = programs / "child", .arguments = {"print", "here"}},
                           {.on_line = [&](std::string_view, bool) { go.get_future().wait(); }});
  std::this_thread::sleep_for(
    500ms); // until it has written all and is gone; where that takes longer, the test is only easier
  go.set_value();
  CHECK(late.end() == process_exit{3, 0});
  CHECK(late.lines().size() == 601);
  CHECK(late.line(600) == "end");
  kept child{keeper, {"lines", "50000", "99", "exit", "0"}};
  CHECK(child.end() == process_exit{});
  CHECK(child.lines() == std::vector<std::string>(50'000, std::string(99, 'x')));
}

TEST_CASE("a child that writes without end does not keep the others waiting", "[child_process]") {
  std::atomic<std::uint64_t> bytes{0};
  process_keeper keeper;
  auto flood = keeper.start({.program = programs / "child", .arguments = {"flood"}},
                            {.on_line = [&](std::string_view line, bool) { bytes += line.size(); }});
  REQUIRE(eventually([&] { return bytes > 1'000'000; }, patience));
  for (auto i = 0; i < 5; ++i) {
    kept child{keeper, {"print", "here", "exit", "0"}};
    CHECK(child.end() == process_exit{});
    CHECK(child.lines() == std::vector<std::string>{"here"});
  }
  flood->kill();
}

TEST_CASE("a flood of output is kept nowhere, and waits for one who takes it slowly", "[child_process]") {
  constexpr std::uint64_t much = 96 << 20;
  constexpr std::uint64_t little = 24 << 20;
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<bool> takes_none{false};
  process_keeper keeper;
  auto flood =
    keeper.start({.program = programs / "child", .arguments = {"flood"}}, {.on_line = [&](std::string_view line, bool) {
                   bytes += line.size();
                   takes_none.wait(true);
                 }});
  REQUIRE(eventually([&] { return bytes > 1'000'000; }, patience));
  auto before = resident_memory();
  REQUIRE(before > 0);
  CHECK(eventually([&] { return bytes > much; }, patience));
  CHECK(resident_memory() < before + little);
  takes_none = true;
  std::this_thread::sleep_for(300ms); // what the child could write meanwhile, were it not held up
  CHECK(resident_memory() < before + little);
  takes_none = false;
  takes_none.notify_all();
  auto taken = bytes.load();
  CHECK(eventually([&] { return bytes > taken + 1'000'000; }, patience));
  flood->kill();
}

TEST_CASE("output that nobody wants is thrown away", "[child_process]") {
  process_keeper keeper;
  kept child{keeper, process_spec{.program = programs / "child",
                                  .arguments = {"lines", "5000", "99", "error", "trouble", "exit", "4"},
                                  .output = mailroom::child_output::discarded}};
  CHECK(child.end() == process_exit{4, 0});
  CHECK(child.lines().empty());
  CHECK(child.errors().empty());
}

TEST_CASE("a child can write where we write", "[child_process]") {
  process_keeper keeper;
  kept owner{keeper, process_spec{.program = programs / "owner",
                                  .arguments = {"inherited", (programs / "child").string(), "hello"}}};
  CHECK(owner.end() == process_exit{});
  CHECK(owner.lines() == std::vector<std::string>{"hello"});
  CHECK(owner.errors() == std::vector<std::string>{"hello"});
}

TEST_CASE("with a program ends all that it has started", "[child_process]") {
  leak_check leaks;
  temporary_directory directory;
  process_keeper keeper;
  SECTION("when it ends") {
    kept child{keeper, {"heir", "60", "exit", "3"}};
    CHECK(child.end() == process_exit{3, 0});
    REQUIRE_FALSE(child.line(0).empty());
    CHECK_FALSE(lives(std::stoll(child.line(0))));
  }
  SECTION("when it is killed") {
    kept child{keeper, {"tree", "3", directory.path().string()}};
    REQUIRE(eventually([&] { return inhabitants(directory.path()).size() == 4; }, patience));
    auto all = inhabitants(directory.path());
    child.handle().kill();
    CHECK(child.end() == killed);
    CHECK_FALSE(one_lives(all));
  }
}

TEST_CASE("a program that is asked to end may take its time, one that is killed may not", "[child_process]") {
  process_keeper keeper;
  kept deaf{keeper, {"deaf", "print", "ready", "sleep", "60"}};
  kept polite{keeper, {"print", "ready", "sleep", "60"}};
  REQUIRE(deaf.line(0) == "ready");
  REQUIRE(polite.line(0) == "ready");
  deaf.handle().ask_to_end();
  deaf.handle().ask_to_end();
  polite.handle().ask_to_end();
  auto how = polite.end();
  REQUIRE(how);
  CHECK(how != process_exit{});
  if (children_can_be_asked()) {
    CHECK(how != killed);
    CHECK_FALSE(deaf.has_ended());
  }
  deaf.handle().kill();
  CHECK(deaf.end() == killed);
  deaf.handle().kill(); // too late to matter
  deaf.handle().ask_to_end();
}

TEST_CASE("a child can be killed before it was started", "[child_process]") {
  leak_check leaks;
  process_keeper keeper;
  for (auto i = 0; i < rounds(20, 500); ++i) {
    kept child{keeper, {"deaf", "sleep", "60"}};
    if (i % 2 == 0)
      child.handle().ask_to_end();
    child.handle().kill();
    auto how = child.end();
    REQUIRE(how);
    CHECK(how != process_exit{});
  }
}

TEST_CASE("a child that is killed before it was started does not run", "[child_process]") {
  process_keeper keeper;
  std::promise<void> running;
  std::promise<void> go;
  auto first = keeper.start({.program = programs / "child", .arguments = {"sleep", "60"}}, {.on_started = [&](auto) {
                              running.set_value();
                              go.get_future().wait();
                            }});
  running.get_future().wait();
  kept child{keeper, {"sleep", "60"}};
  child.handle().kill();
  go.set_value();
  CHECK(child.end() == killed);
  CHECK(child.pid() == 0);
}

TEST_CASE("a child goes on without its handle", "[child_process]") {
  process_keeper keeper;
  kept child{keeper, {"sleep", "0.1", "exit", "5"}};
  child.forget_handle();
  CHECK(child.end() == process_exit{5, 0});
}

TEST_CASE("what a child tells may be answered on the spot", "[child_process]") {
  leak_check leaks;
  std::promise<mailroom::expected<process_exit>> ended;
  auto starts = 0;
  process_keeper keeper;
  std::function<void()> start = [&] {
    auto handle = std::make_shared<std::shared_ptr<mailroom::child_process>>();
    auto known = std::make_shared<std::promise<void>>();
    *handle = keeper.start({.program = programs / "child", .arguments = {"print", "line", "sleep", "60"}},
                           {.on_started = [known](std::uint32_t) { known->get_future().wait(); },
                            .on_line = [handle](std::string_view, bool) { (*handle)->kill(); },
                            .on_exit =
                              [&](mailroom::expected<process_exit> how) {
                                if (++starts == 3)
                                  ended.set_value(std::move(how));
                                else
                                  std::thread{start}.join();
                              }});
    known->set_value();
  };
  start();
  auto got = ended.get_future();
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  CHECK(got.get() == killed);
}

TEST_CASE("a keeper takes its children along", "[child_process]") {
  leak_check leaks;
  temporary_directory directory;
  std::vector<kept> children;
  {
    process_keeper keeper;
    for (auto i = 0; i < 3; ++i)
      children.emplace_back(keeper, std::vector<std::string>{"tree", "1", directory.path().string()});
    REQUIRE(eventually([&] { return inhabitants(directory.path()).size() == 6; }, patience));
    children.emplace_back(keeper, std::vector<std::string>{"sleep", "60"}); // perhaps not even started
  }
  CHECK_FALSE(one_lives(inhabitants(directory.path())));
  for (auto& each : children) {
    CHECK(each.has_ended());
    CHECK(each.faults() == 0);
    each.handle().kill();
  }
}

TEST_CASE("many restarts leave nothing behind", "[child_process]") {
  process_keeper keeper;
  auto once = [&](int i) {
    kept child{keeper, {"print", "here", "exit", std::to_string(i % 100)}};
    auto how = child.end();
    REQUIRE(how);
    REQUIRE(how->code == i % 100);
    REQUIRE(how->signal == 0);
    kept missing{keeper, process_spec{.program = nowhere}};
    REQUIRE_FALSE(missing.end());
  };
  once(0);
  leak_check leaks;
  for (auto i = 0; i < rounds(100, 1000); ++i)
    once(i);
}

TEST_CASE("an owner that is killed at any moment leaves nothing running", "[child_process]") {
  std::minstd_rand random{20'201}; // the same moments each time, as far as the machine goes
  for (auto i = 0; i < rounds(20, 200); ++i) {
    temporary_directory directory;
    process owner{
      programs / "owner", {"trees", (programs / "child").string(), directory.path().string()}, directory.path()};
    std::this_thread::sleep_for(std::chrono::milliseconds{random() % 300}); // the moment at which it is killed
    owner.kill();
    owner.wait();
    INFO("round " << i);
    CHECK(eventually(
      [&] { return !one_lives(inhabitants(directory.path())) && processes_with(directory.path().string()) == 0; },
      3s * slowness));
  }
}
