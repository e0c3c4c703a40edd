#pragma once
// The execution unit of the I/O role: an actor that a frame made ready runs where the frame was read, if nothing speaks against it.

#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/io_loop.hpp>

namespace mailroom {

class io_unit final : public caf::execution_unit {
public:
  io_unit(caf::actor_system& actors, io_loop& loop, bool run_where_read)
    : caf::execution_unit{&actors}, loop_{loop}, run_where_read_{run_where_read} {}

  /// During a round of frames: offers the actor to the loop. Else, as from an actor that runs here and sends on: to CAF's workers.
  void exec_later(caf::resumable* actor) override;

private:
  static bool run(void* unit, void* actor, std::chrono::steady_clock::time_point began);
  static void hand_over(void* unit, void* actor);

  io_loop& loop_;
  bool run_where_read_;
  int heavy_runs_ = 0; // in a row; of whoever runs an actor here
};

} // namespace mailroom
