#pragma once
// The mailboxes of this process: by name while their actor lives, and by number once their address has gone out.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/caf_version.hpp>

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace mailroom {

class core;

/// What to call a mailbox in a log line: "ledger" or "#7". Who has it may outlive the mailbox.
using mailbox_label = std::shared_ptr<const std::string>;

/// One mailbox as messages see it: where to put them, and what to call it.
struct local_mailbox {
  std::shared_ptr<core> home; ///< where its messages are counted
  mailbox_label label;
  caf::strong_actor_ptr actor;
  bool supervised = false; ///< somebody else sees to its end: see `system::leave_to_supervisor`
  bool is_service =
    false; ///< it serves the process, not its program: nobody waits for it, and it is there until the end
};

using local_mailbox_ptr = std::shared_ptr<const local_mailbox>;

/// Any thread. Actors with a name are kept alive until they end or are unbound; those with a number are not.
class mailbox_table {
public:
  /// Whose mailboxes they are: of those that are entered from here on, until `close`. First of all.
  void belongs_to(const std::shared_ptr<core>& home) { home_ = home; }

  /// Fails with `name_taken`, or `shutting_down` after `close`. Whoever binds must call `remove` when the actor ends.
  expected<void> bind(const mailbox_name& name, caf::strong_actor_ptr actor);

  /// The same for a service.
  expected<void> bind_service(const mailbox_name& name, caf::strong_actor_ptr actor);

  /// Takes a name, with nobody behind it, until `bind` or `remove`.
  expected<void> reserve(const mailbox_name& name);

  /// Says that somebody else sees to the end of `actor`; nothing where the name is not its.
  void supervised(const std::string& name, const caf::actor_addr& actor);

  /// Where `actor` is given: only while the name is still its. Returns whether there was something to remove.
  bool remove(const std::string& name, const caf::actor_addr& actor = {});

  /// The number of `actor`; the first call for an actor enters it.
  std::uint64_t number_of(const caf::strong_actor_ptr& actor);

  /// The name of `actor`; empty for none.
  std::string name_of(const caf::actor_addr& actor) const;

  /// Null where there is none.
  local_mailbox_ptr find(std::string_view name) const;
  local_mailbox_ptr find(std::uint64_t number) const;

  /// Changes with every name that comes or goes.
  std::uint64_t version() const noexcept { return version_; }

  /// All names with an actor behind them, but for those of services; and those.
  std::vector<local_mailbox_ptr> named() const { return all(false); }
  std::vector<local_mailbox_ptr> services() const { return all(true); }

  /// Forgets everything, and refuses new names.
  void close();

private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  local_mailbox_ptr make(std::string label, caf::strong_actor_ptr actor, bool is_service = false) const;
  expected<void> put(const mailbox_name& name, local_mailbox_ptr entry);
  std::vector<local_mailbox_ptr> all(bool services) const;

  std::weak_ptr<core> home_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, local_mailbox_ptr, hash, std::equal_to<>> names_;
  std::unordered_map<std::uint64_t, caf::weak_actor_ptr> numbers_;
  std::size_t sweep_at_ = 1024;
  bool closed_ = false;
  std::atomic<std::uint64_t> version_{0};
};

/// Finds named mailboxes as the table does, and the same one again without the table's lock. One thread at a time. Keeps no actor alive.
class mailbox_finder {
public:
  explicit mailbox_finder(const mailbox_table& table) : table_{table} {}

  local_mailbox_ptr find(std::string_view name);

private:
  const mailbox_table& table_;
  std::uint64_t version_ = 0;
  std::string name_;
  std::weak_ptr<const local_mailbox> last_;
};

} // namespace mailroom
