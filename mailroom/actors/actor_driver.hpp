#pragma once
// A life of an actor of this process, with a mailbox name: it is asked and killed by exit messages, and its end is heard from CAF.

#include <mailroom/actors/child_driver.hpp>

namespace mailroom {

class actor_driver final : public child_driver {
public:
  using spawn_function = std::function<caf::actor(system&, const child_spec::actor::start&)>;

  actor_driver(child_context context, spawn_function spawn, std::chrono::milliseconds kill_takes);
  ~actor_driver() override;

  void start() override;
  void ask_to_end() override;
  void kill() override;
  std::chrono::milliseconds kill_takes() const override { return kill_takes_; }
  bool is_supervisor() const override { return std::holds_alternative<child_spec::supervisor>(context_.spec->kind()); }
  caf::actor_id actor() const override { return actor_ ? actor_.id() : 0; }

private:
  child_context context_;
  spawn_function spawn_;
  std::chrono::milliseconds kill_takes_;
  caf::actor actor_;
};

} // namespace mailroom
