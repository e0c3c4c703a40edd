#include "options.hpp"

#include <mailroom/command_line.hpp>

#include <iostream>

namespace wordcount {

namespace {

constexpr std::size_t most_workers = 64;
constexpr double most_seconds = 24 * 60 * 60;
constexpr std::size_t largest_chunk = std::size_t{16} << 20;

/// The options of mailroom's own that were given, in their order.
std::vector<std::string> given_mailroom_arguments(CLI::App& app) {
  std::vector<std::string> result;
  for (auto* each : app.get_options())
    if (each->get_group() == "Mailroom" && *each)
      for (auto& value : each->results())
        result.insert(result.end(), {each->get_name(), value});
  return result;
}

} // namespace

tl::expected<options, exit_code> read_options(int argc, char** argv) {
  options result;
  result.mailroom.log_level = mailroom::level::error; // the loss of a worker is ours to tell
  auto settings = mailroom::config_from_environment(result.mailroom);
  if (!settings) {
    std::cerr << "supervised_wordcount: " << to_string(settings.error()) << '\n';
    return tl::unexpected{exit_code{2}};
  }
  result.mailroom = *std::move(settings);

  std::optional<double> seconds;
  CLI::App app{"Counts the words of files with several worker processes."};
  app.allow_windows_style_options(false); // what begins with a slash is a file
  app.add_option("FILE", result.files, "The files; by default those in /usr/share/common-licenses, each once");
  app.add_option("--workers", result.workers, "How many worker processes")
    ->check(CLI::Range(std::size_t{1}, most_workers))
    ->capture_default_str();
  app.add_option("--chunk-size", result.chunk_size, "Bytes per request")
    ->check(CLI::Range(std::size_t{1}, largest_chunk))
    ->capture_default_str();
  app.add_flag("--kill-one", result.kill_one, "Kill one worker half-way, to see that nothing is lost");
  app.add_flag("--json", result.json, "Print one JSON object instead");
  app.add_flag("--chaos", result.chaos, "Kill a random worker every 200 ms, for some seconds");
  app.add_option("--seconds", seconds, "Count the files again and again for so long; 3 with --chaos")
    ->check(CLI::Range(0.0, most_seconds));
  app.add_flag("--as-worker", result.worker)->group(""); // not for users
  mailroom::add_options(app, result.mailroom);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& what) {
    return tl::unexpected{exit_code{app.exit(what) == 0 ? 0 : 2}};
  }
  if (result.chaos && !seconds)
    seconds = 3;
  result.lasts = std::chrono::milliseconds{static_cast<std::int64_t>(1000 * seconds.value_or(0))};
  result.mailroom_arguments = given_mailroom_arguments(app);
  return result;
}

} // namespace wordcount
