#include <mailroom/actors/supervisor_actor.hpp>

#include <mailroom/actors/supervised_tree.hpp>
#include <mailroom/runtime/delivery.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <algorithm>

namespace mailroom {

namespace {

child_kind kind_of(const child_spec& spec) {
  if (std::holds_alternative<child_spec::process>(spec.kind()))
    return child_kind::process;
  if (std::holds_alternative<child_spec::remote>(spec.kind()))
    return child_kind::remote;
  if (std::holds_alternative<child_spec::supervisor>(spec.kind()))
    return child_kind::supervisor;
  return child_kind::actor;
}

/// How many children that have ended are known by their actors: what their links say comes a moment later, if at all.
constexpr std::size_t most_former = 256;

std::string in_milliseconds(std::chrono::milliseconds value) {
  return std::to_string(value.count()) + " ms";
}

} // namespace

supervisor_actor::supervisor_actor(caf::actor_config& cfg, supervisor_setup setup)
  : caf::event_based_actor{cfg},
    sys_{*setup.sys},
    name_{std::move(setup.name)},
    spec_{std::move(setup.spec)},
    tree_{std::move(setup.tree)},
    topmost_{setup.topmost},
    on_all_up_{std::move(setup.on_up)},
    history_{spec_->intensity, spec_->period},
    random_{static_cast<std::minstd_rand::result_type>(clock::now().time_since_epoch().count())} {
  // nop
}

caf::behavior supervisor_actor::make_behavior() {
  namespace events = supervisor_events;
  set_exit_handler([this](caf::exit_msg& what) { on_exit_message(what); });
  set_down_handler([](caf::scheduled_actor*, caf::down_msg&) {});
  set_error_handler([](caf::scheduled_actor*, caf::error&) {}); // the default would end it
  if (!simple())
    for (auto& each : spec_->children)
      put(std::make_shared<const child_spec>(each), each.id()).wanted = true;
  act();
  return {
    [this](const events::child_up& what) { on_up(what); },
    [this](const events::child_ended& what) { on_ended(what); },
    [this](const events::wake& what) { on_wake(what); },
    [this](const events::kill&) {
      killing_ = true;
      shut_down(caf::make_error(caf::exit_reason::kill));
      act();
    },
    [this](const events::add_child& what) { add(what.what); },
    [this](const ask::which_children&) { answer_which(); },
    [this](const ask::count_children&) { answer_count(); },
    [this](const ask::supervision_tree& what) { answer_tree(what.milliseconds); },
    [this](const ask::terminate_child& what) { terminate(what.id); },
    [this](const ask::restart_child& what) { start_again(what.id); },
    [this](const ask::delete_child& what) { forget(what.id); },
    [this](const ask::start_child& what) { add_of_template(what.arguments); },
  };
}

void supervisor_actor::on_exit() {
  // after `finish` there is nothing left to do; an exception gets here with children
  error gone{errc::no_such_mailbox, full(name_), "no such mailbox: the supervisor has ended"};
  for (auto& each : children_) {
    tell(each->when_up, gone);
    tell(each->when_ended, gone);
  }
  by_life_.clear();
  by_id_.clear();
  children_.clear(); // a driver kills what lives
  on_all_up_ = nullptr;
  tree_.reset();
}

void supervisor_actor::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
  // CAF ends an actor at once that is killed. A supervisor ends its children first, or the next one would meet them
  if (dynamic_cast<delivery*>(what.get()) == nullptr && what->content().match_elements<caf::exit_msg>()
      && what->content().get_as<caf::exit_msg>(0).reason == caf::exit_reason::kill)
    what = caf::make_mailbox_element(what->sender, caf::make_message_id(), {}, supervisor_events::kill{});
  caf::event_based_actor::enqueue(std::move(what), unit);
}

// -- events -------------------------------------------------------------------------------------------------------------------

void supervisor_actor::on_up(const supervisor_events::child_up& what) {
  auto* it = find_life(what.life);
  if (it == nullptr || it->stopping != stage::none)
    return; // too late, or not wanted any more
  it->up = true;
  it->up_since = clock::now();
  it->where = what.where;
  it->deadline.reset();
  it->forget = it->forget && it->must_end();
  it->why = cause::restart; // whatever starts it from here on
  tell_event(*it, supervision::up, it->up_since - it->down_since);
  for (auto& each : std::exchange(it->when_up, {}))
    each.deliver(describe(*it));
  act();
}

