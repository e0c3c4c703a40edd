#include "report.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace wordcount {

namespace {

constexpr std::size_t longest_shown = 40;

/// A word fit for a terminal: files may hold anything.
std::string shown(const std::string& word) {
  auto quoted =
    fmt::format("{:?}", word.substr(0, longest_shown)); // what cannot be printed is escaped, and quotes go around
  return quoted.substr(1, quoted.size() - 2) + (word.size() > longest_shown ? "..." : "");
}

} // namespace

std::vector<std::pair<std::string, std::uint64_t>> most_frequent(const outcome& counted, std::size_t count) {
  std::vector<std::pair<std::string, std::uint64_t>> result(std::min(count, counted.each.size()));
  std::partial_sort_copy(
    counted.each.begin(), counted.each.end(), result.begin(), result.end(),
    [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
  return result;
}

void print_text(const summary& what) {
  for (auto& [word, times] : most_frequent(what.counted, 10))
    fmt::print("{:9}  {}\n", times, shown(word));
  fmt::print("{} words, {} different, in {} files; an independent count says {}: {}\n", what.counted.words,
             what.counted.each.size(), what.files, what.expected, what.right() ? "equal" : "DIFFERENT");
  fmt::print("{} messages with {} workers in {:.3f} s", what.counted.messages, what.workers, what.seconds);
  if (what.counted.rounds > 1)
    fmt::print(", {} times all files", what.counted.rounds);
  if (what.killed > 0)
    fmt::print("; {} killed, {} reborn in {:.1f} ms at most, {} chunks sent again", what.killed, what.reborn,
               what.slowest_rebirth_ms, what.counted.resent);
  fmt::print("\n");
}

void print_json(const summary& what) {
  nlohmann::ordered_json object{
    {"words", what.counted.words},   {"expected", what.expected},
    {"files", what.files},           {"workers", what.workers},
    {"rounds", what.counted.rounds}, {"killed", what.killed},
    {"reborn", what.reborn},         {"slowest_rebirth_ms", what.slowest_rebirth_ms},
    {"resent", what.counted.resent}, {"messages", what.counted.messages},
    {"seconds", what.seconds},
  };
  fmt::print("{}\n", object.dump());
}

} // namespace wordcount
