#include <mailroom/runtime/process_mailbox.hpp>

#include <mailroom/runtime/remote_mailbox.hpp>

namespace mailroom {

bool is_reserved(std::string_view mailbox) noexcept {
  return mailbox.substr(0, mailbox.find('/')) == process_mailbox;
}

caf::behavior serve_process(caf::event_based_actor* self, const std::string& process, run_gate& gate,
                            const origin& from) {
  self->set_exit_handler([](caf::scheduled_actor*, caf::exit_msg&) {}); // it stays until the goodbye
  return {
    [=, &gate, parent = from.parent()](const stop_process&) {
      auto sender = self->current_sender(); // a promise takes it away
      auto whom = self->make_response_promise();
      auto* handle = sender ? dynamic_cast<remote_mailbox*>(sender->get()) : nullptr;
      if (parent.empty() || handle == nullptr || handle->target().process() != parent)
        return whom.deliver(
          error{errc::denied, process, "denied: only the process that started it may stop it"}.to_caf());
      whom.deliver(gate.was_awaited()); // while there is a connection
      gate.open();
    },
    [pid = from.parent_pid()](const greet_process&) { return pid; },
  };
}

} // namespace mailroom

MAILROOM_INSTANTIATE_MESSAGE(mailroom::stop_process)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::greet_process)
