#include "peer.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace bench {

namespace {

using clock = std::chrono::steady_clock;

volatile std::sig_atomic_t caught = 0;

void on_signal(int number) {
  caught = number;
}

void check_interrupts() {
  if (caught != 0)
    throw interrupted{};
}

[[noreturn]] void fail(const char* call, int code = errno) {
  throw std::system_error{code, std::generic_category(), call};
}

class descriptor {
public:
  explicit descriptor(int native = -1) noexcept : native_{native} {}
  descriptor(descriptor&& other) noexcept : native_{std::exchange(other.native_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(native_, other.native_);
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const noexcept { return native_; }
  void reset() noexcept {
    if (native_ >= 0)
      ::close(std::exchange(native_, -1));
  }

private:
  int native_;
};

std::pair<descriptor, descriptor> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    fail("pipe2");
  return {descriptor{ends[0]}, descriptor{ends[1]}};
}

pid_t spawn_this_program(const std::vector<std::string>& arguments, int input, int output) {
  std::vector<std::string> words{this_program().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& each : words)
    pointers.push_back(each.data());
  pointers.push_back(nullptr);
  pid_t result = 0;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  auto outcome = ::posix_spawn(&result, pointers.front(), &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (outcome != 0)
    fail("posix_spawn", outcome);
  return result;
}

/// How a process ended, as in "the other process was killed by signal 9"; empty for a good end.
std::string describe(int status) {
  if (WIFSIGNALED(status))
    return "the other process was killed by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return "the other process exited with code " + std::to_string(WEXITSTATUS(status));
  return {};
}

class posix_child final : public child_process {
public:
  explicit posix_child(const std::vector<std::string>& arguments) {
    auto [input, to] = make_pipe();
    auto [from, output] = make_pipe();
    pid_ = spawn_this_program(arguments, input.get(), output.get());
    to_ = std::move(to);
    from_ = std::move(from);
  }

  ~posix_child() override { kill(); }

  std::string read_line(std::chrono::milliseconds patience) override {
    auto deadline = clock::now() + patience;
    for (;;) {
      if (auto end = text_.find('\n'); end != std::string::npos) {
        auto line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      if (!wait_readable(deadline))
        throw std::runtime_error{"the other process said nothing for " + std::to_string(patience.count()) + " ms"};
      std::array<char, 4096> piece;
      auto got = ::read(from_.get(), piece.data(), piece.size());
      if (got > 0) {
        text_.append(piece.data(), static_cast<std::size_t>(got));
      } else if (got == 0) {
        finish(std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()));
        throw std::runtime_error{"the other process ended without a word"};
      }
    }
  }

  void finish(std::chrono::milliseconds patience) override {
    to_.reset();
    auto deadline = clock::now() + patience;
    auto status = reap(deadline);
    if (!status) {
      kill();
      throw std::runtime_error{"the other process did not end and was killed"};
    }
    if (auto text = describe(*status); !text.empty())
      throw std::runtime_error{text};
  }

private:
  bool wait_readable(clock::time_point deadline) {
    pollfd waiting{from_.get(), POLLIN, 0};
    for (;;) {
      check_interrupts();
      auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
      if (left <= 0)
        return false;
      if (::poll(&waiting, 1, static_cast<int>(left)) > 0)
        return true;
    }
  }

  std::optional<int> reap(clock::time_point deadline) {
    for (;;) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = 0;
        return status;
      }
      check_interrupts();
      if (clock::now() >= deadline)
        return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }

  void kill() noexcept {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    pid_ = 0;
    // its own child dies with it, and is ours then: see be_the_first_parent
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
      // the next one
    }
  }

  pid_t pid_ = 0;
  descriptor to_;
  descriptor from_;
  std::string text_;
};

} // namespace

std::filesystem::path this_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

void kill_process(std::uint32_t pid) {
  ::kill(static_cast<pid_t>(pid), SIGKILL);
}

std::unique_ptr<child_process> child_process::start(const std::vector<std::string>& arguments) {
  return std::make_unique<posix_child>(arguments);
}

void be_the_first_parent() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

void die_with_parent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void tell_caller(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void await_end() {
  std::array<char, 64> ignored;
  for (;;) {
    auto got = ::read(STDIN_FILENO, ignored.data(), ignored.size());
    if (got == 0 || (got < 0 && errno != EINTR))
      return;
  }
}

} // namespace bench
