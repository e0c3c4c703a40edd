#include "contender.hpp"

#include <algorithm>

namespace bench {

const contender* find_contender(std::string_view name) {
  auto found = std::ranges::find(contenders(), name, &contender::name);
  return found != contenders().end() ? &*found : nullptr;
}

std::string payload_of(const scenario& what) {
  std::string result(what.payload, '\0');
  unsigned state = 1;
  for (auto& each : result) {
    state = state * 1664525 + 1013904223;
    each = static_cast<char>(state >> 24);
  }
  return result;
}

std::size_t usual_window(const scenario& what) noexcept {
  constexpr std::size_t bytes = std::size_t{16} << 20;
  constexpr std::size_t messages = 20'000;
  return std::clamp<std::size_t>(bytes / what.payload, 1, messages);
}

} // namespace bench
