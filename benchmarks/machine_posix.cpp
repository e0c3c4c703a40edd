#include "machine.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sys/utsname.h>
#include <system_error>
#include <unistd.h>

namespace bench {

namespace {

std::string first_line(const char* path) {
  std::ifstream file{path};
  std::string result;
  std::getline(file, result);
  return result;
}

std::string model_name() {
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (auto colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown processor";
}

} // namespace

machine this_machine() {
  machine result;
  utsname names{};
  if (::uname(&names) == 0)
    result.system = std::string{names.sysname} + ' ' + names.release + ' ' + names.machine;
  result.processor = model_name();
  result.cores = static_cast<unsigned>(usable_cores().size());
  result.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (result.governor.empty())
    result.governor = "unknown";
  std::array<double, 1> load{};
  if (::getloadavg(load.data(), 1) == 1)
    result.load = load[0];
  return result;
}

std::vector<int> usable_cores() {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  std::vector<int> result;
  if (::sched_getaffinity(0, sizeof(mine), &mine) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &mine))
        result.push_back(core);
  return result;
}

void pin_to(int core) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  if (::sched_setaffinity(0, sizeof(only), &only) != 0)
    throw std::system_error{errno, std::generic_category(), "sched_setaffinity"};
}

/// Voluntary context switches: each is a thread that slept and was woken.
std::optional<std::uint64_t> wake_ups() {
  std::uint64_t sum = 0;
  for (auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream status{each.path() / "status"};
    for (std::string word; status >> word;)
      if (word == "voluntary_ctxt_switches:") {
        std::uint64_t count = 0;
        status >> count;
        sum += count;
      }
  }
  return sum;
}

bool watched() {
  return ::isatty(STDERR_FILENO) == 1;
}

} // namespace bench
