#include <mailroom/runtime/remote_mailbox.hpp>

#include <mailroom/runtime/delivery.hpp>

namespace mailroom {

caf::strong_actor_ptr remote_mailbox::make(core& where, mailroom::address target, std::shared_ptr<transport_actor> peer,
                                           std::optional<error> flaw) {
  caf::actor_config cfg;
  auto& actors = where.actors();
  return caf::make_actor<remote_mailbox, caf::strong_actor_ptr>(actors.next_actor_id(), actors.node(), &actors, cfg,
                                                                where.shared_from_this(), std::move(target),
                                                                std::move(peer), std::move(flaw));
}

remote_mailbox::remote_mailbox(caf::actor_config& cfg, std::shared_ptr<core> where, mailroom::address target,
                               std::shared_ptr<transport_actor> peer, std::optional<error> flaw)
  : caf::actor_proxy{cfg},
    core_{std::move(where)},
    target_{std::move(target)},
    peer_{std::move(peer)},
    flaw_{std::move(flaw)} {
  // nop
}

// -- messages -----------------------------------------------------------------------------------------------------------------

void remote_mailbox::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
  if (what->mid.is_response())
    return; // an answer to a request of that mailbox goes its own way: see open_request
  auto& content = what->content();
  if (content.match_elements<caf::exit_msg>()) {
    if (!core_->closed() && !flaw_)
      forward_exit(content.get_as<caf::exit_msg>(0), what->sender, unit);
    return;
  }
  ++core_->count().sent;
  if (core_->closed())
    refuse(*what, {errc::shutting_down, to_string(target_), "shutting down: the system is gone"}, unit);
  else if (flaw_)
    refuse(*what, *flaw_, unit);
  else if (peer_ == nullptr)
    enqueue_here(std::move(what), unit);
  else
    enqueue_there(std::move(what), unit);
}

void remote_mailbox::enqueue_here(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
  auto to = find_here();
  if (!to) {
    refuse(*what, {errc::no_such_mailbox, to_string(target_)}, unit);
    return;
  }
  auto sender = what->sender;
  auto id = what->mid;
  if (id.is_request()) {
    local_origin origin{sender, id, std::move(what->stages)};
    deliver_request(std::move(to), std::move(sender), id, what->move_content_to_message(), std::move(origin), unit);
  } else {
    deliver(std::move(to), std::move(sender), id, what->move_content_to_message(), unit);
  }
}

void remote_mailbox::enqueue_there(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
  outgoing out{{target_.mailbox(), target_.number()},
               target_.life(),
               core_->number_of(what->sender),
               what->mid.is_urgent_message()};
  tuple_payload values{what->content()};
  expected<void> result;
  if (what->mid.is_request()) {
    auto sent = peer_->request(out, values, actor_requester{{what->sender, what->mid, what->stages}, self()}, {});
    if (!sent)
      result = tl::unexpected{sent.error()};
  } else {
    result = peer_->send(out, values, {});
  }
  if (!result)
    refuse(*what, result.error().about(to_string(target_)), unit);
}

void remote_mailbox::refuse(caf::mailbox_element& what, const error& why, caf::execution_unit* unit) {
  if (what.mid.is_request()) {
    ++core_->count().rejected;
    respond(self(), {what.sender, what.mid, what.stages}, caf::make_message(why.to_caf()), unit);
  } else {
    core_->bury(to_string(target_), codec::describe(what.content()), why);
  }
}

void remote_mailbox::forward_exit(const caf::exit_msg& what, const caf::strong_actor_ptr& sender,
                                  caf::execution_unit* unit) {
  if (peer_ == nullptr) {
    if (auto to = find_here())
      to->actor->enqueue(sender, caf::make_message_id(), caf::make_message(what), unit);
    return;
  }
  auto source = caf::actor_cast<caf::strong_actor_ptr>(what.source);
  peer_->send_exit({target_.mailbox(), target_.number()}, core_->number_of(source), what.reason);
}

local_mailbox_ptr remote_mailbox::find_here() const {
  auto& table = core_->mailboxes();
  if (target_.number() == 0)
    return table.find(target_.mailbox());
  if (target_.life().known() && target_.life() != core_->life())
    return nullptr;
  return table.find(target_.number());
}

