#include <mailroom/actors/supervisor.hpp>

#include <mailroom/actors/root_supervisors.hpp>
#include <mailroom/actors/supervised_tree.hpp>
#include <mailroom/actors/supervisor_actor.hpp>

#include <future>

namespace mailroom {

namespace {

/// What becomes first of a supervisor: all its children are up, or it ends.
class outcome {
public:
  void is(expected<void> what) {
    if (!known_.exchange(true))
      promise_.set_value(std::move(what));
  }
  expected<void> wait() { return promise_.get_future().get(); }

private:
  std::atomic<bool> known_{false};
  std::promise<expected<void>> promise_;
};

} // namespace

expected<caf::actor> supervise(system& sys, const std::string& name, supervisor_spec what) {
  auto full = sys.process() + "/" + name;
  if (detail::must_not_block())
    return tl::unexpected{error{errc::would_block, full}};
  if (auto valid = validate(what, name); !valid)
    return tl::unexpected{valid.error()};
  auto first = std::make_shared<outcome>();
  caf::actor result;
  auto tree = std::make_shared<supervised_tree>(what.on_event);
  try {
    result = sys.extension<root_supervisors>().add(name, [&] {
      return caf::actor_cast<caf::actor>(sys.spawn<supervisor_actor>(
        name, supervisor_setup{&sys, name, std::make_shared<const supervisor_spec>(std::move(what)), std::move(tree),
                               true, [first] { first->is({}); }}));
    });
  } catch (const failure& known) {
    return tl::unexpected{known.why().about(full)};
  }
  caf::actor_cast<caf::strong_actor_ptr>(result)->get()->attach_functor([first, full](const caf::error& reason) {
    auto end = end_of_actor(reason, full);
    first->is(tl::unexpected{end.why.value_or(error{errc::shutting_down, full, "stopped before it was up"})});
  });
  if (auto up = first->wait(); !up)
    return tl::unexpected{up.error()};
  return result;
}

expected<std::vector<child_info>> which_children(system& sys, const destination& supervisor) {
  return sys.request<std::vector<child_info>>(supervisor, ask::which_children{});
}

expected<child_counts> count_children(system& sys, const destination& supervisor) {
  return sys.request<child_counts>(supervisor, ask::count_children{});
}

expected<tree_node> supervision_tree(system& sys, const destination& supervisor) {
  ask::supervision_tree what;
  // a little longer than it takes those below it to give up on theirs
  return sys.request<tree_node>(supervisor, std::chrono::milliseconds{what.milliseconds} * 5 / 4, what);
}

expected<void> terminate_child(system& sys, const destination& supervisor, const std::string& id) {
  return sys.request<void>(supervisor, supervisor_patience, ask::terminate_child{id});
}

expected<child_info> restart_child(system& sys, const destination& supervisor, const std::string& id) {
  return sys.request<child_info>(supervisor, supervisor_patience, ask::restart_child{id});
}

expected<void> delete_child(system& sys, const destination& supervisor, const std::string& id) {
  return sys.request<void>(supervisor, supervisor_patience, ask::delete_child{id});
}

expected<child_info> start_child(system& sys, const destination& supervisor, const child_spec& what) {
  auto name = supervisor.parsed() != nullptr ? to_string(*supervisor.parsed()) : std::string{supervisor.text()};
  if (detail::must_not_block())
    return tl::unexpected{error{errc::would_block, name}};
  expected<child_info> result = tl::unexpected{error{errc::no_such_mailbox, name}};
  caf::scoped_actor self{sys.actors()};
  self->request(sys.mailbox(supervisor), supervisor_patience, supervisor_events::add_child{what})
    .receive([&](child_info& up) { result = std::move(up); },
             [&](const caf::error& why) { result = tl::unexpected{error{why}.or_about(name)}; });
  return result;
}

} // namespace mailroom
