#pragma once
// Supervisors: trees of actors, processes and supervisors that heal themselves by OTP's rules. docs/supervision.md says them.
//
// The functions here are for plain threads and actors with a thread of their own, and wait; in a handler that shares its thread they fail with
// `would_block`. There an actor sends the messages of supervisor_messages.hpp.

#include <mailroom/actors/child_specs.hpp>
#include <mailroom/actors/supervisor_messages.hpp>

namespace mailroom {

/// How long the functions below wait for an answer.
inline constexpr std::chrono::milliseconds supervisor_patience{60'000};

/// Starts a supervisor in the mailbox `name` and its children in their order. Returns when all are up. Where one fails to start, those before it
/// are stopped again, and the error names it: "bank/root/cache: no such factory". The supervisor ends, with its children, by an exit message or at `system::stop`.
MAILROOM_EXPORT expected<caf::actor> supervise(system& sys, const std::string& name, supervisor_spec what);

/// The children in the order of their start, of a supervisor anywhere.
MAILROOM_EXPORT expected<std::vector<child_info>> which_children(system& sys, const destination& supervisor);

MAILROOM_EXPORT expected<child_counts> count_children(system& sys, const destination& supervisor);

/// The supervisor with all that is below it, over all processes.
MAILROOM_EXPORT expected<tree_node> supervision_tree(system& sys, const destination& supervisor);

/// Stops a child and returns when it has ended. It stays known, unless it is temporary or of a template. `no_such_mailbox` for none of that id.
MAILROOM_EXPORT expected<void> terminate_child(system& sys, const destination& supervisor, const std::string& id);

/// Starts a child that is stopped and returns when it is up. Fails, with what it is doing, for one that is not stopped.
MAILROOM_EXPORT expected<child_info> restart_child(system& sys, const destination& supervisor, const std::string& id);

/// Forgets a child that is stopped.
MAILROOM_EXPORT expected<void> delete_child(system& sys, const destination& supervisor, const std::string& id);

/// Adds a child to a supervisor of this process and returns when it is up; where it fails to start it is not added. `name_taken`: there is one of
/// that id. Not for `simple_one_for_one`.
MAILROOM_EXPORT expected<child_info> start_child(system& sys, const destination& supervisor, const child_spec& what);

/// Starts one more child of the template of a `simple_one_for_one` supervisor anywhere, with these arguments, which are messages, after those
/// of the template. Returns when it is up; its id is the template's with a number.
template <class... Ts>
expected<child_info> start_child(system& sys, const destination& supervisor,
                                 const Ts&... arguments) requires(!(std::is_same_v<Ts, child_spec> || ...)) {
  ask::start_child what;
  auto encode = [&](const auto&... each) -> expected<void> {
    return value_payload<std::decay_t<decltype(each)>...>{each...}.encode(what.arguments);
  };
  if constexpr (sizeof...(Ts) > 0)
    if (auto encoded = encode(detail::as_value(arguments)...); !encoded)
      return tl::unexpected{encoded.error()};
  return sys.request<child_info>(supervisor, supervisor_patience, what);
}

} // namespace mailroom
