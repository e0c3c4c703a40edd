// Processes as children: signals, descriptors, guardians.

#include <processes/kept.hpp>

#include <support/leak_check.hpp>

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace test;
using mailroom::process_exit;
using mailroom::process_keeper;
using mailroom::process_spec;

namespace {

process_spec shell(const std::string& script) {
  return {.program = "sh", .arguments = {"-c", script}};
}

/// For a script that goes on when there is such a file.
std::string wait_for(const std::filesystem::path& file) {
  return "until [ -e '" + file.string() + "' ]; do sleep 0.01; done;";
}

/// A field of /proc/PID/status; empty where there is none.
std::string status_of(std::int64_t pid, const std::string& field) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field + ":")) {
      auto value = line.substr(field.size() + 1);
      return value.substr(std::min(value.find_first_not_of(" \t"), value.size()));
    }
  return {};
}

int parent_of(std::int64_t pid) {
  auto text = status_of(pid, "PPid");
  return text.empty() ? 0 : std::stoi(text);
}

/// All children of this process, also those that are not waited for in the usual way.
std::string children_of_this_process() {
  std::string result;
  for (auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{task.path() / "children"};
    result.append(std::istreambuf_iterator<char>{file}, {});
  }
  return result;
}

/// How this process treats a signal, for the length of a test.
class disposition {
public:
  disposition(int signal, void (*handler)(int)) : signal_{signal} {
    struct sigaction now {};
    now.sa_handler = handler;
    ::sigaction(signal, &now, &before_);
  }
  ~disposition() { ::sigaction(signal_, &before_, nullptr); }
  disposition(const disposition&) = delete;
  disposition& operator=(const disposition&) = delete;

private:
  int signal_;
  struct sigaction before_ {};
};

volatile std::sig_atomic_t signals_seen = 0;

} // namespace

TEST_CASE("the signal that ended a child is told", "[child_process]") {
  process_keeper keeper;
  auto signal = GENERATE(SIGTERM, SIGSEGV, SIGABRT, SIGKILL);
  kept child{keeper, shell("kill -" + std::to_string(signal) + " $$")};
  CHECK(child.end() == process_exit{0, signal});
}

TEST_CASE("a child is asked to end by SIGTERM, also when it is stopped", "[child_process]") {
  process_keeper keeper;
  kept child{keeper, shell("echo ready; sleep 60")};
  REQUIRE(child.line(0) == "ready");
  ::kill(static_cast<pid_t>(child.pid()), SIGSTOP);
  child.handle().ask_to_end();
  CHECK(child.end() == process_exit{0, SIGTERM});
}

TEST_CASE("a child has standard input, output and error, and none of our descriptors", "[child_process]") {
  auto careless = ::open("/dev/null", O_RDONLY); // without O_CLOEXEC
  auto high = ::fcntl(careless, F_DUPFD, 700);
  {
    process_keeper keeper;
    kept child{keeper, shell("echo /proc/$$/fd/*; readlink /proc/$$/fd/0")};
    CHECK(child.end() == process_exit{});
    auto place = "/proc/" + std::to_string(child.pid()) + "/fd/";
    CHECK(child.line(0)
          == place + "0 " + place + "1 " + place + "2 " + place + "3"); // the last is the directory itself
    CHECK(child.line(1) == "/dev/null");
    // nor has its guardian, of what is not its own
    kept other{keeper, shell("sleep 60")};
    auto guardian = parent_of(other.pid());
    auto count = [&] {
      std::filesystem::directory_iterator open{"/proc/" + std::to_string(guardian) + "/fd"};
      return std::distance(begin(open), end(open));
    };
    CHECK(eventually(
      [&] { return count() == 6; })); // its parent, the keeper, the ends of children, and nothing three times
  }
  ::close(careless);
  ::close(high);
}

TEST_CASE("a child of a program without standard output does not get something else for it", "[child_process]") {
  temporary_directory directory;
  auto script = directory.path() / "script";
  auto seen = directory.path() / "seen";
  std::ofstream{script} << "#!/bin/sh\nhas=$(readlink /proc/$$/fd/1 /proc/$$/fd/2)\necho \"$has\" > " << seen.string()
                        << "\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  process_keeper keeper;
  kept owner{keeper, shell("exec " + (programs / "owner").string() + " inherited " + script.string() + " x >&- 2>&-")};
  CHECK(owner.end() == process_exit{});
  std::ifstream file{seen};
  std::string lines{std::istreambuf_iterator<char>{file}, {}};
  CHECK(lines == "/dev/null\n/dev/null\n");
}

