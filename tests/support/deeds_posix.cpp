#include <support/deeds.hpp>

#include <support/process.hpp>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

void start_descendant(const std::vector<std::string>& arguments) {
  auto program = running_program().string();
  auto copies = arguments;
  std::vector<char*> argv{program.data()};
  for (auto& each : copies)
    argv.push_back(each.data());
  argv.push_back(nullptr);
  auto first = ::fork();
  if (first == 0) {
    ::setsid();
    if (::fork() == 0)
      ::execv(program.c_str(), argv.data());
    std::_Exit(0);
  }
  ::waitpid(first, nullptr, 0);
}

void ignore_requests_to_end() {
  std::signal(SIGTERM, SIG_IGN);
}

std::vector<std::string> own_arguments(int argc, char* argv[]) {
  return {argv + 1, argv + argc};
}

bool children_can_be_asked() {
  return true;
}

std::uint64_t memory_limit() {
  rlimit result{};
  ::getrlimit(RLIMIT_AS, &result);
  return result.rlim_cur == RLIM_INFINITY ? 0 : result.rlim_cur;
}

std::uint64_t resident_memory() {
  std::ifstream file{"/proc/self/statm"};
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_handles() {
  std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::uint64_t>(std::distance(begin(all), end(all)));
}

void set_event(std::uint64_t) {
  // nop
}

bool hold_for_life(const std::filesystem::path& file) {
  auto held = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return held >= 0 && ::flock(held, LOCK_EX | LOCK_NB) == 0;
}

int processes_with(std::string_view text) {
  auto result = 0;
  for (auto& each : std::filesystem::directory_iterator{"/proc"}) {
    std::ifstream file{each.path() / "environ"};
    std::string environment{std::istreambuf_iterator<char>{file}, {}};
    result += environment.find(text) != std::string::npos ? 1 : 0;
  }
  return result;
}

} // namespace test
