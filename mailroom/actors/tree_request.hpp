#pragma once
// The question for a whole tree, passed on to those below and put together from their answers.

#include <mailroom/actors/supervisor_messages.hpp>
#include <mailroom/runtime/system.hpp>

namespace mailroom {

/// Somebody below: the child of the root at `index`, and the mailbox that knows what is under it.
struct tree_branch {
  std::size_t index;
  std::string mailbox;
};

/// Answers the request that `self` is handling by `root` with what the branches say, each within `milliseconds`, and less further down.
void answer_tree(caf::event_based_actor* self, system& sys, tree_node root, const std::vector<tree_branch>& branches,
                 std::uint32_t milliseconds);

} // namespace mailroom
