#pragma once
// The mailbox that stands for a process itself: every process has `mailroom`, from its start to its goodbye. Who monitors it is told when
// the process stops, dies, hangs or cannot be reached any more. What else serves a process rather than its program lives below it, as in
// `mailroom/factories`; programs cannot take these names.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/message.hpp>
#include <mailroom/runtime/origin.hpp>
#include <mailroom/runtime/run_gate.hpp>

namespace mailroom {

/// Asks a process to stop as `system::stop` in a handler does: `run` returns. Obeyed where an actor of the process that started it asks
/// (MAILROOM_PARENT), else answered `denied`. The answer comes before the process stops: whether anybody is in `run`, or was (`bool`).
struct stop_process {
  template <class Archive> void serialize(Archive&) {}
};

/// Answered as soon as the process can be reached: with the pid of the process that started it as a supervisor's child (MAILROOM_PARENT_PID), or 0
/// (`std::uint32_t`). By it a child is told from an earlier one, whose supervisor died and which has still got the name.
struct greet_process {
  template <class Archive> void serialize(Archive&) {}
};

/// The name of that mailbox, and of all below it the first segment.
inline constexpr std::string_view process_mailbox = "mailroom";

/// Whether a mailbox name is out of programs' reach.
bool is_reserved(std::string_view mailbox) noexcept;

/// What the mailbox does. `gate` is opened for the process that `from` names.
caf::behavior serve_process(caf::event_based_actor* self, const std::string& process, run_gate& gate,
                            const origin& from);

} // namespace mailroom

MAILROOM_EXTERN_MESSAGE(mailroom::stop_process, "mailroom.stop")
MAILROOM_EXTERN_MESSAGE(mailroom::greet_process, "mailroom.greet")
