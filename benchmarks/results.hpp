#pragma once
// What was measured, row by row, and what is made of it: medians over the laps, ratios to what is bare, targets. Pure: no clock, no I/O.

#include "lap.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// Where the two ends of a row run.
enum class placement : std::uint8_t {
  unpinned, ///< wherever the system puts them: the figures that count
  one_core, ///< both tied to one core
  two_cores ///< each tied to one of its own
};

std::string_view to_string(placement value) noexcept;

/// The middle of some laps, and how far they lie apart.
struct spread {
  double median = 0;
  double least = 0;
  double most = 0;

  static spread of(std::vector<double> values);
};

/// One contender in one scenario at one place, over all laps.
struct row {
  scenario what;
  std::string contender;
  placement where = placement::unpinned;
  std::vector<lap_result> laps;

  std::uint64_t samples() const;

  /// Of one field over the laps.
  spread over(double lap_result::*field) const;

  /// What its scenario is about: the p50 of a request, else the rate.
  spread main_figure() const;

  /// Why the row is no measurement; empty where it is. `least_samples`: of a request's percentiles.
  std::string flaw(std::uint64_t least_samples) const;
};

/// Fewer samples make no percentile.
inline constexpr std::uint64_t samples_of_a_percentile = 1000;
inline constexpr std::size_t laps_of_a_median = 5;

struct results {
  std::vector<row> rows;
  std::uint64_t least_samples = samples_of_a_percentile;

  const row* find(const std::string& scenario, const std::string& contender, placement where) const;

  /// The row's main figure, or its p99, as a multiple of another contender's in the same scenario and place: of the first one, unless
  /// told otherwise. Nothing where either is missing or wrong.
  std::optional<double> ratio(const row& mine, const std::string& beside = {}) const;
  std::optional<double> p99_ratio(const row& mine, const std::string& beside = {}) const;

  bool all_right() const;
};

/// What a row should reach, unpinned, beside another contender in the same run.
struct target {
  enum class measure : std::uint8_t { ratio_at_most, p99_ratio_at_most, ratio_at_least };

  std::string scenario;
  std::string contender;
  measure what;
  double limit;
  std::string beside{}; ///< empty: the first contender

  /// In words, as in "request 64 B over mailroom/pipe: at most 1.50 x bare socket".
  std::string text() const;

  /// What was measured; nothing where it was not.
  std::optional<double> reached(const results& all) const;
  bool met_by(double value) const noexcept;
};

/// Of this system; in targets_*.cpp.
const std::vector<target>& targets();

} // namespace bench
