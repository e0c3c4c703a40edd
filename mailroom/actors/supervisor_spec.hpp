#pragma once
// What a supervisor is told: its children, in the order in which they start, and what to do when one of them ends.

#include <mailroom/actors/process_spec.hpp>
#include <mailroom/actors/restart_policy.hpp>
#include <mailroom/runtime/system.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mailroom {

struct supervisor_spec;

/// What a child may say for itself beside what it is.
struct child_options {
  mailroom::restart restart = mailroom::restart::permanent;

  /// None: 5 s, and for supervisors infinity.
  std::optional<mailroom::shutdown> shutdown{};

  /// Its end counts for `supervisor_spec::auto_shutdown`. Not for permanent children.
  bool significant = false;

  /// How long it may take to be up; then its start has failed, and it is killed. None: 10 s, and for supervisors of this process for ever, since each
  /// of their children has its own time.
  std::optional<std::chrono::milliseconds> ready_within{};
};

/// One child. Made by `actor_child`, `process_child`, `remote_child` and `supervisor_child`.
class MAILROOM_EXPORT child_spec {
public:
  /// An actor of this process: how to spawn it. May throw.
  struct actor {
    struct start {
      std::string mailbox;         ///< its whole name, "root/ledger"
      caf::message arguments;      ///< of `start_child`, for a child of a template
      std::function<void()> on_up; ///< to be called once, on any thread, when the actor is ready for messages
    };
    std::function<caf::actor(system& sys, const start& how)> spawn;
  };
  /// A process.
  struct process {
    process_spec what;
  };
  /// An actor that the factory `factory` of the process `process` makes.
  struct remote {
    std::string process;
    std::string factory;
    std::vector<std::byte> arguments; ///< as the codec writes them
  };
  /// A supervisor of this process.
  struct supervisor {
    std::shared_ptr<const supervisor_spec> what;
  };
  using kind_type = std::variant<actor, process, remote, supervisor>;

  child_spec(std::string id, kind_type kind) : id_{std::move(id)}, kind_{std::move(kind)} {}

  /// The same child with these options.
  child_spec with(const child_options& options) const {
    auto result = *this;
    result.options_ = options;
    return result;
  }

  /// Unique among its siblings; a segment of a mailbox name. For a process it is the process's name too.
  const std::string& id() const noexcept { return id_; }
  const kind_type& kind() const noexcept { return kind_; }
  const child_options& options() const noexcept { return options_; }

  /// How it is stopped, with the default of its kind.
  mailroom::shutdown shutdown() const noexcept;

  /// How long it may take to be up, with the default of its kind; at most `longest_time`.
  std::chrono::milliseconds ready_within() const noexcept;

private:
  std::string id_;
  kind_type kind_;
  child_options options_;
};

/// What happened to a child, for whoever watches.
enum class supervision : std::uint8_t { up, ended };

struct supervision_event {
  std::string supervisor; ///< "bank/root"
  std::string child;      ///< its id
  supervision what;

  std::optional<error> why{}; ///< `ended`: nothing where it ended as it should or was told to
  std::uint64_t restarts = 0; ///< of this child by its supervisor so far, this one included
  std::uint32_t pid = 0;      ///< `up`: of a process
  std::chrono::nanoseconds
    took{}; ///< `up`: since its start began, or since the end of the life before; `ended`: how long it was up
};

struct supervisor_spec {
  mailroom::strategy strategy = mailroom::strategy::one_for_one;

  /// More restarts than this within `period` are too many: all children are stopped, and the supervisor fails. (OTP: 1 in 5 s.)
  unsigned intensity = 1;
  std::chrono::milliseconds period{5000};

  mailroom::backoff backoff{};
  mailroom::auto_shutdown auto_shutdown = mailroom::auto_shutdown::never;

  /// In the order in which they start. `simple_one_for_one`: the one template, of which none is started.
  std::vector<child_spec> children{};

  /// What the end of the topmost supervisor means, after its children have stopped, called on its thread. Empty: the process ends with
  /// exit code `exit_code_gave_up`, which the process above sees as its child's failure.
  std::function<void(const error& why)> on_give_up{};

  /// Of the topmost supervisor: told of each birth and death of a child in the tree, as far as it is in this process; one at a time, on the
  /// supervisors' threads. Must not block.
  std::function<void(const supervision_event& event)> on_event{};
};

/// The exit code of a process whose topmost supervisor gave up.
inline constexpr int exit_code_gave_up = 69;

/// Whether a supervisor could run this: ids that are legal and unique, significance that can count, a period, one template. The error
/// names the child and what is wrong with it.
MAILROOM_EXPORT expected<void> validate(const supervisor_spec& what);

/// The same for a supervisor with a mailbox of this name: its descendants' mailboxes have legal names too.
MAILROOM_EXPORT expected<void> validate(const supervisor_spec& what, const std::string& name);

} // namespace mailroom
