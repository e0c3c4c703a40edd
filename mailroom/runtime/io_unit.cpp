#include <mailroom/runtime/io_unit.hpp>

#include <mailroom/runtime/thread_usage.hpp>

namespace mailroom {

namespace {

/// Messages of one turn of an actor, how long it may go on with turns before reading has its own, and how long a turn of light handlers takes.
constexpr std::size_t messages_per_turn = 100;
constexpr std::chrono::microseconds longest_run{800};
constexpr std::chrono::microseconds light_turn{300};

/// Whether a run that took long did so because of the handlers, and not because another program had the core.
bool worked_long(const std::optional<thread_usage>& before, std::chrono::microseconds light) {
  if (!before)
    return true;
  auto after = thread_usage::now();
  return after->waits != before->waits || after->worked - before->worked > light;
}

} // namespace

void io_unit::exec_later(caf::resumable* actor) {
  if (run_where_read_ && loop_.here())
    loop_.offer({&run, &hand_over, this, actor});
  else
    hand_over(this, actor);
}

bool io_unit::run(void* unit, void* actor, std::chrono::steady_clock::time_point began) {
  auto* self = static_cast<io_unit*>(unit);
  auto* job = static_cast<caf::resumable*>(actor);
  auto usage = self->heavy_runs_ > 0 ? thread_usage::now() : std::nullopt; // a system call: for those under suspicion
  std::chrono::steady_clock::duration took{};
  int turns = 0;
  for (; took < longest_run; ++turns) {
    if (job->resume(self, messages_per_turn) != caf::resumable::resume_later) {
      // done, or waiting for its next message: the reference that came with the job ends here
      self->heavy_runs_ = 0;
      caf::intrusive_ptr_release(job);
      return false;
    }
    took = std::chrono::steady_clock::now() - began;
  }
  // what is handled about as fast as it is read stays here, since messages that change threads cost more than they take; what lasts goes to
  // the workers, and reading goes on beside it. One run tells nothing: the process may have stood still
  constexpr int patience = 4;
  auto light = turns * light_turn;
  self->heavy_runs_ = took > light && worked_long(usage, light) ? self->heavy_runs_ + 1 : 0;
  if (self->heavy_runs_ < patience)
    return true;
  self->heavy_runs_ = 0;
  hand_over(unit, actor);
  return false;
}

void io_unit::hand_over(void* unit, void* actor) {
  static_cast<io_unit*>(unit)->system().scheduler().enqueue(static_cast<caf::resumable*>(actor));
}

} // namespace mailroom
