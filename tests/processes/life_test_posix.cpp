// The signals that end a process.

#include <processes/world.hpp>

#include <csignal>
#include <fstream>

using namespace test;

namespace {

/// Whether the process has a handler for it.
bool catches(std::int64_t pid, int signal) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
  const std::string field = "SigCgt:";
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field))
      return (std::stoull(line.substr(field.size()), nullptr, 16) >> (signal - 1) & 1) != 0;
  return false;
}

} // namespace

TEST_CASE("run returns on SIGTERM, SIGINT and stop, and leaves the handlers as they were", "[life]") {
  temporary_directory directory;
  struct sigaction before {};
  struct sigaction after {};
  ::sigaction(SIGTERM, nullptr, &before);
  mailroom::system sys{{.process = "running", .directory = directory.path()}};
  for (auto signal : {SIGTERM, SIGINT, 0}) {
    std::thread other{[&] {
      // the handler is set while `run` waits
      eventually([&] {
        struct sigaction now {};
        ::sigaction(SIGTERM, nullptr, &now);
        return now.sa_handler != before.sa_handler;
      });
      if (signal != 0)
        ::kill(::getpid(), signal);
      else
        sys.stop();
    }};
    sys.run();
    other.join();
    ::sigaction(SIGTERM, nullptr, &after);
    CHECK(after.sa_handler == before.sa_handler);
    if (signal != 0) {
      // each signal opens the gate once: close it for the next round
      mailroom::system fresh{{.process = "fresh", .directory = directory.path()}};
    }
    if (signal == SIGTERM)
      break;
  }
}

TEST_CASE("a process ends on SIGTERM and SIGINT with everything in order", "[life]") {
  auto signal = GENERATE(SIGTERM, SIGINT);
  world world{place::elsewhere};
  auto open = world.sys().request_future<number>("host/keeper", 10s, number{1});
  REQUIRE(world.sys().request<number>("host/echo", number{1}));
  REQUIRE(eventually([&] { return catches(world.host().pid(), signal); })); // it is in `run`
  ::kill(world.host().pid(), signal);
  CHECK(world.host().wait_for(10'000) == 0);
  REQUIRE(open.wait_for(5s) == std::future_status::ready);
  CHECK_FALSE(open.get());
  CHECK(eventually([&] { return world.log().count("host is down: process down: it stopped") == 1; }));
}
