#include <mailroom/actors/tree_request.hpp>

namespace mailroom {

void answer_tree(caf::event_based_actor* self, system& sys, tree_node root, const std::vector<tree_branch>& branches,
                 std::uint32_t milliseconds) {
  struct collected {
    tree_node node;
    caf::response_promise whom;
    std::size_t missing;
  };
  auto all = std::make_shared<collected>(collected{std::move(root), self->make_response_promise(), branches.size()});
  if (branches.empty()) {
    all->whom.deliver(std::move(all->node));
    return;
  }
  for (auto& each : branches) {
    auto got = [all, i = each.index](auto put) {
      put(all->node.children[i]);
      if (--all->missing == 0)
        all->whom.deliver(std::move(all->node));
    };
    self
      ->request(sys.mailbox(each.mailbox), std::chrono::milliseconds{milliseconds},
                ask::supervision_tree{milliseconds / 5 * 4})
      .then(
        [got](tree_node& below) {
          got([&](tree_node& here) {
            here.children = std::move(below.children);
            here.error = std::move(below.error);
          });
        },
        [got](const caf::error& why) {
          got([&](tree_node& here) {
            // a process without supervisors has nothing below it
            if (here.about.kind != child_kind::process || error{why}.code() != errc::no_such_mailbox)
              here.error = to_string(error{why});
          });
        });
  }
}

} // namespace mailroom
