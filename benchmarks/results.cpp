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

std::optional<double> ratio_of(const results& all, const row& mine, double lap_result::*field) {
  auto* bare = all.find(mine.what.name, contenders().front().name, mine.where);
  if (bare == nullptr || !bare->flaw(all.least_samples).empty() || !mine.flaw(all.least_samples).empty())
    return std::nullopt;
  return mine.over(field).median / bare->over(field).median;
}

} // namespace

std::optional<double> results::ratio(const row& mine) const {
  return ratio_of(*this, mine, mine.what.what == flow::request ? &lap_result::p50 : &lap_result::rate);
}

std::optional<double> results::p99_ratio(const row& mine) const {
  return mine.what.what == flow::request ? ratio_of(*this, mine, &lap_result::p99) : std::nullopt;
}

bool results::all_right() const {
  return std::ranges::all_of(rows, [this](const row& each) { return each.flaw(least_samples).empty(); });
}

// -- targets ------------------------------------------------------------------------------------------------------------------

const std::vector<target>& targets() {
  using enum target::measure;
  static const std::vector<target> result{
    {"request 64 B", "mailroom/pipe", ratio_at_most, 3.0},
    {"one way 64 B", "mailroom/pipe", rate_at_least, 500'000},
    {"request 1 MiB", "mailroom/pipe", ratio_at_most, 2.5},
  };
  return result;
}

std::string target::text() const {
  auto bound = what == measure::ratio_at_most ? fmt::format("at most {:.2f} x {}", limit, contenders().front().name)
                                              : fmt::format("at least {:.0f}/s", limit);
  return fmt::format("{} over {}: {}", scenario, contender, bound);
}

std::optional<double> target::reached(const results& all) const {
  auto* measured = all.find(scenario, contender, placement::unpinned);
  if (measured == nullptr || !measured->flaw(all.least_samples).empty())
    return std::nullopt;
  return what == measure::ratio_at_most ? all.ratio(*measured) : measured->main_figure().median;
}

bool target::met_by(double value) const noexcept {
  return what == measure::ratio_at_most ? value <= limit : value >= limit;
}

} // namespace bench
