#include <mailroom/actors/factories.hpp>

#include <mailroom/actors/factory.hpp>
#include <mailroom/actors/supervised_tree.hpp>
#include <mailroom/runtime/codec.hpp>
#include <mailroom/runtime/process_mailbox.hpp>

#include <algorithm>

namespace mailroom {

namespace {

namespace says = factory_messages;

/// How long a child that nobody owns any more has to end by itself.
constexpr std::chrono::seconds orphan_grace{1};

/// A child's time to end by itself is over. Never leaves the process.
struct overdue {
  std::uint64_t number;
};

/// About the child as its supervisor names it.
caf::error refusal(const says::make& what, errc code, std::string why = {}) {
  auto id = what.mailbox.substr(what.mailbox.rfind('/') + 1); // all of it where there is no '/'
  return error{code, what.supervisor + "/" + id, std::move(why)}.to_caf();
}

} // namespace

} // namespace mailroom

template <> struct caf::allowed_unsafe_message_type<mailroom::overdue> : std::true_type {};

namespace mailroom {

// -- what is offered ----------------------------------------------------------------------------------------------------------

factories::factories(system& sys) {
  constexpr std::string_view parent = "mailroom/";
  sys.spawn_service(says::mailbox.substr(parent.size()), [this, &sys](caf::event_based_actor* self) {
    auto children = std::make_shared<made_children>(self, sys, *this);
    // the behavior keeps it, for as long as the service lives
    auto result = children->behavior();
    self->attach_functor([children] {});
    return result;
  });
}

expected<void> factories::add(child_spec what, std::string takes) {
  auto name = what.id();
  if (auto legal = mailbox_name::parse(name); !legal)
    return tl::unexpected{legal.error()};
  std::lock_guard guard{mutex_};
  factory fresh{std::make_shared<const child_spec>(std::move(what)), std::move(takes)};
  if (!by_name_.emplace(name, std::move(fresh)).second)
    return tl::unexpected{error{errc::name_taken, name, "there is such a factory already"}};
  return {};
}

std::optional<factories::factory> factories::find(const std::string& name) const {
  std::lock_guard guard{mutex_};
  auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional{found->second};
}

std::string factories::names() const {
  std::lock_guard guard{mutex_};
  std::string result;
  for (auto& [name, each] : by_name_)
    result += (result.empty() ? "" : ", ") + name;
  return result.empty() ? "nothing" : result;
}

namespace detail {

expected<void> offer(system& sys, child_spec what, std::string takes) {
  if (sys.stopping())
    return tl::unexpected{error{errc::shutting_down, what.id()}};
  try {
    return sys.extension<factories>().add(std::move(what), std::move(takes));
  } catch (const failure& known) {
    return tl::unexpected{known.why()};
  }
}

std::string wire_name(std::type_index type) {
  auto* known = codec::find_type(type);
  return known != nullptr ? known->name : std::string{"a type without a name"};
}

std::vector<std::byte> encode_arguments(const std::string& child, const payload& what) {
  std::vector<std::byte> result;
  if (auto encoded = what.encode(result); !encoded)
    throw failure{encoded.error().about(child)};
  return result;
}

} // namespace detail

expected<void> offer_supervisor(system& sys, std::string name, supervisor_spec what) {
  if (auto valid = validate(what, name); !valid)
    return tl::unexpected{valid.error()};
  return detail::offer(sys, supervisor_child(std::move(name), std::move(what)), {});
}

// -- what is made -------------------------------------------------------------------------------------------------------------

caf::behavior made_children::behavior() {
  self_->set_down_handler([this](caf::scheduled_actor*, caf::down_msg& what) { on_down(what); });
  self_->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
  // the process stops: this serves on until the children, which `stop` waits for, have ended
  self_->set_exit_handler([this](caf::scheduled_actor*, caf::exit_msg&) {
    for (auto& [mailbox, each] : children_)
      each.driver->ask_to_end();
  });
  return {
    [this](const says::make& what) { make(what); },
    [this](const says::stop& what) { stop(what); },
    [this](const says::watch& what) { watch(what); },
    [this](const supervisor_events::child_up& what) { on_up(what); },
    [this](const supervisor_events::child_ended& what) { on_ended(what); },
    [this](const overdue& what) { on_overdue(what.number); },
  };
}

void made_children::make(const says::make& what) {
  order fresh{what, self_->current_sender(), self_->make_response_promise()};
  if (!fresh.owner) {
    fresh.whom.deliver(refusal(what, errc::denied, "denied: a child belongs to an actor, and a thread is none"));
    return;
  }
  auto legal = mailbox_name::parse(what.mailbox);
  if (!legal || what.mailbox.find('/') == std::string::npos || is_reserved(what.mailbox)) {
    fresh.whom.deliver(refusal(what, errc::invalid_address,
                               "invalid address: not the mailbox of a supervisor's child: " + what.mailbox));
    return;
  }
  if (sys_.stopping()) {
    fresh.whom.deliver(refusal(what, errc::shutting_down));
    return;
  }
  auto found = children_.find(what.mailbox);
  if (found == children_.end()) {
    self_->monitor(caf::actor_cast<caf::actor>(fresh.owner));
    start(what.mailbox, std::move(fresh));
    return;
  }
  auto& old = found->second;
  if (old.of.what.supervisor != what.supervisor) {
    fresh.whom.deliver(
      refusal(what, errc::name_taken,
              "name taken: " + sys_.process() + "/" + what.mailbox + " is a child of " + old.of.what.supervisor));
    return;
  }
  // its supervisor has lost sight of the one that is there
  self_->monitor(caf::actor_cast<caf::actor>(fresh.owner));
  if (old.next)
    let_go(*old.next);
  old.next = std::move(fresh);
  end_soon(old);
}

void made_children::start(const std::string& mailbox, order what) {
  auto from = factories_.find(what.what.factory);
  auto given = what.what.arguments.empty() ? expected<caf::message>{} : codec::decode(what.what.arguments);
  auto refuse = [&](const caf::error& why) {
    what.whom.deliver(why);
    let_go(what);
  };
  if (!from)
    return refuse(
      refusal(what.what, errc::no_such_mailbox,
              "no such factory: " + sys_.process() + " offers " + factories_.names() + ", not " + what.what.factory));
  auto takes = [&] { return "factory " + what.what.factory + " takes (" + from->takes + ")"; };
  if (!given)
    return refuse(refusal(what.what, given.error().code(), given.error().cause() + ": " + takes()));
  auto types = given->empty() ? std::string{} : codec::describe(*given);
  if (types != from->takes)
    return refuse(refusal(what.what, errc::unexpected_message,
                          "unexpected arguments: " + takes() + ", and was given (" + types + ")"));
  auto& fresh = children_[mailbox];
  fresh.of = std::move(what);
  fresh.is_supervisor = std::holds_alternative<child_spec::supervisor>(from->what->kind());
  fresh.number = ++last_number_;
  child_reports reports{caf::actor_cast<caf::actor>(self_), fresh.number};
  auto id = mailbox.substr(mailbox.rfind('/') + 1);
  fresh.driver =
    make_child_driver({sys_, from->what, mailbox, id, *std::move(given), reports, std::make_shared<supervised_tree>()});
  try {
    fresh.driver->start();
  } catch (const failure& known) {
    reports.ended({ending::not_started, known.why()});
  } catch (...) {
    reports.ended({ending::not_started, error{detail::describe_exception(std::current_exception())}});
  }
}

void made_children::stop(const says::stop& what) {
  auto owner = self_->current_sender(); // a promise takes it away
  auto whom = self_->make_response_promise();
  auto meant = [&](const order& each) { return each.what.life == what.life && each.owner == owner; };
  auto found = children_.find(what.mailbox);
  if (found != children_.end() && meant(found->second.of)) {
    auto& it = found->second;
    it.of.enders.push_back(std::move(whom));
    if (what.kill)
      it.driver->kill();
    else
      it.driver->ask_to_end();
  } else if (found != children_.end() && found->second.next && meant(*found->second.next)) {
    let_go(*found->second.next);
    found->second.next.reset();
    whom.deliver(says::gone{what.life});
  } else {
    whom.deliver(error{errc::no_such_mailbox, what.mailbox}.to_caf());
  }
}

void made_children::watch(const says::watch& what) {
  auto owner = self_->current_sender();
  auto whom = self_->make_response_promise();
  auto meant = [&](const order& each) { return each.what.life == what.life && each.owner == owner; };
  auto early = std::ranges::find_if(unheard_, [&](const unheard& each) { return meant(each.of); });
  if (early != unheard_.end()) {
    whom.deliver(early->last);
    let_go(early->of);
    unheard_.erase(early);
    return;
  }
  auto found = children_.find(what.mailbox);
  if (found != children_.end() && meant(found->second.of))
    found->second.of.enders.push_back(std::move(whom));
  else if (found != children_.end() && found->second.next && meant(*found->second.next))
    found->second.next->enders.push_back(std::move(whom));
  else
    whom.deliver(error{errc::no_such_mailbox, what.mailbox}.to_caf());
}

void made_children::on_up(const supervisor_events::child_up& what) {
  auto* it = find(what.life);
  if (it == nullptr)
    return;
  it->up = true;
  it->of.whom.deliver(says::made{what.where, it->is_supervisor});
}

void made_children::on_ended(const supervisor_events::child_ended& what) {
  auto* it = find(what.life);
  if (it == nullptr)
    return;
  auto& [how, why] = what.how;
  says::gone last{it->of.what.life, how};
  if (why) {
    last.code = why->code();
    last.subject = why->subject();
    last.cause = why->cause();
  }
  auto mailbox = it->of.what.mailbox;
  auto next = std::move(it->next);
  auto is_unheard = it->up && it->of.owner && it->of.enders.empty();
  if (!it->up)
    it->of.whom.deliver(why.value_or(error{errc::remote_error, {}, "it ended before it was up"}).to_caf());
  for (auto& each : std::exchange(it->of.enders, {}))
    each.deliver(last);
  if (is_unheard)
    unheard_.push_back({std::move(it->of), std::move(last)});
  else
    let_go(it->of);
  children_.erase(mailbox);
  if (next)
    start(mailbox, *std::move(next));
}

/// An owner is gone, or its process, or the connection to it: its children have nobody any more.
void made_children::on_down(const caf::down_msg& what) {
  auto is_it = [&](const order& each) { return each.owner && each.owner->address() == what.source; };
  std::erase_if(unheard_, [&](const unheard& each) { return is_it(each.of); });
  for (auto& [mailbox, each] : children_) {
    if (each.next && is_it(*each.next)) {
      each.next->whom.deliver(refusal(each.next->what, errc::cancelled));
      each.next.reset();
    }
    if (is_it(each.of)) {
      each.of.owner = nullptr;
      end_soon(each);
    }
  }
}

void made_children::on_overdue(std::uint64_t number) {
  if (auto* it = find(number))
    it->driver->kill();
}

void made_children::end_soon(child& whom) {
  whom.driver->ask_to_end();
  self_->delayed_send(self_, orphan_grace, overdue{whom.number});
}

/// Hears of the owner no longer, and answers it where that is due.
void made_children::let_go(order& whose) {
  if (whose.whom.pending())
    whose.whom.deliver(refusal(whose.what, errc::cancelled));
  for (auto& each : std::exchange(whose.enders, {}))
    each.deliver(says::gone{whose.what.life});
  if (auto owner = std::exchange(whose.owner, nullptr))
    self_->demonitor(owner->address());
}

made_children::child* made_children::find(std::uint64_t number) {
  for (auto& [mailbox, each] : children_)
    if (each.number == number)
      return &each;
  return nullptr;
}

} // namespace mailroom