void supervisor_actor::on_ended(const supervisor_events::child_ended& what) {
  auto* it = find_life(what.life);
  if (it == nullptr)
    return;
  if (auto actor = it->life->actor(); actor != 0) {
    former_.push_back(actor);
    if (former_.size() > most_former)
      former_.pop_front();
  }
  by_life_.erase(it->number);
  auto as_meant = it->must_end();
  auto was_up = std::exchange(it->up, false);
  auto late = std::exchange(it->too_late, std::nullopt);
  it->down_since = clock::now();
  if (was_up)
    tell_event(*it, supervision::ended, it->down_since - it->up_since,
               as_meant || !what.how.why ? std::nullopt : std::optional{about(*it, *what.how.why)});
  it->life.reset();
  it->stopping = stage::none;
  it->deadline.reset();
  it->at_once = false;
  it->recycle = false;
  for (auto& each : std::exchange(it->when_ended, {}))
    each.deliver(caf::unit);
  if (as_meant) {
    if (!it->wanted)
      tell(it->when_up, {errc::cancelled, full(mailbox_of(it->id)), "stopped before it was up"});
    if (it->forget && !ending_)
      erase(*it);
  } else if (sys_.stopping()) {
    shut_down(caf::make_error(caf::exit_reason::user_shutdown)); // that it ends is no surprise any more
  } else if (was_up) {
    apply_policy(*it, what.how.how, what.how.why);
  } else {
    not_started(*it, late ? *late : what.how.why.value_or(error{errc::remote_error, {}, "it ended before it was up"}));
  }
  act();
}

void supervisor_actor::on_exit_message(const caf::exit_msg& what) {
  if (!what.reason || what.reason == caf::exit_reason::normal)
    return;
  auto source = what.source ? what.source.id() : caf::invalid_actor_id;
  auto is_it = [&](auto& each) { return each.second->life->actor() == source; };
  if (source != caf::invalid_actor_id
      && (std::find(former_.begin(), former_.end(), source) != former_.end()
          || std::any_of(by_life_.begin(), by_life_.end(), is_it)))
    return; // a child that is linked: what it means is the rules' matter
  if (what.reason.category() != caf::atom("exit")) {
    // not an order, but somebody's failure, who is linked: a child of another process, or a stranger
    say(level::warning,
        full(name_) + " goes on, though one that is linked to it failed: " + to_string(error{what.reason}));
    return;
  }
  shut_down(what.reason);
  act();
}

void supervisor_actor::on_wake(const supervisor_events::wake& what) {
  auto now = clock::now();
  if (wakes_at_ == what.when)
    wakes_at_.reset(); // else an earlier one has taken its place
  std::optional<clock::time_point> next;
  for (auto& each : children_) {
    if (each->deadline && *each->deadline <= now)
      on_deadline(*each);
    if (each->deadline && (!next || *each->deadline < *next))
      next = each->deadline;
  }
  if (next)
    wake_at(*next);
  act();
}

void supervisor_actor::on_deadline(child& whom) {
  whom.deadline.reset();
  if (!whom.life)
    return;
  if (whom.stopping == stage::none) {
    whom.too_late = error{errc::timeout, full(mailbox_of(whom.id)),
                          "it was not up within " + in_milliseconds(whom.spec->ready_within())};
    kill(whom);
  } else if (whom.stopping == stage::asked) {
    say(level::info, full(mailbox_of(whom.id)) + " did not end within " + in_milliseconds(whom.spec->shutdown().grace())
                       + ": it is killed");
    kill(whom);
  } else {
    error stuck{errc::remote_error, full(mailbox_of(whom.id)),
                "it does not end, not even when killed: a handler of it does not return"};
    by_life_.erase(whom.number);
    whom.life.reset();
    whom.up = false;
    tell(whom.when_ended, stuck);
    give_up(std::move(stuck));
  }
}

// -- rules --------------------------------------------------------------------------------------------------------------------

void supervisor_actor::not_started(child& whom, const error& why) {
  if (whom.why == cause::request) {
    tell(whom.when_up, about(whom, why));
    whom.wanted = false;
    if (whom.forget)
      erase(whom);
  } else if (whom.why == cause::first && starting_) {
    give_up(about(whom, why));
  } else {
    apply_policy(whom, ending::not_started, why);
  }
}

