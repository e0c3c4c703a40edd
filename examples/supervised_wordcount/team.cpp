#include "team.hpp"

#include "child_process.hpp"

namespace wordcount {

team::team(std::size_t workers, std::function<void(const mailroom::supervision_event&)> listen)
  : listen_{std::move(listen)} {
  for (std::size_t number = 1; number <= workers; ++number)
    names_.push_back("worker-" + std::to_string(number));
}

void team::start(mailroom::system& sys, const std::vector<std::string>& arguments,
                 std::function<void(const mailroom::error&)> give_up) {
  mailroom::supervisor_spec spec;
  // more than anybody kills by hand: a worker that cannot live at all still ends the run
  spec.intensity = 100;
  spec.period = std::chrono::seconds{5};
  spec.on_event = [this](const mailroom::supervision_event& event) { note(event); };
  spec.on_give_up = std::move(give_up);
  auto all = arguments;
  all.insert(all.end(), {"--as-worker"});
  for (auto& name : names_)
    spec.children.push_back(mailroom::process_child(
      name, {.program = examples::this_program(), .arguments = all, .output = mailroom::child_output::inherited}));
  if (auto up = mailroom::supervise(sys, "team", spec); !up)
    throw mailroom::failure{up.error()};
}

bool team::kill(std::size_t number) {
  std::lock_guard guard{mutex_};
  auto found = pids_.find(names_[number]);
  if (found == pids_.end())
    return false;
  examples::kill_process(found->second);
  pids_.erase(found);
  return true;
}

void team::note(const mailroom::supervision_event& event) {
  {
    std::lock_guard guard{mutex_};
    if (event.what == mailroom::supervision::up)
      pids_[event.child] = event.pid;
    else
      pids_.erase(event.child);
  }
  listen_(event);
}

} // namespace wordcount