// -- monitors and links -------------------------------------------------------------------------------------------------------

void remote_mailbox::attach(caf::attachable_ptr what) {
  {
    std::lock_guard guard{monitors_mutex_};
    monitors_.push_back(std::move(what));
  }
  watch();
}

std::size_t remote_mailbox::detach(const caf::attachable::token& what) {
  std::vector<caf::attachable_ptr> detached; // destroyed outside the lock
  {
    std::lock_guard guard{monitors_mutex_};
    for (auto& each : monitors_) {
      if (each->matches(what)) {
        detached.push_back(std::move(each));
        break; // one monitor each, as CAF's `demonitor` says
      }
    }
    std::erase(monitors_, nullptr);
  }
  return detached.empty() ? caf::actor_proxy::detach(what) : detached.size();
}

bool remote_mailbox::watched() const {
  {
    std::lock_guard guard{monitors_mutex_};
    if (!monitors_.empty())
      return true;
  }
  std::lock_guard guard{mtx_};
  return attachables_head_ != nullptr;
}

void remote_mailbox::gone(const caf::error& why) {
  std::vector<caf::attachable_ptr> monitors;
  {
    std::lock_guard guard{monitors_mutex_};
    monitors.swap(monitors_);
    watching_ = false;
  }
  caf::attachable_ptr links;
  {
    std::lock_guard guard{mtx_};
    links.swap(attachables_head_);
  }
  for (auto& each : monitors)
    each->actor_exited(why, nullptr);
  for (auto* each = links.get(); each != nullptr; each = each->next.get())
    each->actor_exited(why, nullptr);
}

void remote_mailbox::watch() {
  if (core_->closed())
    gone(error{errc::shutting_down, to_string(target_)}.to_caf());
  else if (flaw_)
    gone(flaw_->to_caf());
  else if (peer_ == nullptr)
    watch_here(find_here());
  else if (auto vain = peer_->watch(self(), target_))
    gone(vain->to_caf());
}

void remote_mailbox::watch_here(const local_mailbox_ptr& to) {
  if (!to) {
    gone(error{errc::no_such_mailbox, to_string(target_)}.to_caf());
    return;
  }
  {
    std::lock_guard guard{monitors_mutex_};
    if (std::exchange(watching_, true))
      return;
  }
  // the strong reference keeps the handle alive until it has told everybody; an actor that has ended calls at once
  to->actor->get()->attach_functor(
    [handle = self()](const caf::error& why) { static_cast<remote_mailbox*>(handle->get())->gone(why); });
}

bool remote_mailbox::add_backlink(caf::abstract_actor* other) {
  auto added = caf::actor_proxy::add_backlink(other);
  if (!added)
    return false;
  // CAF holds the locks of both actors here: whatever tells one of them must wait
  if (peer_ == nullptr && !flaw_) {
    core_->loop().post(
      [handle = self(), to = find_here()] { static_cast<remote_mailbox*>(handle->get())->watch_here(to); });
    return true;
  }
  std::optional<error> vain;
  if (peer_ != nullptr && !flaw_ && !core_->closed()) {
    vain = peer_->watch(self(), target_, core_->number_of(caf::strong_actor_ptr{other->ctrl()}));
    if (!vain)
      return true;
  }
  core_->loop().post([handle = self(), vain] {
    auto* me = static_cast<remote_mailbox*>(handle->get());
    if (vain)
      me->gone(vain->to_caf());
    else
      me->watch();
  });
  return true;
}

bool remote_mailbox::remove_backlink(caf::abstract_actor* other) {
  auto removed = caf::actor_proxy::remove_backlink(other);
  if (removed && peer_ != nullptr && !flaw_ && !core_->closed()) {
    core_->loop().post([handle = self(), linked = caf::strong_actor_ptr{other->ctrl()}] {
      auto* me = static_cast<remote_mailbox*>(handle->get());
      me->peer_->unlink({me->target_.mailbox(), me->target_.number()}, me->core_->number_of(linked));
    });
  }
  return removed;
}

} // namespace mailroom
