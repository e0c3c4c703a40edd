#pragma once
// What the supervisors of one tree share, as far as it is in this process.

#include <mailroom/actors/child_process.hpp>
#include <mailroom/actors/supervisor_spec.hpp>

#include <memory>
#include <mutex>

namespace mailroom {

/// Any thread. Ends with the last supervisor of the tree.
class supervised_tree {
public:
  /// `on_event`: the topmost supervisor's.
  explicit supervised_tree(std::function<void(const supervision_event&)> on_event = {});

  /// The keeper of the tree's processes, made when it is first needed.
  process_keeper& keeper();

  /// Tells whoever watches; what he throws is dropped.
  void tell(const supervision_event& event);

private:
  std::function<void(const supervision_event&)> on_event_;
  std::mutex telling_;
  std::mutex mutex_;
  std::unique_ptr<process_keeper> keeper_;
};

} // namespace mailroom
