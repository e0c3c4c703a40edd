#include <mailroom/runtime/open_request.hpp>

#include <mailroom/runtime/session.hpp>

#include <exception>

namespace mailroom {

namespace {

thread_local exception_scope* scope_of_this_thread = nullptr;

/// The error in an answer that is one; null for values.
const caf::error* error_in(const caf::message& what) {
  return what.match_elements<caf::error>() ? &what.get_as<caf::error>(0) : nullptr;
}

struct answer_visitor {
  const std::string& label;
  const caf::strong_actor_ptr& from;
  caf::message& what;
  caf::execution_unit* unit;

  void operator()(const local_origin& to) const { respond(from, to, std::move(what), unit); }
  void operator()(const remote_origin& to) const { to.over->answer(to.id, what); }
  void operator()(const std::shared_ptr<call>& to) const {
    if (auto* failed = error_in(what))
      to->fail(error{*failed}.or_about(label));
    else
      to->reply(what);
  }
};

void deliver_answer(const std::string& label, request_origin& origin, const caf::strong_actor_ptr& from,
                    caf::message what, caf::execution_unit* unit) {
  std::visit(answer_visitor{label, from, what, unit}, origin);
}

} // namespace

void respond(const caf::strong_actor_ptr& from, const local_origin& to, caf::message what, caf::execution_unit* unit) {
  if (!to.stages.empty()) {
    auto stages = to.stages;
    auto next = std::move(stages.back());
    stages.pop_back();
    next->enqueue(caf::make_mailbox_element(to.requester, to.id, std::move(stages), std::move(what)), unit);
  } else if (to.requester) {
    to.requester->enqueue(from, to.id.response_id(), std::move(what), unit);
  }
}

caf::strong_actor_ptr open_request::make(caf::actor_system& actors, std::string label,
                                         const caf::strong_actor_ptr& asked, request_origin origin) {
  caf::actor_config cfg;
  return caf::make_actor<open_request, caf::strong_actor_ptr>(
    actors.next_actor_id(), actors.node(), &actors, cfg, std::move(label), caf::actor_cast<caf::weak_actor_ptr>(asked),
    std::move(origin));
}

open_request::open_request(caf::actor_config& cfg, std::string label, caf::weak_actor_ptr asked, request_origin origin)
  : caf::actor_proxy{cfg}, label_{std::move(label)}, asked_{std::move(asked)}, origin_{std::move(origin)} {
  // nop
}

void open_request::enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) {
  if (answered_.exchange(true))
    return;
  auto what = element->move_content_to_message();
  // a handler's exception does not know where it was thrown
  if (auto* failed = error_in(what); failed != nullptr && failed->category() == caf_version::error_category)
    what = caf::make_message(error{*failed}.or_about(label_).to_caf());
  auto origin = std::move(origin_);
  deliver_answer(label_, origin, asked_.lock(), std::move(what), unit);
}

void open_request::on_destroy() {
  if (!answered_.exchange(true)) {
    if (!if_dropped_ && scope_of_this_thread != nullptr && std::uncaught_exceptions() > 0) {
      scope_of_this_thread->held_.push_back({std::move(label_), std::move(origin_)});
    } else {
      auto why =
        if_dropped_.value_or(error{errc::remote_error, label_, "remote error: the request was dropped unanswered"});
      deliver_answer(label_, origin_, nullptr, caf::make_message(why.to_caf()), nullptr);
    }
  }
  caf::actor_proxy::on_destroy();
}

exception_scope::exception_scope() : outer_{std::exchange(scope_of_this_thread, this)} {
  // nop
}

exception_scope::~exception_scope() {
  scope_of_this_thread = outer_;
  answer("an exception");
}

void exception_scope::answer(const std::string& text) {
  auto held = std::move(held_);
  held_.clear();
  for (auto& each : held) {
    error why{errc::remote_error, each.label, text};
    deliver_answer(each.label, each.origin, nullptr, caf::make_message(why.to_caf()), nullptr);
  }
}

} // namespace mailroom
