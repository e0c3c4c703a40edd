#include "results.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace bench {

std::string_view to_string(placement value) noexcept {
  switch (value) {
    case placement::one_core:
      return "one core";
    case placement::two_cores:
      return "two cores";
    default:
      return "unpinned";
  }
}

spread spread::of(std::vector<double> values) {
  if (values.empty())
    return {};
  std::ranges::sort(values);
  auto middle = values.size() / 2;
  auto median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

std::uint64_t row::samples() const {
  std::uint64_t result = 0;
  for (auto& each : laps)
    result += each.samples;
  return result;
}

spread row::over(double lap_result::*field) const {
  std::vector<double> values;
  for (auto& each : laps)
    values.push_back(each.*field);
  return spread::of(std::move(values));
}

spread row::main_figure() const {
  return over(what.what == flow::request ? &lap_result::p50 : &lap_result::rate);
}

std::string row::flaw(std::uint64_t least_samples) const {
  for (auto& each : laps)
    if (!each.error.empty())
      return each.error;
  if (laps.empty())
    return "no lap";
  if (what.what == flow::request && samples() < least_samples)
    return fmt::format("only {} samples, and a percentile wants {}", samples(), least_samples);
  return {};
}

const row* results::find(const std::string& scenario, const std::string& contender, placement where) const {
  auto found = std::ranges::find_if(rows, [&](const row& each) {
    return each.what.name == scenario && each.contender == contender && each.where == where;
  });
  return found != rows.end() ? &*found : nullptr;
}

namespace {

std::optional<double> ratio_of(const results& all, const row& mine, const std::string& beside,
                               double lap_result::*field) {
  auto* other = all.find(mine.what.name, beside.empty() ? contenders().front().name : beside, mine.where);
  if (other == nullptr || !other->flaw(all.least_samples).empty() || !mine.flaw(all.least_samples).empty())
    return std::nullopt;
  return mine.over(field).median / other->over(field).median;
}

} // namespace

std::optional<double> results::ratio(const row& mine, const std::string& beside) const {
  return ratio_of(*this, mine, beside, mine.what.what == flow::request ? &lap_result::p50 : &lap_result::rate);
}

std::optional<double> results::p99_ratio(const row& mine, const std::string& beside) const {
  return mine.what.what == flow::request ? ratio_of(*this, mine, beside, &lap_result::p99) : std::nullopt;
}

bool results::all_right() const {
  return std::ranges::all_of(rows, [this](const row& each) { return each.flaw(least_samples).empty(); });
}

// -- targets ------------------------------------------------------------------------------------------------------------------

std::string target::text() const {
  return fmt::format(
    "{} over {}: {}at {} {:.2f} x {}", scenario, contender, what == measure::p99_ratio_at_most ? "p99 " : "",
    what == measure::ratio_at_least ? "least" : "most", limit, beside.empty() ? contenders().front().name : beside);
}

std::optional<double> target::reached(const results& all) const {
  auto* measured = all.find(scenario, contender, placement::unpinned);
  if (measured == nullptr || !measured->flaw(all.least_samples).empty())
    return std::nullopt;
  return what == measure::p99_ratio_at_most ? all.p99_ratio(*measured, beside) : all.ratio(*measured, beside);
}

bool target::met_by(double value) const noexcept {
  return what == measure::ratio_at_least ? value >= limit : value <= limit;
}

} // namespace bench
