#include <mailroom/actors/supervised_tree.hpp>

namespace mailroom {

supervised_tree::supervised_tree(std::function<void(const supervision_event&)> on_event)
  : on_event_{std::move(on_event)} {
  // nop
}

void supervised_tree::tell(const supervision_event& event) {
  if (!on_event_)
    return;
  std::lock_guard guard{telling_};
  try {
    on_event_(event);
  } catch (...) {
    // a watcher's trouble is no supervisor's
  }
}

process_keeper& supervised_tree::keeper() {
  std::lock_guard guard{mutex_};
  if (!keeper_)
    keeper_ = std::make_unique<process_keeper>();
  return *keeper_;
}

} // namespace mailroom
