#include <mailroom/actors/restart_policy.hpp>

#include <algorithm>
#include <cmath>

namespace mailroom {

bool restart_history::add(time_point now) {
  while (!restarts_.empty() && now - restarts_.front() > period_)
    restarts_.pop_front();
  restarts_.push_back(now);
  if (restarts_.size() <= intensity_)
    return true;
  restarts_.pop_front();
  return false;
}

std::chrono::milliseconds backoff_state::next(std::chrono::milliseconds ran, double chance) {
  auto most = std::max(rules_.first, rules_.most);
  if (pause_.count() == 0 || ran >= rules_.quiet)
    pause_ = rules_.first;
  else
    pause_ = pause_ > most / 2 ? most : 2 * pause_;
  pause_ = std::min(pause_, longest_time);
  auto factor = 1 + rules_.jitter * (2 * chance - 1);
  return std::chrono::milliseconds{std::llround(static_cast<double>(pause_.count()) * factor)};
}

namespace {

/// Whether a child that ended so is to run again. A restart that failed is tried again, whatever the child's kind: it was to run.
bool runs_again(restart kind, ending how) {
  switch (kind) {
    case restart::permanent:
      return true;
    case restart::transient:
      return how != ending::as_it_should;
    case restart::temporary:
      break;
  }
  return false;
}

bool ends_supervisor(auto_shutdown ends, std::span<const child_state> children, std::size_t which) {
  if (!children[which].significant)
    return false;
  switch (ends) {
    case auto_shutdown::any_significant:
      return true;
    case auto_shutdown::all_significant:
      for (std::size_t i = 0; i < children.size(); ++i)
        if (i != which && children[i].significant && children[i].lives)
          return false;
      return true;
    case auto_shutdown::never:
      break;
  }
  return false;
}

} // namespace

decision decide(strategy rule, auto_shutdown ends, std::span<const child_state> children, std::size_t which, ending how,
                restart_history& history, restart_history::time_point now) {
  using action = decision::action;
  auto kind = children[which].restart;
  if (!runs_again(kind, how)) {
    if (ends_supervisor(ends, children, which))
      return {action::shut_down};
    return {kind == restart::temporary ? action::forget : action::leave};
  }
  if (!history.add(now))
    return {action::give_up};
  switch (rule) {
    case strategy::one_for_all:
      return {action::restart, 0, children.size()};
    case strategy::rest_for_one:
      return {action::restart, which, children.size()};
    case strategy::one_for_one:
    case strategy::simple_one_for_one:
      break;
  }
  return {action::restart, which, which + 1};
}

} // namespace mailroom
