#pragma once
// What a supervisor can be asked, in its mailbox, by actors anywhere. `self->request(root, 1s, mailroom::ask::which_children{})`. Plain threads
// have the functions of supervisor.hpp.

#include <mailroom/runtime/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mailroom {

enum class child_kind : std::uint8_t { actor, process, remote, supervisor };

enum class child_phase : std::uint8_t {
  stopped,  ///< not running, and not about to
  starting, ///< begun, and not up yet
  up,
  restarting, ///< it ended, and waits for its next start
  stopping
};

/// A child as it is now.
struct child_info {
  std::string id;
  child_kind kind = child_kind::actor;
  child_phase phase = child_phase::stopped;
  std::string address;        ///< where to write to: "bank/root/ledger", or a process's name
  std::uint64_t restarts = 0; ///< by its supervisor, since that one began
  std::uint32_t pid = 0;      ///< of a process that runs
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(id), CEREAL_NVP(kind), CEREAL_NVP(phase), CEREAL_NVP(address), CEREAL_NVP(restarts), CEREAL_NVP(pid));
  }
};

/// (OTP: count_children.)
struct child_counts {
  std::uint64_t specs = 0;  ///< a template counts once
  std::uint64_t active = 0; ///< children that are up
  std::uint64_t supervisors = 0;
  std::uint64_t workers = 0; ///< children that are no supervisors
  friend bool operator==(const child_counts&, const child_counts&) = default;
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(specs), CEREAL_NVP(active), CEREAL_NVP(supervisors), CEREAL_NVP(workers));
  }
};

/// A child with all that is below it.
struct tree_node {
  child_info about;
  std::vector<tree_node> children;
  std::string error; ///< why nothing is known of what is below
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(about), CEREAL_NVP(children), CEREAL_NVP(error));
  }
};

namespace ask {

/// Answered by `std::vector<child_info>`, in the order of their start.
struct which_children {
  template <class Archive> void serialize(Archive&) {}
};

/// Answered by `child_counts`.
struct count_children {
  template <class Archive> void serialize(Archive&) {}
};

/// Answered by `tree_node`: the supervisor itself with all that is below it, over all processes.
struct supervision_tree {
  std::uint32_t milliseconds = 5000; ///< after which it answers without those who have not; less for each level below
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(milliseconds)); }
};

/// Stops a child. Answered, with nothing, when it has ended. A temporary one and one of a template are forgotten.
struct terminate_child {
  std::string id;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(id)); }
};

/// Starts a child that is stopped. Answered by `child_info` when it is up.
struct restart_child {
  std::string id;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(id)); }
};

/// Forgets a child that is stopped. Answered with nothing.
struct delete_child {
  std::string id;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(id)); }
};

/// Starts one more child of a template. Answered by `child_info` when it is up.
struct start_child {
  std::vector<std::byte> arguments; ///< as the codec writes them; empty for none
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(arguments)); }
};

} // namespace ask

/// "starting", ...
MAILROOM_EXPORT std::string_view to_string(child_phase value) noexcept;
MAILROOM_EXPORT std::string_view to_string(child_kind value) noexcept;

/// A tree as indented lines.
MAILROOM_EXPORT std::string to_string(const tree_node& root);

} // namespace mailroom

MAILROOM_CLOSED_ENUM(mailroom::child_kind, actor, supervisor)
MAILROOM_CLOSED_ENUM(mailroom::child_phase, stopped, stopping)
MAILROOM_EXTERN_MESSAGE(mailroom::child_info, "mailroom.supervisor.child", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::child_counts, "mailroom.supervisor.counts", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::tree_node, "mailroom.supervisor.tree", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::which_children, "mailroom.supervisor.which_children", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::count_children, "mailroom.supervisor.count_children", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::supervision_tree, "mailroom.supervisor.supervision_tree", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::terminate_child, "mailroom.supervisor.terminate_child", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::restart_child, "mailroom.supervisor.restart_child", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::delete_child, "mailroom.supervisor.delete_child", MAILROOM_EXPORT)
MAILROOM_EXTERN_MESSAGE(mailroom::ask::start_child, "mailroom.supervisor.start_child", MAILROOM_EXPORT)
