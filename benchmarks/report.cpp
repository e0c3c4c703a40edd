#include "report.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

namespace {

/// Above it somebody else is at work.
constexpr double quiet_load = 0.7;

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t value) {
  auto result = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(result.size()) - 3; at > 0; at -= 3)
    result.insert(static_cast<std::size_t>(at), ",");
  return result;
}

/// Three digits that count, or all of a large number.
std::string figure(double value) {
  if (value >= 1000)
    return grouped(static_cast<std::uint64_t>(value + 0.5));
  return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string figure(const spread& value) {
  return fmt::format("{:>9} ({} .. {})", figure(value.median), figure(value.least), figure(value.most));
}

std::string figure(const std::optional<double>& ratio) {
  return ratio ? fmt::format("{:.2f}", *ratio) : "-";
}

constexpr auto line = "  {:<32}{:<33}{:<33}{:>7}{:>9}{:>13}{:>12}\n";

/// Allocations for each message: in the caller's process, and in the other one where it can tell.
std::string allocations(const row& each) {
  auto there = each.over(&lap_result::allocations_there).median;
  return fmt::format("{:.1f}", each.over(&lap_result::allocations).median)
         + (there > 0 ? fmt::format(" + {:.1f}", there) : "");
}

void write_row(std::string& text, const results& all, const row& each) {
  auto name = each.contender;
  if (each.where != placement::unpinned)
    name += fmt::format(", {}", to_string(each.where));
  if (auto flaw = each.flaw(all.least_samples); !flaw.empty())
    text += fmt::format("  {:<32}    WRONG: {}\n", name, flaw);
  else if (each.what.what == flow::request)
    text +=
      fmt::format(line, name, figure(each.over(&lap_result::p50)), figure(each.over(&lap_result::p99)),
                  figure(all.ratio(each)), figure(all.p99_ratio(each)), grouped(each.samples()), allocations(each));
  else
    text += fmt::format(line, name, figure(each.main_figure()), "", figure(all.ratio(each)), "",
                        grouped(each.samples()), allocations(each));
}

void write_group(std::string& text, const results& all, const scenario& what, bool pinned) {
  auto belongs = [&](const row& each) {
    return each.what.name == what.name && (each.where != placement::unpinned) == pinned;
  };
  if (std::ranges::none_of(all.rows, belongs))
    return;
  if (what.what == flow::request)
    text += fmt::format(line, what.name, "   p50 us", "   p99 us", "x bare", "p99 x", "samples", "allocations");
  else
    text += fmt::format(line, what.name, fmt::format("{:>9}", to_string(what.unit)), "", "x bare", "", "messages",
                        "allocations");
  for (auto& each : all.rows)
    if (belongs(each))
      write_row(text, all, each);
  text += '\n';
}

std::string write_table(const results& all, bool pinned) {
  std::string result;
  for (auto& each : scenarios())
    write_group(result, all, each, pinned);
  return result;
}

nlohmann::json json_of(const spread& value) {
  return {{"median", value.median}, {"least", value.least}, {"most", value.most}};
}

nlohmann::json json_of(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

/// The name of a ratio, as in "times_bare_socket".
std::string times_reference() {
  auto result = "times_" + contenders().front().name;
  std::ranges::replace(result, ' ', '_');
  return result;
}

nlohmann::json json_of(const row& each, const results& all) {
  nlohmann::json result{
    {"scenario", each.what.name},   {"contender", each.contender}, {"placement", to_string(each.where)},
    {"payload", each.what.payload}, {"samples", each.samples()},   {times_reference(), json_of(all.ratio(each))},
  };
  result["allocations"] = {{"here", each.over(&lap_result::allocations).median},
                           {"there", each.over(&lap_result::allocations_there).median}};
  if (auto flaw = each.flaw(all.least_samples); !flaw.empty()) {
    result["error"] = flaw;
  } else if (each.what.what == flow::request) {
    result["p50_us"] = json_of(each.over(&lap_result::p50));
    result["p99_us"] = json_of(each.over(&lap_result::p99));
    result["p99_" + times_reference()] = json_of(all.p99_ratio(each));
  } else {
    result["rate"] = json_of(each.main_figure());
    result["unit"] = to_string(each.what.unit);
  }
  return result;
}

} // namespace

std::string write_header(const conditions& how) {
  auto& where = how.where;
  auto load = where.load ? fmt::format(", load {:.2f}", *where.load) : std::string{};
  auto result = fmt::format("{}, {}, {} core{}, governor {}{}\n"
                            "{} lap{} of {} s each, interleaved; medians over the laps (least .. most)\n",
                            where.system, where.processor, where.cores, where.cores == 1 ? "" : "s", where.governor,
                            load, how.laps, how.laps == 1 ? "" : "s", how.seconds);
  if (where.load.value_or(0) > quiet_load)
    result += "the machine is not quiet: expect noise\n";
  if (how.quick)
    result += "quick: these figures show that it runs, and mean nothing\n";
  for (auto& each : contenders())
    result += fmt::format("  {:<32}{}\n", each.name, each.about);
  return result;
}

std::string write_tables(const results& all) {
  auto result = "\nUnpinned\n\n" + write_table(all, false);
  if (auto pinned = write_table(all, true); !pinned.empty())
    result += "Pinned: both ends on one core, or each on one of two\n\n" + pinned;
  return result;
}

std::string write_targets(const results& all) {
  std::string result = "Targets\n";
  for (auto& each : targets()) {
    auto reached = each.reached(all);
    auto verdict = !reached                ? std::string{"not measured"}
                   : each.met_by(*reached) ? fmt::format("met, {}", figure(*reached))
                                           : fmt::format("MISSED, {}", figure(*reached));
    result += fmt::format("  {}: {}\n", each.text(), verdict);
  }
  return result;
}

bool others::all_right() const {
  auto fine = [](auto& each) { return each.error.empty(); };
  return (!idle || fine(*idle)) && std::ranges::all_of(crowds, fine) && std::ranges::all_of(restarts, fine);
}

/// From the crash of a child to its next life.
std::string write_restarts(const std::vector<restart_figure>& all) {
  if (all.empty())
    return {};
  std::string result = "Restarts: from a crash to the next life being up\n\n";
  for (auto& each : all) {
    if (!each.error.empty())
      result += fmt::format("  {:<20} WRONG: {}\n", each.what, each.error);
    else
      result += fmt::format("  {:<20} p50 {:>7} ms, p99 {:>7} ms, of {}{}\n", each.what, figure(each.p50_ms),
                            figure(each.p99_ms), each.count,
                            each.own_ms > 0 ? fmt::format("; {} ms beyond the program's own start of {}",
                                                          figure(each.p50_ms - each.own_ms), figure(each.own_ms))
                                            : "");
  }
  return result + "\n";
}

std::string write_others(const others& all) {
  std::string result =
    "Many and few, over mailroom/pipe: one-way messages of 64 B, or requests of several callers at once\n\n";
  std::string axis;
  double first = 0;
  for (auto& each : all.crowds) {
    if (std::exchange(axis, each.who.axis) != each.who.axis)
      first = each.cost;
    if (!each.error.empty())
      result += fmt::format("  {:>5} {:<12} WRONG: {}\n", each.who.size(), axis, each.error);
    else if (axis == "callers")
      result += fmt::format("  {:>5} {:<12}{:>9} us a request, {} x one; the unluckiest got {:.0f} % of the luckiest\n",
                            each.who.size(), axis, figure(each.cost), figure(each.cost / first), 100 * each.share);
    else
      result += fmt::format("  {:>5} {:<12}{:>9} us a message, {} x one\n", each.who.size(), axis, figure(each.cost),
                            figure(each.cost / first));
  }
  if (all.idle && !all.idle->error.empty())
    result += fmt::format("\n  idle WRONG: {}\n", all.idle->error);
  else if (all.idle)
    result +=
      fmt::format("\n  idle, over 10 s: {:.1f} wake-ups a second with a connection, {:.1f} with a watched peer\n",
                  all.idle->connected, all.idle->watched);
  return result + "\n" + write_restarts(all.restarts);
}

std::string write_json(const conditions& how, const results& all, const others& more) {
  nlohmann::json result{
    {"machine",
     {{"system", how.where.system},
      {"processor", how.where.processor},
      {"cores", how.where.cores},
      {"governor", how.where.governor},
      {"load", json_of(how.where.load)}}},
    {"laps", how.laps},
    {"seconds_per_lap", how.seconds},
    {"quick", how.quick},
    {"rows", nlohmann::json::array()},
    {"targets", nlohmann::json::array()},
  };
  for (auto& each : all.rows)
    result["rows"].push_back(json_of(each, all));
  for (auto& each : targets()) {
    auto reached = each.reached(all);
    result["targets"].push_back({{"target", each.text()},
                                 {"reached", json_of(reached)},
                                 {"met", reached ? nlohmann::json(each.met_by(*reached)) : nlohmann::json()}});
  }
  for (auto& each : more.crowds)
    result["crowds"].push_back(
      {{"axis", each.who.axis}, {"count", each.who.size()}, {"cost_us", each.cost}, {"share", each.share}});
  if (more.idle)
    result["idle"] = {{"wake_ups_connected", more.idle->connected}, {"wake_ups_watched", more.idle->watched}};
  for (auto& each : more.restarts)
    result["restarts"].push_back(
      {{"what", each.what}, {"p50_ms", each.p50_ms}, {"p99_ms", each.p99_ms}, {"own_start_ms", each.own_ms}});
  return result.dump(2) + '\n';
}

} // namespace bench