TEST_CASE("a child has no signal blocked or ignored, whatever we do", "[child_process]") {
  disposition ignored{SIGPIPE, SIG_IGN};
  disposition unwaited{SIGCHLD, SIG_IGN}; // children of ours would not have to be waited for
  sigset_t set;
  sigset_t before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  {
    process_keeper keeper;
    kept child{keeper, {.program = "grep", .arguments = {"Sig[BI]", "/proc/self/status"}}};
    CHECK(child.end() == process_exit{});
    CHECK(child.lines() == std::vector<std::string>{"SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"});
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("a keeper's children are nobody else's business", "[child_process]") {
  signals_seen = 0;
  disposition counted{SIGCHLD, [](int) { signals_seen = signals_seen + 1; }};
  {
    process_keeper keeper;
    kept lasting{keeper, shell("sleep 60")};
    REQUIRE(lasting.pid() != 0);
    for (auto i = 0; i < 5; ++i) {
      kept child{keeper, shell("exit 3")};
      CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
      CHECK(child.end() == process_exit{3, 0});
    }
    CHECK_FALSE(children_of_this_process().empty());
  }
  CHECK(signals_seen == 0);
  CHECK(children_of_this_process().empty()); // no zombie either
}

TEST_CASE("daemons end with the program that made them", "[child_process]") {
  leak_check leaks;
  temporary_directory directory;
  auto over = directory.path() / "over";
  process_keeper keeper;
  kept child{
    keeper,
    shell("for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c 'sleep 60 & echo $!; exec sleep 60' & echo $!); done;"
          + wait_for(over) + "exit 9")};
  CHECK(eventually([&] { return child.lines().size() == 20; }, patience));
  std::ofstream{over};
  CHECK(child.end() == process_exit{9, 0});
  auto lines = child.lines();
  CHECK(lines.size() == 20);
  for (auto& each : lines)
    CHECK_FALSE(lives(std::stoll(each)));
}

TEST_CASE("processes that keep forking are caught", "[child_process]") {
  process_keeper keeper;
  // each of the ten hops from process to process
  kept child{
    keeper,
    shell("hop() { (hop \"$1\" &) ; exit; }; for i in 1 2 3 4 5 6 7 8 9 10; do (hop $i &); done; sleep 0.1; exit 1")};
  CHECK(child.end() == process_exit{1, 0});
}

TEST_CASE("a child that wants more memory than it may have does not get it", "[child_process]") {
  process_keeper keeper;
  auto what = shell("ulimit -v; ulimit -H -v");
  what.max_memory = 256 << 20;
  kept child{keeper, what};
  CHECK(child.end() == process_exit{});
  CHECK(child.lines() == std::vector<std::string>{"262144", "262144"});
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) // which take more of it than there is
  process_spec hungry{.program = programs / "child", .arguments = {"eat", "1000"}, .max_memory = 256 << 20};
  kept eating{keeper, hungry};
  CHECK(eating.end() == process_exit{3, 0});
#endif
}

TEST_CASE("a guardian that is killed takes the program along", "[child_process]") {
  leak_check leaks;
  process_keeper keeper;
  kept child{keeper, shell("sleep 60")};
  REQUIRE(child.pid() != 0);
  auto guardian = parent_of(child.pid());
  CHECK(parent_of(guardian) == ::getpid());
  CHECK(status_of(guardian, "Name") == "mailroom:guard");
  ::kill(guardian, SIGKILL);
  CHECK(child.end() == process_exit{0, SIGKILL});
  CHECK(eventually([&] { return !lives(child.pid()); }));
}

TEST_CASE("a child whose output is closed by itself goes on", "[child_process]") {
  process_keeper keeper;
  kept child{keeper, shell("echo last; exec >&- 2>&-; sleep 0.2; exit 5")};
  CHECK(child.end() == process_exit{5, 0});
  CHECK(child.lines() == std::vector<std::string>{"last"});
}

TEST_CASE("a guardian does not hear what the terminal says", "[child_process]") {
  temporary_directory directory;
  auto over = directory.path() / "over";
  process_keeper keeper;
  kept child{keeper, shell(wait_for(over) + "exit 4")};
  REQUIRE(child.pid() != 0);
  auto guardian = parent_of(child.pid());
  REQUIRE(guardian > 1);
  CHECK(::getsid(guardian) != ::getsid(0));
  for (auto signal : {SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1})
    ::kill(guardian, signal);
  std::ofstream{over};
  CHECK(child.end() == process_exit{4, 0});
}

TEST_CASE("a guardian keeps none of our memory", "[child_process]") {
  constexpr std::size_t much = 128 << 20;
  std::vector<char> heap(much, 'x');
  auto* shared = ::mmap(nullptr, much, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  std::fill_n(static_cast<char*>(shared), much, 'x');
  {
    process_keeper keeper;
    kept child{keeper, shell("sleep 60")};
    REQUIRE(child.pid() != 0);
    auto guardian = parent_of(child.pid());
    auto kilobytes = [](pid_t whose, const char* field) {
      auto text = status_of(whose, field);
      return text.empty() ? 1 << 30 : std::stoi(text);
    };
    // the variables of the program and its libraries stay: many where a sanitizer has its own among them
    auto most = kilobytes(::getpid(), "RssAnon") - static_cast<int>(much / 1024) * 3 / 4;
    CHECK(eventually([&] { return kilobytes(guardian, "RssAnon") < most; }));
    CHECK(eventually([&] { return kilobytes(guardian, "RssShmem") == 0; }));
    child.handle().kill();
    CHECK(child.end() == killed);
  }
  ::munmap(shared, much);
}

TEST_CASE("a child starts, whatever other threads do at that moment", "[child_process]") {
  std::atomic<bool> over{false};
  std::vector<std::thread> others; // a guardian gets copies of the locks that these hold
  for (auto i = 0; i < 2; ++i)
    others.emplace_back([&] {
      while (!over)
        std::thread{[] { static_cast<void>(std::string(100, ' ')); }}.join();
    });
  process_keeper keeper;
  auto rounds = test::rounds(100, 2000);
  auto round = 0;
  while (round < rounds && kept{keeper, {"exit", "0"}}.end() == process_exit{0, 0})
    ++round;
  over = true;
  for (auto& each : others)
    each.join();
  CHECK(round == rounds);
}

TEST_CASE("without descriptors a child is refused, and the next one not", "[child_process]") {
  leak_check leaks;
  process_keeper keeper;
  kept before{keeper, shell("sleep 60")};
  REQUIRE(before.pid() != 0);
  rlimit usual{};
  ::getrlimit(RLIMIT_NOFILE, &usual);
  auto lowest = ::dup(0);
  ::close(lowest);
  for (auto room = 0; room < 8; ++room) { // there is one that lets it start
    auto tight = usual;
    tight.rlim_cur = static_cast<rlim_t>(lowest + room);
    ::setrlimit(RLIMIT_NOFILE, &tight);
    kept child{keeper, shell("exit 3")};
    auto how = child.end();
    ::setrlimit(RLIMIT_NOFILE, &usual);
    if (how) {
      CHECK(how == process_exit{3, 0});
    } else {
      CHECK(how.error().code() == errc::system_error);
      CHECK(to_string(how.error()).starts_with("sh: "));
    }
    if (room == 0)
      CHECK_FALSE(how);
  }
  kept after{keeper, shell("exit 4")};
  CHECK(after.end() == process_exit{4, 0});
  CHECK_FALSE(before.has_ended());
}

TEST_CASE("a fork of the owner does not hide its death", "[child_process]") {
  process_keeper outer;
  // the owner leaves a child behind that has all its descriptors; when the owner ends, its tree does, and nobody else
  temporary_directory directory;
  process owner{
    programs / "owner", {"forked", (programs / "child").string(), directory.path().string()}, directory.path()};
  auto inhabitants = [&] {
    std::vector<std::int64_t> result;
    for (auto& each : std::filesystem::directory_iterator{directory.path()})
      result.push_back(std::stoll(each.path().filename().string()));
    return result;
  };
  REQUIRE(eventually([&] { return inhabitants().size() == 2; }, patience));
  owner.kill();
  owner.wait();
  auto one_lives = [&] {
    auto all = inhabitants();
    return std::any_of(all.begin(), all.end(), [](auto pid) { return lives(pid); });
  };
  CHECK(eventually([&] { return !one_lives(); }, 3s * slowness));
}

TEST_CASE("a fork of ours does not keep the keeper busy with children that are gone", "[child_process]") {
  process_keeper keeper;
  kept child{keeper, shell("echo ready; sleep 60")};
  REQUIRE(child.line(0) == "ready");
  auto heir = start_heir(20); // has all that the keeper waits for
  child.handle().kill();
  CHECK(child.end() == killed);
  auto used = [] {
    timespec result{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &result);
    return std::chrono::seconds{result.tv_sec} + std::chrono::nanoseconds{result.tv_nsec};
  };
  auto before = used();
  std::this_thread::sleep_for(300ms); // one who spins uses up as much of the processor
  CHECK(used() - before < 100ms);
  kill(heir);
  ::waitpid(static_cast<pid_t>(heir), nullptr, 0);
}
