// Lines go where the program wants them, and a log can never harm what it tells about.

#include <mailroom/runtime/log.hpp>

#include <support/catch.hpp>

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using mailroom::config;
using mailroom::level;
using mailroom::logger;
using mailroom::rate_gate;

using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

constexpr clock::time_point noon{1000h};

struct line {
  level how;
  std::string text;
  friend bool operator==(const line&, const line&) = default;
};

config logging_to(std::vector<line>& lines, level lowest = level::debug) {
  config result;
  result.log_level = lowest;
  result.log = [&lines](level how, std::string_view text) { lines.push_back({how, std::string{text}}); };
  return result;
}

/// The lines that were suppressed before this one, or nothing where the gate is shut.
std::optional<std::uint64_t> knock(rate_gate& gate, clock::time_point now) {
  std::uint64_t suppressed = 0;
  return gate.open(now, suppressed) ? std::optional{suppressed} : std::nullopt;
}

} // namespace

TEST_CASE("the callback gets each line with its level, in order", "[log]") {
  std::vector<line> lines;
  logger log{logging_to(lines)};
  log.debug("a");
  log.info("b");
  log.warning("c");
  log.write(level::error, "d {} \n %s");
  CHECK(
    lines
    == std::vector<line>{{level::debug, "a"}, {level::info, "b"}, {level::warning, "c"}, {level::error, "d {} \n %s"}});
}

TEST_CASE("lines below the lowest level are not written", "[log]") {
  for (auto lowest : {level::debug, level::info, level::warning, level::error}) {
    std::vector<line> lines;
    logger log{logging_to(lines, lowest)};
    for (auto each : {level::debug, level::info, level::warning, level::error}) {
      CHECK(log.wants(each) == (each >= lowest));
      log.write(each, "x");
    }
    CHECK(lines.size() == static_cast<std::size_t>(level::error) - static_cast<std::size_t>(lowest) + 1);
  }
}

TEST_CASE("a callback that throws is not called again", "[log]") {
  config settings;
  auto calls = 0;
  settings.log = [&](level, std::string_view) {
    ++calls;
    throw std::runtime_error{"no more paper"};
  };
  logger log{settings};
  CHECK_NOTHROW(log.warning("first"));
  CHECK_NOTHROW(log.warning("second"));
  CHECK(calls == 1);
}

TEST_CASE("a callback that throws what is no exception is not called again", "[log]") {
  config settings;
  auto calls = 0;
  settings.log = [&](level, std::string_view) {
    ++calls;
    throw 7;
  };
  logger log{settings};
  CHECK_NOTHROW(log.warning("first"));
  CHECK_NOTHROW(log.warning("second"));
  CHECK(calls == 1);
}

TEST_CASE("with an executor lines are written where it calls them", "[log]") {
  std::vector<line> lines;
  std::vector<std::function<void()>> waiting;
  auto settings = logging_to(lines);
  settings.executor = [&](std::function<void()> what) { waiting.push_back(std::move(what)); };
  logger log{settings};
  log.info("a");
  log.warning("b");
  CHECK(lines.empty());
  REQUIRE(waiting.size() == 2);
  for (auto& each : waiting)
    each();
  CHECK(lines == std::vector<line>{{level::info, "a"}, {level::warning, "b"}});
}

TEST_CASE("an executor that refuses harms nobody", "[log]") {
  std::vector<line> lines;
  auto settings = logging_to(lines);
  settings.executor = [](std::function<void()>) { throw std::runtime_error{"closed"}; };
  logger log{settings};
  CHECK_NOTHROW(log.warning("a"));
  CHECK(lines.empty());
}

TEST_CASE("a line that waits in the executor may outlive the logger", "[log]") {
  std::vector<line> lines;
  std::vector<std::function<void()>> waiting;
  {
    auto settings = logging_to(lines);
    settings.executor = [&](std::function<void()> what) { waiting.push_back(std::move(what)); };
    logger log{settings};
    log.warning("a");
  }
  REQUIRE(waiting.size() == 1);
  CHECK_NOTHROW(waiting.front()());
}

TEST_CASE("after close nothing is written, nor what waits in the executor", "[log]") {
  std::vector<line> lines;
  std::vector<std::function<void()>> waiting;
  auto settings = logging_to(lines);
  settings.executor = [&](std::function<void()> what) { waiting.push_back(std::move(what)); };
  logger log{settings};
  log.warning("a");
  log.close();
  log.warning("b");
  CHECK_FALSE(log.wants(level::error));
  CHECK(waiting.size() == 1);
  for (auto& each : waiting)
    each();
  CHECK(lines.empty());
}

TEST_CASE("threads may write at once", "[log]") {
  std::mutex mutex;
  std::vector<std::string> lines;
  config settings;
  settings.log = [&](level, std::string_view text) {
    std::lock_guard guard{mutex};
    lines.emplace_back(text);
  };
  logger log{settings};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&] {
      for (int i = 0; i < 250; ++i)
        log.warning("line");
    });
  for (auto& each : writers)
    each.join();
  CHECK(lines == std::vector<std::string>(1000, "line"));
}

TEST_CASE("a gate lets one event a second through and counts the others", "[log]") {
  rate_gate gate;
  CHECK(knock(gate, noon) == 0u);
  CHECK_FALSE(knock(gate, noon));
  CHECK_FALSE(knock(gate, noon + 500ms));
  CHECK_FALSE(knock(gate, noon + 1s - 1ns));
  CHECK(knock(gate, noon + 1s) == 3u);
  CHECK_FALSE(knock(gate, noon + 1999ms));
  CHECK(knock(gate, noon + 10s) == 1u);
  CHECK(knock(gate, noon + 11s) == 0u);
}

TEST_CASE("a gate lets one of many threads through, and none is forgotten", "[log]") {
  rate_gate gate;
  constexpr int threads = 4;
  constexpr int knocks = 1000;
  std::atomic<int> open{0};
  std::atomic<std::uint64_t> counted{0};
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&] {
      for (int n = 0; n < knocks; ++n)
        if (auto suppressed = knock(gate, noon + n * 10ms)) {
          ++open;
          counted += *suppressed;
        }
    });
  for (auto& each : all)
    each.join();
  // time goes from noon to ten seconds later
  CHECK(open >= 1);
  CHECK(open <= 10);
  auto last = knock(gate, noon + 1h);
  REQUIRE(last);
  CHECK(counted + *last + static_cast<std::uint64_t>(open) == threads * knocks);
}

TEST_CASE("a line says how many were left out", "[log]") {
  CHECK(mailroom::and_more(0) == "");
  CHECK(mailroom::and_more(17) == "; 17 more since the last line of this kind");
}
