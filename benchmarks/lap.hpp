#pragma once
// One lap: a contender does a scenario for a while, in a process of its own that nothing else has warmed, fragmented or slowed down.

#include "contender.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace bench {

struct lap_plan {
  std::string contender;
  std::string scenario;
  std::filesystem::path directory;
  std::chrono::duration<double> length{};
  std::size_t least_samples = 0; ///< requests; the lap goes on for longer where `length` does not bring so many

  /// The cores that the caller and the other end are tied to; none: wherever the system puts them.
  std::optional<int> core;
  std::optional<int> other_core;
};

struct lap_result {
  std::uint64_t samples = 0; ///< requests or messages
  double p50 = 0;            ///< of a request, in microseconds
  double p99 = 0;
  double rate = 0;              ///< of one-way messages, in the scenario's unit
  double allocations = 0;       ///< in the caller's process, for each of the samples
  double allocations_there = 0; ///< in the other process, where it can tell
  std::string error;            ///< what was wrong; the rest means nothing then
};

/// In the runner: a lap in a child process. Throws only `interrupted`.
lap_result run_lap(const lap_plan& plan);

/// In that child.
void do_lap(const lap_plan& plan);

/// In the child's child: the other end, tied to `plan.core`.
void serve_lap(const lap_plan& plan);

} // namespace bench
