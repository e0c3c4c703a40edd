#pragma once
// What the user sees while the work goes on: a bar on the terminal of standard error, if it is one, and a line for each death and rebirth.

#include <cstdint>
#include <mutex>
#include <string_view>

namespace wordcount {

/// Any thread.
class commentary {
public:
  /// `whole` is the work to do; a `silent` one says nothing at all.
  commentary(std::uint64_t whole, bool silent);

  /// Takes the bar away.
  ~commentary();

  commentary(const commentary&) = delete;
  commentary& operator=(const commentary&) = delete;

  void progress(std::uint64_t done);
  void line(std::string_view text);

private:
  void clear();

  std::mutex mutex_;
  std::uint64_t whole_;
  bool silent_;
  bool bar_;
  std::uint64_t percent_ = 101; // what is on the screen
};

} // namespace wordcount
