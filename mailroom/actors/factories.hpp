#pragma once
// The factories of this process, and the service that makes their children. Each child has an owner in its supervisor's process, and there is never more
// than one in a mailbox: the next one begins when the last one has ended.

#include <mailroom/actors/child_driver.hpp>
#include <mailroom/actors/factory_messages.hpp>
#include <mailroom/actors/supervisor_events.hpp>

#include <map>
#include <mutex>

namespace mailroom {

/// What is offered. Any thread. An extension of the system.
class factories {
public:
  struct factory {
    std::shared_ptr<const child_spec> what;
    std::string takes; ///< the types of its arguments
  };

  /// Starts the service.
  explicit factories(system& sys);

  /// Fails with `name_taken`.
  expected<void> add(child_spec what, std::string takes);

  std::optional<factory> find(const std::string& name) const;

  /// "cache, team"; "nothing" for none.
  std::string names() const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, factory> by_name_;
};

/// The children that the service has made. On its actor.
class made_children {
public:
  made_children(caf::event_based_actor* self, system& sys, const factories& from)
    : self_{self}, sys_{sys}, factories_{from} {}

  caf::behavior behavior();

private:
  /// A child that somebody wants.
  struct order {
    factory_messages::make what;
    caf::strong_actor_ptr owner;                 ///< none: it has gone
    caf::response_promise whom;                  ///< pending until the child is up
    std::vector<caf::response_promise> enders{}; ///< who is told of its end
  };

  struct child {
    order of;
    bool is_supervisor = false;
    std::unique_ptr<child_driver> driver;
    std::uint64_t number = 0;
    bool up = false;
    std::optional<order> next; ///< of the same mailbox, when this one has ended
  };

  /// A child that ended before its owner's question for that had come.
  struct unheard {
    order of;
    factory_messages::gone last;
  };

  void make(const factory_messages::make& what);
  void stop(const factory_messages::stop& what);
  void watch(const factory_messages::watch& what);
  void on_up(const supervisor_events::child_up& what);
  void on_ended(const supervisor_events::child_ended& what);
  void on_down(const caf::down_msg& what);
  void on_overdue(std::uint64_t number);

  void start(const std::string& mailbox, order what);
  void end_soon(child& whom);
  void let_go(order& whose);
  child* find(std::uint64_t number);

  caf::event_based_actor* self_;
  system& sys_;
  const factories& factories_;
  std::map<std::string, child> children_; ///< by mailbox
  std::vector<unheard> unheard_;
  std::uint64_t last_number_ = 0;
};

} // namespace mailroom
