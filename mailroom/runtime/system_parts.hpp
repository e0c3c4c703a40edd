#pragma once
// What a system is made of, and how that is put together and taken apart again. Internal.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/name_claim.hpp>
#include <mailroom/runtime/origin.hpp>
#include <mailroom/runtime/run_gate.hpp>
#include <mailroom/runtime/system.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace mailroom {

/// What a system consists of, in the order of its making.
class system::parts {
public:
  using clock = std::chrono::steady_clock;

  parts(config settings, caf::actor_system_config* caf_settings);
  ~parts();

  core& hub() { return *hub_; }
  caf::actor_system& actors() { return *caf_; }
  run_gate& gate() { return *gate_; }

  /// The mailboxes whose actors run, and how many run without a name.
  std::vector<std::string> running();

  /// Asks each actor with a name to exit; those without hang on them, or on the program, and the children of supervisors on these.
  void ask_all_to_exit();

  /// Whether all actors had ended by `deadline`.
  bool await_actors(clock::time_point deadline);

  /// As `system::spawn_service`.
  caf::actor spawn_service(const mailbox_name& name, std::function<caf::behavior(caf::event_based_actor*)> what);

  /// As `system::extension`.
  void* extension(system& me, std::type_index which, std::shared_ptr<void> (*make)(system& me));

  /// After the last actor: goodbye to the peers, then the end of all that served them.
  void retire();

  /// Says goodbye to every peer and gives the kernel what was accepted, until `deadline`.
  void leave(clock::time_point deadline);

private:
  parts(std::unique_ptr<origin> from, config given, caf::actor_system_config* caf_settings);

  parts(config settings, std::unique_ptr<origin> from, caf::actor_system_config* caf_settings);

  /// A process does not outlive its supervisor's.
  void watch_parent();

  /// As by a signal; and the process has not got for ever.
  void orphaned();

  /// They are killed where they stand, which takes microseconds. Returns when whoever was attached to them was told.
  void end_services();

  std::unique_ptr<origin> origin_;
  endpoint where_;
  std::unique_ptr<name_claim> claim_;
  std::unique_ptr<run_gate> gate_;
  std::unique_ptr<caf::actor_system_config> own_settings_;
  std::unique_ptr<caf::actor_system> caf_;
  std::shared_ptr<core> hub_;
  std::shared_ptr<std::atomic<int>> running_services_ = std::make_shared<std::atomic<int>>(0);
  bool left_ = false;
  bool orphaned_ = false; // the I/O role's

  std::recursive_mutex extensions_mutex_;
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> extensions_; // in the order of their making
};

} // namespace mailroom
