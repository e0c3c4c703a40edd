#include <mailroom/actors/actor_driver.hpp>
#include <mailroom/actors/supervisor_actor.hpp>

namespace mailroom {

// A supervisor below another one is an actor like others, but for two things: it is up when all its children are, and it can be relied on to end
// when it is killed, since it waits for none of its own children for longer than it takes to give up.
std::unique_ptr<child_driver> make_supervisor_driver(child_context context) {
  auto spec = std::get<child_spec::supervisor>(context.spec->kind()).what;
  auto spawn = [spec, tree = context.tree](system& sys, const child_spec::actor::start& how) {
    return sys.spawn<supervisor_actor>(how.mailbox, supervisor_setup{&sys, how.mailbox, spec, tree, false, how.on_up});
  };
  return std::make_unique<actor_driver>(std::move(context), std::move(spawn), std::chrono::milliseconds::max());
}

} // namespace mailroom
