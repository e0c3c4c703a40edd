// A supervised process that does what a test tells it. obedient DIRECTORY, where the files are: see supervised.hpp and obedient_process.hpp.

#include <mailroom/mailroom.hpp>

#include <support/deeds.hpp>
#include <support/obedient_process.hpp>
#include <support/supervised.hpp>

#include <cstdlib>

namespace {

std::atomic<bool> stubborn{false};

caf::behavior child(caf::event_based_actor*, mailroom::system* sys) {
  return {[sys](const test::command& told) {
    if (told.what == "crash")
      std::abort();
    if (told.what == "throw")
      throw std::runtime_error{"told to throw"};
    if (told.what == "stubborn")
      stubborn = true;
    else
      sys->stop();
  }};
}

} // namespace

int main(int, char* argv[]) {
  test::told_by_files told{argv[1]};
  auto* name = std::getenv("MAILROOM_PROCESS");
  if (name == nullptr)
    return 2;
  std::string id{name};
  if (!test::hold_for_life(told.path("life-" + id))) {
    told.event("two lives");
    return 5;
  }
  told.await_clear("hold-start-" + id);
  if (auto left = told.number("fail-" + id); left > 0) {
    told.number("fail-" + id, left - 1);
    return 3;
  }
  told.event("+" + id); // before it can be reached, and so before the next child starts
  {
    mailroom::system sys;
    sys.spawn("child", child, &sys);
    if (told.is_set("supervises-" + id)) {
      mailroom::supervisor_spec inner{.intensity = 0, .children = {mailroom::actor_child("x", child, &sys)}};
      if (!mailroom::supervise(sys, "inner", inner))
        return 4;
    }
    sys.run();
    if (told.is_set("hold-end-" + id))
      told.event("asked " + id);
    while (stubborn)
      std::this_thread::sleep_for(std::chrono::hours{1}); // only a kill ends it
    told.await_clear("hold-end-" + id);
  }
  told.event("-" + id);
}
