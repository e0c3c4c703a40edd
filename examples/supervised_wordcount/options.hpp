#pragma once
// What the user asked for.

#include <mailroom/mailroom.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace wordcount {

struct options {
  std::vector<std::filesystem::path> files; ///< empty: the licence texts that Debian ships
  std::size_t workers = 4;
  std::size_t chunk_size = 4096; // higher: fewer messages; lower: more to see
  bool kill_one = false;
  bool chaos = false;                 ///< kill a random worker every 200 ms
  std::chrono::milliseconds lasts{0}; ///< count again and again for so long; chaos: 3 s
  bool json = false;
  mailroom::config mailroom;

  /// `--mailroom-...` as it was given, for the workers.
  std::vector<std::string> mailroom_arguments;

  /// This process is a worker: its name and the directory of the run are in the environment.
  bool worker = false;
};

/// Reads the environment and the command line. The exit code, where there is nothing else to do: the help was printed, or what is wrong.
struct exit_code {
  int value = 0;
};
tl::expected<options, exit_code> read_options(int argc, char** argv);

} // namespace wordcount
