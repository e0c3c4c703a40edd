#pragma once
// A scenario is what every contender does in its laps: data, so that a new one is a line in scenario.cpp.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

enum class flow : std::uint8_t {
  request, ///< one message there, its echo back, and again
  one_way  ///< messages there as fast as they are taken, and one count back at the end
};

/// What a row of a one-way scenario is measured in.
enum class rate_unit : std::uint8_t { messages, mebibytes };

struct scenario {
  std::string name;
  flow what;
  std::size_t payload;                  ///< bytes of each message, without whatever a contender adds
  rate_unit unit;                       ///< of a one-way scenario
  std::chrono::milliseconds silence{0}; ///< before each request: what was warm has cooled down, and threads sleep

  /// In `unit` per second.
  double rate(std::uint64_t messages, double seconds) const noexcept;
};

const std::vector<scenario>& scenarios();

/// Null where unknown.
const scenario* find_scenario(std::string_view name);

std::string_view to_string(rate_unit value) noexcept;

} // namespace bench
