#include <mailroom/actors/child_driver.hpp>

#include <mailroom/actors/supervisor_events.hpp>

namespace mailroom {

child_end end_of_actor(const caf::error& reason, const std::string& who) {
  if (!reason)
    return {};
  if (reason.category() == caf::atom("exit")) {
    switch (static_cast<caf::exit_reason>(reason.code())) {
      case caf::exit_reason::normal:
      case caf::exit_reason::user_shutdown:
        return {};
      case caf::exit_reason::kill:
        return {ending::killed, error{errc::remote_error, who, "killed"}};
      default:
        break;
    }
  }
  return {ending::failed, error{reason}.or_about(who)};
}

void child_reports::up(std::string where) const {
  if (auto to = caf::actor_cast<caf::actor>(supervisor_))
    caf::anon_send(to, supervisor_events::child_up{life_, std::move(where)});
}

void child_reports::ended(child_end how) const {
  if (auto to = caf::actor_cast<caf::actor>(supervisor_))
    caf::anon_send(to, supervisor_events::child_ended{life_, std::move(how)});
}

std::unique_ptr<child_driver> make_child_driver(child_context context) {
  auto& kind = context.spec->kind();
  if (std::holds_alternative<child_spec::process>(kind))
    return make_process_driver(std::move(context));
  if (std::holds_alternative<child_spec::remote>(kind))
    return make_remote_driver(std::move(context));
  if (std::holds_alternative<child_spec::supervisor>(kind))
    return make_supervisor_driver(std::move(context));
  return make_actor_driver(std::move(context));
}

} // namespace mailroom
