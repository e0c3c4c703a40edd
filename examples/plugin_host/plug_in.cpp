#include "plug_in.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

namespace plugin_host {

namespace {

std::string reverse(const std::string& text) {
  return {text.rbegin(), text.rend()};
}

std::string count_letters(const std::string& text) {
  if (text == "boom")
    std::abort();
  return std::to_string(text.size()) + " letters";
}

/// On the wrong input it never comes back: this is the bug that the host is to survive.
std::string sleep_well(const std::string& text) {
  for (auto forever = text == "wait"; forever;)
    std::this_thread::sleep_for(std::chrono::hours{1});
  return "rested";
}

/// Ends where it gets no more; or sated, where nobody limits it.
std::string remember(const std::string& text) {
  constexpr std::size_t mouthful = std::size_t{16} << 20;
  constexpr std::size_t appetite = std::size_t{2} << 30;
  static std::vector<std::vector<char>> eaten; // only reserved: that counts, and takes no time
  if (text != "more")
    return "remembered";
  try {
    while (eaten.size() * mouthful < appetite)
      eaten.emplace_back().reserve(mouthful);
  } catch (const std::bad_alloc&) {
    std::_Exit(3); // what a program does that cannot go on
  }
  return "ate all that it wanted";
}

} // namespace

const std::vector<plug_in>& plug_ins() {
  static const std::vector<plug_in> result{
    {"reverse", "none", reverse},
    {"crash", "crashes on \"boom\"", count_letters},
    {"hang", "hangs on \"wait\"", sleep_well},
    {"eat", "eats memory on \"more\"", remember},
  };
  return result;
}

const plug_in* find_plug_in(std::string_view name) {
  auto found = std::ranges::find(plug_ins(), name, &plug_in::name);
  return found == plug_ins().end() ? nullptr : &*found;
}

} // namespace plugin_host
