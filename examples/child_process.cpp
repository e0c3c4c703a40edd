#include "child_process.hpp"

#include <thread>

namespace examples {

std::optional<std::string> child_process::read_line(std::chrono::milliseconds patience) {
  for (;;) {
    if (auto end = unread_.find('\n'); end != std::string::npos) {
      auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    if (!read_more(patience))
      return std::nullopt;
  }
}

void child_process::end() noexcept {
  terminate();
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{3};
  while (running()) {
    if (std::chrono::steady_clock::now() > deadline)
      kill();
    std::this_thread::sleep_for(std::chrono::milliseconds{1}); // there is no wait with a time limit on both systems
  }
}

} // namespace examples
