#pragma once
// How a supervisor drives a child of any kind: it makes a driver for each life of a child, and the driver tells what becomes of it. All of
// it is asynchronous, so that a supervisor answers questions meanwhile. One file for each kind of child, and the rules in none of them.

#include <mailroom/actors/supervisor_spec.hpp>

#include <memory>
#include <string>

namespace mailroom {

class supervised_tree;

/// How a life ended: as the policy sees it, and in words. No words where it ended as it should.
struct child_end {
  ending how = ending::as_it_should;
  std::optional<error> why{};
};

/// What the end of an actor means, or of a mailbox elsewhere. `who` stands in the words where the reason names nobody.
MAILROOM_EXPORT child_end end_of_actor(const caf::error& reason, const std::string& who);

/// Where a driver tells of one life: the supervisor's mailbox. Any thread, and for as long as one likes: what comes after the end, or after the
/// supervisor's own end, is dropped. Cheap to copy.
class MAILROOM_EXPORT child_reports {
public:
  child_reports(const caf::actor& supervisor, std::uint64_t life)
    : supervisor_{caf::actor_cast<caf::weak_actor_ptr>(supervisor)}, life_{life} {}

  /// It is up: ready for its siblings. `where` is what others write to it under: "bank/root/ledger", or a process's name.
  void up(std::string where) const;

  /// The last word, due for each life that was started, also for one that never came up: nothing is left of it, neither it nor its name.
  void ended(child_end how) const;

private:
  caf::weak_actor_ptr supervisor_;
  std::uint64_t life_;
};

/// What a driver is made with.
struct child_context {
  system& sys;
  std::shared_ptr<const child_spec> spec;
  std::string mailbox;    ///< "root/ledger": the supervisor's name and the child's id
  std::string id;         ///< the spec's; of a child of a template, one of its own
  caf::message arguments; ///< of `start_child`, for a child of a template: after those of the spec
  child_reports reports;
  std::shared_ptr<supervised_tree> tree; ///< what the supervisors of this process share
};

/// One life of one child. The supervisor calls it, on its own thread, and never waits for it. It may be destroyed at any time, with a child that
/// still lives: then it kills it.
class child_driver {
public:
  virtual ~child_driver() = default;

  /// Once, first. Begins; `reports` tell the rest.
  virtual void start() = 0;

  /// Asks it to end; at most once. May come before it is up.
  virtual void ask_to_end() = 0;

  /// Ends it without its help.
  virtual void kill() = 0;

  /// How long `kill` may take before the supervisor gives up.
  virtual std::chrono::milliseconds kill_takes() const { return std::chrono::milliseconds{1000}; }

  /// Of a child that is an actor: what links to it say is not meant as an order to the supervisor.
  virtual caf::actor_id actor() const { return 0; }

  /// Whether the child, once it is up, can be asked what is below it.
  virtual bool is_supervisor() const { return false; }

  /// Of a child process that runs; 0: none.
  virtual std::uint32_t pid() const { return 0; }
};

/// By the kind of the child.
std::unique_ptr<child_driver> make_child_driver(child_context context);

std::unique_ptr<child_driver> make_actor_driver(child_context context);
std::unique_ptr<child_driver> make_process_driver(child_context context);
std::unique_ptr<child_driver> make_remote_driver(child_context context);
std::unique_ptr<child_driver> make_supervisor_driver(child_context context);

} // namespace mailroom
