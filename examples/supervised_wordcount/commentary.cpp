#include "commentary.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

namespace wordcount {

commentary::commentary(std::uint64_t whole, bool silent)
  : whole_{std::max<std::uint64_t>(whole, 1)}, silent_{silent}, bar_{!silent && examples::stderr_is_terminal()} {
  progress(0);
}

commentary::~commentary() {
  clear();
}

void commentary::progress(std::uint64_t done) {
  std::lock_guard guard{mutex_};
  auto percent = std::min<std::uint64_t>(100 * done / whole_, 100);
  if (!bar_ || percent == percent_)
    return;
  percent_ = percent;
  fmt::print(stderr, "\r[{:-<50}] {:3} %", std::string(percent / 2, '#'), percent);
}

void commentary::line(std::string_view text) {
  std::lock_guard guard{mutex_};
  clear();
  if (!silent_)
    fmt::print("{}\n", text);
}

void commentary::clear() {
  if (bar_)
    fmt::print(stderr, "\r{:60}\r", "");
  percent_ = 101;
}

} // namespace wordcount
