#include <mailroom/actors/root_supervisors.hpp>

#include <mailroom/actors/tree_request.hpp>

namespace mailroom {

root_supervisors::root_supervisors(system& sys) {
  constexpr std::string_view parent = "mailroom/";
  sys.spawn_service(mailbox.substr(parent.size()), [this, &sys](caf::event_based_actor* self) -> caf::behavior {
    self->set_exit_handler([](caf::scheduled_actor*, caf::exit_msg&) {});
    return {
      [this, self, &sys](const ask::supervision_tree& what) {
        tree_node root;
        root.about.id = sys.process();
        root.about.kind = child_kind::process;
        root.about.phase = child_phase::up;
        root.about.address = sys.process();
        std::vector<tree_branch> branches;
        for (auto& name : names()) {
          auto address = sys.process() + "/" + name;
          branches.push_back({root.children.size(), address});
          root.children.push_back({{name, child_kind::supervisor, child_phase::up, address, 0, 0}, {}, {}});
        }
        answer_tree(self, sys, std::move(root), branches, what.milliseconds);
      },
    };
  });
}

caf::actor root_supervisors::add(const std::string& name, const std::function<caf::actor()>& make) {
  caf::actor result;
  {
    std::lock_guard guard{table_->mutex};
    result = make();
    table_->names.insert(name);
  }
  // at once where it has ended already
  result->attach_functor([table = table_, name] {
    std::lock_guard guard{table->mutex};
    table->names.erase(table->names.find(name));
  });
  return result;
}

std::set<std::string> root_supervisors::names() const {
  std::lock_guard guard{table_->mutex};
  return {table_->names.begin(), table_->names.end()};
}

} // namespace mailroom