void supervisor_actor::apply_policy(child& whom, ending how, const std::optional<error>& why) {
  using action = decision::action;
  auto now = clock::now();
  auto state_of = [](const child& each) {
    auto& options = each.spec->options();
    return child_state{options.restart, options.significant, each.wanted || each.life};
  };
  // among the children of a template the others matter for one thing only
  auto alone = simple() && spec_->auto_shutdown != auto_shutdown::all_significant;
  std::vector<child_state> states;
  if (alone)
    states.push_back(state_of(whom));
  else
    for (auto& each : children_)
      states.push_back(state_of(*each));
  auto which = alone ? 0 : index_of(whom);
  auto offset = alone ? index_of(whom) : 0;
  auto what = decide(spec_->strategy, spec_->auto_shutdown, states, which, how, history_, now);
  auto words = why ? to_string(about(whom, *why)) : full(mailbox_of(whom.id)) + " ended as it should";
  auto severity = how == ending::as_it_should ? level::info : level::warning;
  switch (what.what) {
    case action::restart: {
      auto ran = how == ending::not_started ? clock::duration{0} : now - whom.up_since;
      std::uniform_real_distribution<double> chance{0, 1};
      auto pause = whom.pause.next(std::chrono::duration_cast<std::chrono::milliseconds>(ran), chance(random_));
      say(severity, words
                      + (pause.count() > 0 ? "; it is started again in " + in_milliseconds(pause)
                                           : std::string{"; it is started again"}));
      restart_children(offset + what.first, offset + what.last, pause.count() > 0 ? now + pause : clock::time_point{});
      break;
    }
    case action::leave:
      say(severity, words);
      whom.wanted = false;
      break;
    case action::forget:
      say(severity, words);
      erase(whom);
      break;
    case action::shut_down:
      say(severity, words + "; " + full(name_) + " ends with it");
      shut_down(caf::make_error(caf::exit_reason::user_shutdown));
      break;
    case action::give_up:
      give_up({errc::remote_error, full(name_),
               "more than " + std::to_string(spec_->intensity) + " restarts within " + in_milliseconds(spec_->period)
                 + ", the last: " + words});
  }
}

void supervisor_actor::restart_children(std::size_t first, std::size_t last, clock::time_point not_before) {
  for (auto i = last; i-- > first;) {
    auto& each = *children_[i];
    if (each.kind_is(restart::temporary)) {
      each.wanted = false;
      each.forget = true;
      if (!each.life)
        erase(each);
      continue;
    }
    each.wanted = true;
    each.recycle = each.life != nullptr;
    each.forget = false;
    each.not_before = not_before;
    each.at_once = false;
    if (!starting_ || each.why != cause::first)
      each.why = cause::restart;
  }
}

void supervisor_actor::shut_down(caf::error reason) {
  if (!ending_ || (killing_ && !failure_))
    reason_ = std::move(reason);
  if (std::exchange(ending_, true))
    return;
  for (auto& each : children_) {
    each->wanted = false;
    each->recycle = false;
    tell(each->when_up, {errc::shutting_down, full(mailbox_of(each->id)), "the supervisor is ending"});
  }
}

void supervisor_actor::give_up(error why) {
  if (!failure_)
    failure_ = std::move(why);
  shut_down(failure_->to_caf());
}

// -- steps --------------------------------------------------------------------------------------------------------------------

void supervisor_actor::act() {
  if (getf(is_shutting_down_flag))
    return;
  auto waits = end_next();
  if (ending_) {
    if (by_life_.empty())
      finish();
    return;
  }
  if (!waits)
    start_next();
  auto first = [](auto& each) { return each->wanted && each->why == cause::first && !each->up; };
  if (starting_ && std::none_of(children_.begin(), children_.end(), first)) {
    starting_ = false;
    if (auto tell_it = std::exchange(on_all_up_, nullptr))
      tell_it();
  }
}

bool supervisor_actor::end_next() {
  auto together = simple() || killing_;
  auto waits = false;
  for (auto i = children_.size(); i-- > 0;) {
    auto& each = *children_[i];
    if (!each.must_end() || (each.at_once && !ending_))
      continue;
    if (together || !waits)
      stop(each);
    waits = true;
  }
  return waits;
}

void supervisor_actor::start_next() {
  auto now = clock::now();
  auto one_by_one = starting_ || spec_->strategy == strategy::one_for_all || spec_->strategy == strategy::rest_for_one;
  for (auto& each : children_) {
    if (!each->wanted)
      continue;
    if (!each->life) {
      if (each->not_before <= now)
        start(*each);
      else
        wake_at(each->not_before);
    }
    if (one_by_one && !each->up)
      return;
  }
}

void supervisor_actor::start(child& whom) {
  whom.number = ++last_life_;
  whom.too_late.reset();
  whom.deadline = clock::now() + whom.spec->ready_within();
  wake_at(*whom.deadline);
  if (whom.why == cause::restart)
    ++whom.restarts;
  else
    whom.down_since = clock::now();
  child_reports reports{this, whom.number};
  whom.life = make_child_driver({sys_, whom.spec, mailbox_of(whom.id), whom.id, whom.arguments, reports, tree_});
  by_life_.emplace(whom.number, &whom);
  try {
    whom.life->start();
  } catch (const failure& known) {
    reports.ended({ending::failed, known.why()});
  } catch (...) {
    reports.ended({ending::failed, error{detail::describe_exception(std::current_exception())}});
  }
}

