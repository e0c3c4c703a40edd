#include <mailroom/runtime/once_event.hpp>

namespace mailroom {

void once_event::happen() {
  {
    std::lock_guard guard{mutex_};
    happened_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

bool once_event::wait_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock guard{mutex_};
  return changed_.wait_until(guard, deadline, [this] { return happened(); });
}

} // namespace mailroom
