#pragma once
// What many cost beside few: mailboxes, peers and callers; and what nothing costs: connections on which nothing happens.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// Who takes part. One-way messages go round all mailboxes of all peers; callers, where there are several, make requests instead.
struct crowd {
  std::string axis; ///< what is varied: "mailboxes", "peers", "bare peers" or "callers"
  int peers = 1;
  int mailboxes = 1;
  int callers = 1;

  /// Over bare sockets instead: what the wake-ups of so many readers cost by themselves. Where there is one; see `has_bare_crowd`.
  bool bare() const { return axis == "bare peers"; }

  int size() const { return axis == "mailboxes" ? mailboxes : axis == "callers" ? callers : peers; }
};

struct crowd_point {
  crowd who;
  double cost = 0;  ///< microseconds of a message, over all
  double share = 1; ///< what the unluckiest caller got of what the luckiest got
  std::string error;
};

/// Wake-ups of all threads of the caller's process in a second.
struct idle_figure {
  double connected = 0; ///< with an idle connection
  double watched = 0;   ///< with a monitor on it
  std::string error;
};

/// In the runner: each in processes of its own. The second only where wake-ups are counted; see `wake_ups`.
std::vector<crowd_point> measure_crowds(const std::filesystem::path& directory);
idle_figure measure_idle(const std::filesystem::path& directory);

/// In children.
void do_crowd(const crowd& who, const std::filesystem::path& directory);
void serve_crowd(const crowd& who, const std::filesystem::path& directory);
void do_idle(const std::filesystem::path& directory);

// -- bare peers ---------------------------------------------------------------------------------------------------------------

bool has_bare_crowd();

/// A thread for each peer, which reads what has arrived and counts it.
void serve_bare_crowd(const crowd& who, const std::filesystem::path& directory);

/// Microseconds of a one-way message of `size` bytes, a write each, to one peer after the other.
double pour_bare(const crowd& who, const std::filesystem::path& directory, std::size_t size, int messages);

} // namespace bench
