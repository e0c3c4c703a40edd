#pragma once
// How long a supervisor takes to have a child up again.

#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// From the crash, or the kill, of a child to its next life being up.
struct restart_figure {
  std::string what; ///< "actor child", ...
  double p50_ms = 0;
  double p99_ms = 0; ///< the slowest, where there are fewer than 100
  double own_ms =
    0; ///< of that, what the program itself takes to start, without a supervisor; 0 where there is no program
  int count = 0;
  std::string error{};
};

/// In the runner: in processes of its own. With Erlang's supervisor where `escript` is installed.
std::vector<restart_figure> measure_restarts(const std::filesystem::path& directory);

/// In children: what measures, and the child that is killed, which says "ready" and waits for the end where it has no supervisor.
void do_restarts(const std::filesystem::path& directory);
void serve_restarts(const std::filesystem::path& directory);

} // namespace bench
