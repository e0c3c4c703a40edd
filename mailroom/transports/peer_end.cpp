#include <mailroom/transports/peer_end.hpp>

#include <string>

namespace mailroom {

error connection_lost() {
  return error{errc::process_down, {}, "process down: the connection was lost"}.because(down_cause::disconnected);
}

error peer_ended(const std::optional<process_exit>& how) {
  std::string text = "process down: it died";
  if (how && how->signal != 0)
    text = "process down: killed by signal " + std::to_string(how->signal);
  else if (how)
    text = "process down: it exited with code " + std::to_string(how->code);
  return error{errc::process_down, {}, std::move(text)}.because(down_cause::exited, how);
}

} // namespace mailroom
