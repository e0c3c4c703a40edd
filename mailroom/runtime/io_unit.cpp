#include <mailroom/runtime/io_unit.hpp>

namespace mailroom {

namespace {

/// Messages that one turn of an actor may handle before others get theirs.
constexpr std::size_t messages_per_turn = 300;

} // namespace

void io_unit::exec_later(caf::resumable* actor) {
  if (run_where_read_ && loop_.here())
    loop_.offer({&run, &hand_over, this, actor});
  else
    hand_over(this, actor);
}

void io_unit::run(void* unit, void* actor) {
  auto* job = static_cast<caf::resumable*>(actor);
  switch (job->resume(static_cast<io_unit*>(unit), messages_per_turn)) {
    case caf::resumable::resume_later:
      hand_over(unit, actor);
      break;
    default:
      // done, or waiting for its next message: the reference that came with the job ends here
      caf::intrusive_ptr_release(job);
  }
}

void io_unit::hand_over(void* unit, void* actor) {
  static_cast<io_unit*>(unit)->system().scheduler().enqueue(static_cast<caf::resumable*>(actor));
}

} // namespace mailroom
