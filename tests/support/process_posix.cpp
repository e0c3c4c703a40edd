#include <support/process.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace test {

namespace {

int exit_code(int status) {
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

process::process(const std::filesystem::path& program, std::vector<std::string> arguments,
                 const std::filesystem::path& directory) {
  std::vector<char*> argv;
  auto path = program.string();
  argv.push_back(path.data());
  for (auto& each : arguments)
    argv.push_back(each.data());
  argv.push_back(nullptr);
  auto variable = "MAILROOM_DIR=" + directory.string();
  std::vector<char*> environment;
  for (auto** each = ::environ; *each != nullptr; ++each)
    if (!std::string_view{*each}.starts_with("MAILROOM_DIR="))
      environment.push_back(*each);
  environment.push_back(variable.data());
  environment.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0)
    throw std::runtime_error{"fork"};
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that is killed leaves nothing behind
    ::execve(path.c_str(), argv.data(), environment.data());
    std::_Exit(127);
  }
}

process::~process() {
  if (pid_ > 0) {
    kill();
    wait();
  }
}

process::process(process&& other) noexcept : pid_{std::exchange(other.pid_, 0)} {
  // nop
}

process& process::operator=(process&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

void process::signal(int number) const {
  if (pid_ > 0)
    ::kill(pid_, number);
}

void process::stop() const {
  signal(SIGSTOP);
  auto status = 0;
  ::waitpid(pid_, &status, WUNTRACED);
}

void process::kill() const {
  signal(SIGKILL);
}

int process::wait() {
  auto status = 0;
  ::waitpid(std::exchange(pid_, 0), &status, 0);
  return exit_code(status);
}

std::optional<int> process::wait_for(int milliseconds) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{milliseconds};
  for (;;) {
    auto status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      return exit_code(status);
    }
    if (std::chrono::steady_clock::now() >= deadline)
      return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

int rounds(int usual, int full) {
  auto* wanted = std::getenv("MAILROOM_TEST_ROUNDS");
  if (wanted == nullptr || *wanted == '\0')
    return usual;
  return std::string_view{wanted} == "full" ? full : std::max(1, std::atoi(wanted));
}

} // namespace test
