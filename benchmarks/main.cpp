// mailroom_bench: how fast mailroom is beside what the system has, bare, doing the same work in the same run. Contenders take turns lap by lap, so
// that whatever else the machine does hits all of them; a slow result is no failure, a wrong one is.

#include "crowd.hpp"
#include "lap.hpp"
#include "machine.hpp"
#include "peer.hpp"
#include "report.hpp"
#include "results.hpp"

#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <regex>

namespace {

using namespace bench;

constexpr int exit_wrong = 1;
constexpr int exit_usage = 2;
constexpr int exit_interrupted = 130;

struct options {
  std::size_t laps = laps_of_a_median;
  double seconds = 0.25;
  std::string only;
  std::vector<std::string> contenders;
  std::string json;
  bool no_pinned = false;
  bool no_crowds = false;
  bool quick = false;
};

/// A directory of this run alone, gone with it.
class run_directory {
public:
  run_directory() {
    auto base = std::filesystem::temp_directory_path();
    std::random_device random;
    do
      path_ = base / fmt::format("mailroom_bench-{:08x}", random());
    while (!std::filesystem::create_directory(path_));
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  ~run_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  run_directory(const run_directory&) = delete;
  run_directory& operator=(const run_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

bool takes_part(const contender& who, const scenario& what, placement where) {
  if (where != placement::unpinned && (!who.pinned || what.silence.count() > 0))
    return false;
  if (what.what == flow::one_way)
    return !who.requests_only;
  // within a process there is no one to fall asleep
  return what.silence.count() == 0 || (who.between_processes && !who.requests_only);
}

std::vector<row> rows_of(const options& chosen) {
  std::regex only{chosen.only, std::regex::icase};
  auto wanted = [&](const contender& each) {
    return chosen.contenders.empty() || std::ranges::count(chosen.contenders, each.name) > 0;
  };
  auto has_two_cores = usable_cores().size() > 1;
  std::vector<row> result;
  for (auto& what : scenarios()) {
    if (!std::regex_search(what.name, only))
      continue;
    for (auto where : {placement::unpinned, placement::one_core, placement::two_cores}) {
      if (where != placement::unpinned && chosen.no_pinned)
        continue;
      if (where == placement::two_cores && !has_two_cores)
        continue;
      for (auto& who : contenders())
        if (wanted(who) && takes_part(who, what, where))
          result.push_back({what, who.name, where, {}});
    }
  }
  return result;
}

lap_plan plan_of(const row& mine, const options& chosen, const std::filesystem::path& directory) {
  auto least = chosen.quick ? 1 : (samples_of_a_percentile + chosen.laps - 1) / chosen.laps;
  lap_plan result{
    mine.contender, mine.what.name, directory, std::chrono::duration<double>{chosen.seconds}, least, {}, {}};
  if (mine.where != placement::unpinned) {
    auto cores = usable_cores();
    result.core = cores.front();
    result.other_core = cores[mine.where == placement::two_cores ? 1 : 0];
  }
  return result;
}

/// The line that a person watches, if one does.
void show(const std::string& text) {
  static const auto somebody = watched();
  if (somebody)
    fmt::print(stderr, "\r\x1b[K{}", text);
}

/// One scenario after the other, and within each all of its rows in turn, lap by lap.
void measure(std::vector<row>& rows, const options& chosen, const std::filesystem::path& directory) {
  for (auto first = rows.begin(); first != rows.end();) {
    auto last = std::find_if(first, rows.end(), [&](const row& each) { return each.what.name != first->what.name; });
    for (std::size_t lap = 1; lap <= chosen.laps; ++lap) {
      for (auto each = first; each != last; ++each) {
        show(fmt::format("{}, lap {} of {}: {}, {}", each->what.name, lap, chosen.laps, each->contender,
                         to_string(each->where)));
        each->laps.push_back(run_lap(plan_of(*each, chosen, directory)));
      }
    }
    first = last;
  }
  show({});
}

int run(const options& chosen) {
  results all;
  all.rows = rows_of(chosen);
  if (chosen.quick)
    all.least_samples = 1;
  std::ofstream json;
  if (!chosen.json.empty()) {
    json.open(chosen.json);
    if (!json) {
      fmt::print(stderr, "mailroom_bench: cannot write {}\n", chosen.json);
      return exit_usage;
    }
  }
  conditions how{this_machine(), chosen.laps, chosen.seconds, chosen.quick};
  fmt::print("{}", write_header(how));
  std::fflush(stdout);
  be_the_first_parent();
  run_directory directory;
  measure(all.rows, chosen, directory.path());
  fmt::print("{}", write_tables(all));
  std::fflush(stdout);
  others more;
  if (!chosen.no_crowds && !chosen.quick && chosen.only.empty() && chosen.contenders.empty()) {
    show("mailboxes, peers and callers");
    more.crowds = measure_crowds(directory.path());
    if (wake_ups()) {
      show("idle connections");
      more.idle = measure_idle(directory.path());
    }
    show("restarts");
    more.restarts = measure_restarts(directory.path());
    show({});
    fmt::print("{}", write_others(more));
  }
  fmt::print("{}", write_targets(all));
  if (json.is_open())
    json << write_json(how, all, more);
  return all.all_right() && more.all_right() ? EXIT_SUCCESS : exit_wrong;
}

/// The hidden commands, with which the program starts itself.
void add_hidden(CLI::App& app, const char* name, lap_plan& plan, double& seconds) {
  auto* command = app.add_subcommand(name, "")->group("");
  command->add_option("contender", plan.contender)->required();
  command->add_option("scenario", plan.scenario)->required();
  command->add_option("--directory", plan.directory)->required();
  command->add_option("--seconds", seconds)->required();
  command->add_option("--samples", plan.least_samples)->required();
  command->add_option("--core", plan.core);
  command->add_option("--other-core", plan.other_core);
}

void add_hidden_crowds(CLI::App& app, crowd& who, std::filesystem::path& directory) {
  for (auto* name : {"crowd", "serve-crowd"}) {
    auto* command = app.add_subcommand(name, "")->group("");
    command->add_option("axis", who.axis)->required();
    command->add_option("--directory", directory)->required();
    command->add_option("--peers", who.peers);
    command->add_option("--mailboxes", who.mailboxes);
    command->add_option("--callers", who.callers);
  }
  for (auto* name : {"idle", "restarts", "serve-restarts"})
    app.add_subcommand(name, "")->group("")->add_option("--directory", directory)->required();
}

void add_options(CLI::App& app, options& chosen) {
  std::vector<std::string> names;
  for (auto& each : contenders())
    names.push_back(each.name);
  app.add_option("--laps", chosen.laps, "Laps of each row; medians want at least five")->capture_default_str();
  app.add_option("--seconds", chosen.seconds, "Of a lap; longer where a percentile wants more samples")
    ->capture_default_str()
    ->check(CLI::Range(0.001, 60.0));
  app.add_option("--only", chosen.only, "Only scenarios that match this regular expression");
  app.add_option("--contender", chosen.contenders, "Only this one; may be repeated")->check(CLI::IsMember(names));
  app.add_option("--json", chosen.json, "Write the figures to this file too");
  app.add_flag("--no-pinned", chosen.no_pinned, "Leave out the rows with both ends tied to cores");
  app.add_flag("--no-crowds", chosen.no_crowds,
               "Leave out many mailboxes, peers and callers, idle connections, and restarts");
  app.add_flag("--quick", chosen.quick, "Allow fewer laps and samples: a look whether it runs");
}

void check(const options& chosen) {
  if (chosen.laps == 0 || (chosen.laps < laps_of_a_median && !chosen.quick))
    throw CLI::ValidationError{"--laps", fmt::format("at least {} laps make a median", laps_of_a_median)};
  try {
    std::regex{chosen.only};
  } catch (const std::regex_error& why) {
    throw CLI::ValidationError{"--only", why.what()};
  }
  if (rows_of(chosen).empty())
    throw CLI::ValidationError{"--only", "no scenario of that name"};
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures round trips and throughput of mailroom beside a " + contenders().front().name + "."};
  app.allow_windows_style_options(false); // what begins with a slash is a file
  options chosen;
  lap_plan plan;
  double seconds = 0;
  crowd who;
  add_options(app, chosen);
  add_hidden_crowds(app, who, plan.directory);
  add_hidden(app, "lap", plan, seconds);
  add_hidden(app, "serve", plan, seconds);
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty())
      check(chosen);
  } catch (const CLI::ParseError& what) {
    return app.exit(what) == 0 ? EXIT_SUCCESS : exit_usage;
  }
  try {
    if (app.get_subcommands().empty())
      return run(chosen);
    die_with_parent();
    plan.length = std::chrono::duration<double>{seconds};
    if (app.got_subcommand("lap"))
      do_lap(plan);
    else if (app.got_subcommand("serve"))
      serve_lap(plan);
    else if (app.got_subcommand("crowd"))
      do_crowd(who, plan.directory);
    else if (app.got_subcommand("serve-crowd"))
      serve_crowd(who, plan.directory);
    else if (app.got_subcommand("idle"))
      do_idle(plan.directory);
    else if (app.got_subcommand("restarts"))
      do_restarts(plan.directory);
    else
      serve_restarts(plan.directory);
    return EXIT_SUCCESS;
  } catch (const interrupted&) {
    return exit_interrupted;
  } catch (const std::exception& why) {
    fmt::print(stderr, "mailroom_bench: {}\n", why.what());
    return exit_wrong;
  }
}