void supervisor_actor::stop(child& whom) {
  auto how = whom.spec->shutdown();
  if (whom.stopping == stage::killed || (whom.stopping == stage::asked && !killing_))
    return;
  if (killing_ || how.kills_at_once()) {
    kill(whom);
    return;
  }
  whom.stopping = stage::asked;
  whom.deadline.reset();
  if (!how.waits_for_ever()) {
    whom.deadline = clock::now() + how.grace();
    wake_at(*whom.deadline);
  }
  whom.life->ask_to_end();
}

void supervisor_actor::kill(child& whom) {
  whom.stopping = stage::killed;
  whom.deadline.reset();
  if (auto patience = whom.life->kill_takes(); patience != std::chrono::milliseconds::max()) {
    whom.deadline = clock::now() + patience;
    wake_at(*whom.deadline);
  }
  whom.life->kill();
}

void supervisor_actor::finish() {
  if (failure_ && topmost_ && !starting_ && !sys_.stopping()) {
    say(level::error, to_string(*failure_) + "; " + full(name_) + " gives up");
    if (!spec_->on_give_up)
      end_this_process(exit_code_gave_up);
    try {
      spec_->on_give_up(*failure_);
    } catch (...) {
      say(level::error,
          full(name_) + ": on_give_up: " + error{detail::describe_exception(std::current_exception())}.cause());
    }
  }
  quit(failure_ ? failure_->to_caf() : reason_);
}

void supervisor_actor::wake_at(clock::time_point when) {
  if (wakes_at_ && *wakes_at_ <= when)
    return;
  wakes_at_ = when;
  delayed_send(this, std::max(when - clock::now(), clock::duration{0}), supervisor_events::wake{when});
}

// -- children -----------------------------------------------------------------------------------------------------------------

supervisor_actor::child& supervisor_actor::put(std::shared_ptr<const child_spec> spec, std::string id) {
  auto& fresh = *children_.emplace_back(std::make_unique<child>(std::move(spec), std::move(id), spec_->backoff));
  by_id_.emplace(fresh.id, &fresh);
  return fresh;
}

void supervisor_actor::erase(child& whom) {
  tell(whom.when_up, {errc::cancelled, full(mailbox_of(whom.id)), "it is no child any more"});
  by_id_.erase(whom.id);
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index_of(whom)));
}

supervisor_actor::child* supervisor_actor::find(const std::string& id) {
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

supervisor_actor::child* supervisor_actor::find_life(std::uint64_t number) {
  auto found = by_life_.find(number);
  return found == by_life_.end() ? nullptr : found->second;
}

std::size_t supervisor_actor::index_of(const child& whom) const {
  auto found = std::find_if(children_.begin(), children_.end(), [&](auto& each) { return each.get() == &whom; });
  return static_cast<std::size_t>(found - children_.begin());
}

child_info supervisor_actor::describe(const child& whom) const {
  child_info result;
  result.id = whom.id;
  result.kind = kind_of(*whom.spec);
  result.address = !whom.where.empty()                  ? whom.where
                   : result.kind == child_kind::process ? whom.id
                                                        : full(mailbox_of(whom.id));
  result.restarts = whom.restarts;
  if (whom.life) {
    result.pid = whom.life->pid();
    result.phase = whom.must_end() || whom.stopping != stage::none ? child_phase::stopping
                   : whom.up                                       ? child_phase::up
                                                                   : child_phase::starting;
  } else if (whom.wanted) {
    result.phase = whom.why == cause::restart ? child_phase::restarting : child_phase::starting;
  }
  return result;
}

void supervisor_actor::tell_event(const child& whom, supervision what, clock::duration took, std::optional<error> why) {
  supervision_event event{full(name_), whom.id, what, std::move(why), whom.restarts, 0, took};
  if (what == supervision::up)
    event.pid = whom.life->pid();
  tree_->tell(event);
}

std::string supervisor_actor::full(const std::string& mailbox) const {
  return sys_.process() + "/" + mailbox;
}

error supervisor_actor::about(const child& whom, const error& why) const {
  auto mailbox = mailbox_of(whom.id);
  auto name = full(mailbox);
  auto& subject = why.subject();
  if (subject.starts_with(name) && (subject.size() == name.size() || subject[name.size()] == '/'))
    return why;
  if (subject.empty() || subject == mailbox || subject == whom.id)
    return why.about(name);
  return error{why.code(), name, to_string(why)}.because(why.why_down(), exit_status(why));
}

void supervisor_actor::tell(std::vector<promise>& whom, const error& why) {
  for (auto& each : std::exchange(whom, {}))
    each.deliver(why.to_caf());
}

error supervisor_actor::no_child(const std::string& id) const {
  return {errc::no_such_mailbox, full(name_), "no such child: " + id};
}

void supervisor_actor::say(level value, const std::string& text) const {
  if (!sys_.stopping())
    sys_.log(value, text);
}

} // namespace mailroom
