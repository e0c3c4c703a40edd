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

void send_signal(pid_t pid, int number) {
  if (pid > 0)
    ::kill(pid, number);
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

void process::stop() const {
  send_signal(pid_, SIGSTOP);
  auto status = 0;
  ::waitpid(pid_, &status, WUNTRACED);
}

void process::resume() const {
  send_signal(pid_, SIGCONT);
}

void process::kill() const {
  send_signal(pid_, SIGKILL);
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

const mailroom::process_exit killed{0, SIGKILL};
const std::string_view killed_in_words = "killed by signal 9";

std::int64_t start_heir(int seconds) {
  auto child = ::fork();
  if (child == 0) {
    ::sleep(static_cast<unsigned>(seconds));
    std::_Exit(0);
  }
  return child;
}

bool lives(std::int64_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0;
}

void kill(std::int64_t pid) {
  send_signal(static_cast<pid_t>(pid), SIGKILL);
}

void stop(std::int64_t pid) {
  send_signal(static_cast<pid_t>(pid), SIGSTOP);
}

std::filesystem::path running_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

} // namespace test
