#include "contender.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace bench {

void caller::time_requests(std::size_t count, std::chrono::milliseconds silence, std::size_t payload,
                           std::vector<std::chrono::steady_clock::duration>& samples) {
  for (std::size_t i = 0; i < count; ++i) {
    if (silence.count() > 0)
      std::this_thread::sleep_for(silence);
    auto before = std::chrono::steady_clock::now();
    auto echo = request();
    auto after = std::chrono::steady_clock::now();
    if (echo.size() != payload)
      throw std::runtime_error{"an echo of " + std::to_string(echo.size()) + " bytes"};
    samples.push_back(after - before);
  }
}

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
