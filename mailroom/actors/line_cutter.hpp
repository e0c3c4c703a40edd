#pragma once
// Cuts what a child process writes into lines. Holds at most one line.

#include <cstddef>
#include <string>
#include <string_view>

namespace mailroom {

class line_cutter {
public:
  /// Bytes; what is longer comes as several lines.
  static constexpr std::size_t longest = 4096;

  /// Calls `tell(std::string_view)` for each line that is whole, without its end.
  template <class Tell> void feed(std::string_view bytes, Tell tell) {
    while (!bytes.empty()) {
      auto room = longest - begun_.size();
      auto end = bytes.substr(0, room + 1).find('\n');
      if (end != std::string_view::npos) {
        tell(begun_.empty() ? bytes.substr(0, end) : std::string_view{begun_ += bytes.substr(0, end)});
        begun_.clear();
        bytes.remove_prefix(end + 1);
        continue;
      }
      auto part = bytes.substr(0, room);
      begun_ += part;
      bytes.remove_prefix(part.size());
      if (!bytes.empty()) // else the end of line may be the next byte
        finish(tell);
    }
  }

  /// No more comes: the line that was not ended.
  template <class Tell> void finish(Tell tell) {
    if (begun_.empty())
      return;
    tell(std::string_view{begun_});
    begun_.clear();
  }

private:
  std::string begun_;
};

} // namespace mailroom
