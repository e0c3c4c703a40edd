#include <mailroom/actors/actor_driver.hpp>

namespace mailroom {

actor_driver::actor_driver(child_context context, spawn_function spawn, std::chrono::milliseconds kill_takes)
  : context_{std::move(context)}, spawn_{std::move(spawn)}, kill_takes_{kill_takes} {
  // nop
}

actor_driver::~actor_driver() {
  kill();
}

void actor_driver::start() {
  auto where = context_.sys.process() + "/" + context_.mailbox;
  auto up = [reports = context_.reports, where] { reports.up(where); };
  actor_ = spawn_(context_.sys, {context_.mailbox, context_.arguments, std::move(up)});
  context_.sys.leave_to_supervisor(context_.mailbox, actor_);
  // an actor that has ended already calls back at once
  caf::actor_cast<caf::strong_actor_ptr>(actor_)->get()->attach_functor(
    [reports = context_.reports, where](const caf::error& reason) { reports.ended(end_of_actor(reason, where)); });
}

void actor_driver::ask_to_end() {
  if (actor_)
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
}

void actor_driver::kill() {
  if (actor_)
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
}

std::unique_ptr<child_driver> make_actor_driver(child_context context) {
  auto spawn = std::get<child_spec::actor>(context.spec->kind()).spawn;
  // a handler that does not return cannot be ended: a supervisor must not wait for it
  return std::make_unique<actor_driver>(std::move(context), std::move(spawn), std::chrono::seconds{1});
}

} // namespace mailroom
