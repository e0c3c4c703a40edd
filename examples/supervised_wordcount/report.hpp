#pragma once
// What the user gets to see at the end.

#include "coordinator.hpp"

#include <utility>
#include <vector>

namespace wordcount {

struct summary {
  outcome counted;
  std::uint64_t expected = 0; ///< by `plain_count`
  std::size_t files = 0;
  std::size_t workers = 0;
  std::uint64_t killed = 0;
  std::uint64_t reborn = 0;      ///< workers that came up again
  double slowest_rebirth_ms = 0; ///< from death to up
  double seconds = 0;

  bool right() const noexcept { return counted.words == expected; }
};

void print_text(const summary& what);
void print_json(const summary& what);

/// The words that come most often, equal ones in alphabetical order; at most `count`.
std::vector<std::pair<std::string, std::uint64_t>> most_frequent(const outcome& counted, std::size_t count);

} // namespace wordcount
