#include "child_process.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace examples {

namespace {

[[noreturn]] void fail(int code, const std::string& what) {
  throw std::system_error{code, std::generic_category(), what};
}

class pipe_pair {
public:
  explicit pipe_pair(bool wanted) {
    if (wanted && ::pipe2(ends_, O_CLOEXEC) != 0)
      fail(errno, "pipe");
  }
  ~pipe_pair() {
    close(0);
    close(1);
  }
  pipe_pair(const pipe_pair&) = delete;
  pipe_pair& operator=(const pipe_pair&) = delete;

  int reading() const noexcept { return ends_[0]; }
  int writing() const noexcept { return ends_[1]; }
  int take_reading() noexcept { return std::exchange(ends_[0], -1); }
  void close_writing() noexcept { close(1); }

private:
  void close(int end) noexcept {
    if (ends_[end] >= 0)
      ::close(std::exchange(ends_[end], -1));
  }

  int ends_[2] = {-1, -1};
};

/// The texts as `execve` wants them. They must outlive the result.
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& each : texts)
    result.push_back(each.data());
  result.push_back(nullptr);
  return result;
}

/// Later ones count: `getenv` takes the first of a name.
std::vector<std::string> environment_with(std::vector<std::string> variables) {
  for (auto each = environ; *each != nullptr; ++each) {
    std::string variable{*each};
    auto name = variable.substr(0, variable.find('=') + 1);
    auto replaced = false;
    for (auto& other : variables)
      replaced = replaced || other.rfind(name, 0) == 0;
    if (!replaced)
      variables.push_back(std::move(variable));
  }
  return variables;
}

void end_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) // it died before we could ask to be told
    ::_exit(127);
}

/// What the child does between `fork` and its own program: system calls only, as other threads may have held any lock. Whatever goes
/// wrong is told through `trouble`, which closes by itself when all is well.
[[noreturn]] void become(const char* program, char** arguments, char** environment, int out, int trouble) {
  if (out < 0 || ::dup2(out, STDOUT_FILENO) >= 0)
    ::execve(program, arguments, environment);
  auto code = errno;
  [[maybe_unused]] auto written = ::write(trouble, &code, sizeof(code));
  ::_exit(127);
}

} // namespace

struct child_process::native {
  explicit native(pid_t started) : pid{started} {}
  ~native() {
    if (output >= 0)
      ::close(output);
  }

  bool running() noexcept {
    ended = ended || ::waitpid(pid, nullptr, WNOHANG) != 0;
    return !ended;
  }

  void signal(int number) noexcept {
    if (running()) // else the pid may be somebody else's by now
      ::kill(pid, number);
  }

  pid_t pid;
  bool ended = false;
  int output = -1;
};

std::filesystem::path this_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

child_process::child_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                             const child_settings& settings) {
  std::vector<std::string> command{program.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto environment = environment_with(settings.variables);
  auto argument_pointers = pointers(command);
  auto environment_pointers = pointers(environment);
  pipe_pair captured{settings.captured};
  pipe_pair trouble{true};
  auto parent = ::getpid();
  auto pid = ::fork();
  if (pid < 0)
    fail(errno, "fork");
  if (pid == 0) {
    if (settings.ends_with_us)
      end_with(parent);
    become(program.c_str(), argument_pointers.data(), environment_pointers.data(), captured.writing(),
           trouble.writing());
  }
  trouble.close_writing();
  auto code = 0;
  if (::read(trouble.reading(), &code, sizeof(code)) == sizeof(code)) {
    ::waitpid(pid, nullptr, 0);
    fail(code, program.string());
  }
  native_ = std::make_unique<native>(pid);
  native_->output = captured.take_reading();
}

child_process::child_process(child_process&&) noexcept = default;

child_process::~child_process() {
  if (native_)
    end();
}

int child_process::pid() const noexcept {
  return native_->pid;
}

bool child_process::running() noexcept {
  return native_->running();
}

void child_process::terminate() noexcept {
  native_->signal(SIGTERM);
  resume(); // a suspended process would not listen
}

void child_process::kill() noexcept {
  native_->signal(SIGKILL);
}

void child_process::suspend() noexcept {
  native_->signal(SIGSTOP);
}

void child_process::resume() noexcept {
  native_->signal(SIGCONT);
}

void kill_process(std::uint32_t pid) noexcept {
  ::kill(static_cast<pid_t>(pid), SIGKILL);
}

bool child_process::read_more(std::chrono::milliseconds patience) {
  pollfd ready{native_->output, POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0)
    return false;
  char buffer[4096];
  auto size = ::read(native_->output, buffer, sizeof(buffer));
  if (size > 0)
    unread_.append(buffer, static_cast<std::size_t>(size));
  return size > 0;
}

} // namespace examples
