#include <mailroom/actors/supervisor_messages.hpp>

namespace mailroom {

std::string_view to_string(child_phase value) noexcept {
  switch (value) {
    case child_phase::stopped:
      return "stopped";
    case child_phase::starting:
      return "starting";
    case child_phase::up:
      return "up";
    case child_phase::restarting:
      return "restarting";
    case child_phase::stopping:
      return "stopping";
  }
  return "unknown";
}

std::string_view to_string(child_kind value) noexcept {
  switch (value) {
    case child_kind::actor:
      return "actor";
    case child_kind::process:
      return "process";
    case child_kind::remote:
      return "remote actor";
    case child_kind::supervisor:
      return "supervisor";
  }
  return "unknown";
}

namespace {

void append(std::string& text, const tree_node& node, std::size_t depth) {
  auto& about = node.about;
  text.append(2 * depth, ' ') += about.address;
  text.append("  ").append(to_string(about.kind)).append(", ").append(to_string(about.phase));
  if (about.pid != 0)
    text += ", process " + std::to_string(about.pid);
  if (about.restarts != 0)
    text += ", restarts: " + std::to_string(about.restarts);
  if (!node.error.empty())
    text += ", below: " + node.error;
  text += '\n';
  for (auto& each : node.children)
    append(text, each, depth + 1);
}

} // namespace

std::string to_string(const tree_node& root) {
  std::string result;
  append(result, root, 0);
  return result;
}

} // namespace mailroom

MAILROOM_INSTANTIATE_MESSAGE(mailroom::child_info)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::child_counts)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::tree_node)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::which_children)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::count_children)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::supervision_tree)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::terminate_child)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::restart_child)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::delete_child)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::ask::start_child)
