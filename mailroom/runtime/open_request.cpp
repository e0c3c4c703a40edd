#include <mailroom/runtime/open_request.hpp>

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/session.hpp>

#include <exception>

namespace mailroom {

namespace {

thread_local exception_scope* scope_of_this_thread = nullptr;

/// The error in an answer that is one; null for values.
const caf::error* error_in(const caf::message& what) {
  return what.match_elements<caf::error>() ? &what.get_as<caf::error>(0) : nullptr;
}

/// `asked()` is the address that owed the answer, for the text of an error.
template <class Asked>
void deliver_answer(Asked asked, request_origin& origin, const caf::strong_actor_ptr& from, caf::message what,
                    caf::execution_unit* unit) {
  if (auto* local = std::get_if<local_origin>(&origin)) {
    respond(from, *local, std::move(what), unit);
  } else if (auto* remote = std::get_if<remote_origin>(&origin)) {
    remote->over->answer(remote->id, what);
  } else {
    auto& waiting = std::get<std::shared_ptr<call>>(origin);
    if (auto* failed = error_in(what))
      waiting->fail(error{*failed}.or_about(asked()));
    else
      waiting->reply(what);
  }
}

using forwarding_stack = caf::mailbox_element::forwarding_stack;

/// The stacks of requests that were answered, whose memory is for those to come.
class spare_stacks {
public:
  static constexpr std::size_t most = 256;

  ~spare_stacks() { gone = true; }

  static void take(forwarding_stack& target) {
    if (gone || kept().all_.empty())
      return;
    target = std::move(kept().all_.back());
    kept().all_.pop_back();
  }

  static void give(forwarding_stack&& used) {
    if (gone || used.capacity() == 0 || kept().all_.size() >= most)
      return;
    used.clear();
    kept().all_.push_back(std::move(used));
  }

private:
  static spare_stacks& kept() {
    static thread_local spare_stacks result;
    return result;
  }

  static thread_local constinit bool gone; ///< the thread is ending, and its stacks with it
  std::vector<forwarding_stack> all_;
};

thread_local constinit bool spare_stacks::gone = false;

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

open_request& open_request::put_on(forwarding_stack& stages, const local_mailbox& asked, request_origin origin) {
  if (stages.capacity() == 0)
    spare_stacks::take(stages);
  caf::actor_config cfg;
  auto made = caf_version::spare_actor_storage<open_request>::make(asked.home->actors(), cfg, asked, std::move(origin));
  auto& result = *static_cast<open_request*>(made->get());
  stages.push_back(std::move(made));
  return result;
}

open_request::open_request(caf::actor_config& cfg, const local_mailbox& asked, request_origin origin)
  : caf::actor_proxy{cfg},
    core_{asked.home},
    label_{asked.label},
    asked_{caf::actor_cast<caf::weak_actor_ptr>(asked.actor)},
    origin_{std::move(origin)} {
  // nop
}

std::string open_request::address() const {
  return core_->process().str() + "/" + *label_;
}

void open_request::enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) {
  if (answered_.exchange(true))
    return;
  auto what = element->move_content_to_message();
  spare_stacks::give(std::move(element->stages));
  // a handler's exception does not know where it was thrown
  if (auto* failed = error_in(what); failed != nullptr && failed->category() == caf_version::error_category)
    what = caf::make_message(error{*failed}.or_about(address()).to_caf());
  auto origin = std::move(origin_);
  deliver_answer([this] { return address(); }, origin, asked_.lock(), std::move(what), unit);
}

void open_request::on_destroy() {
  if (!answered_.exchange(true)) {
    if (!if_dropped_ && scope_of_this_thread != nullptr && std::uncaught_exceptions() > 0) {
      scope_of_this_thread->held_.push_back({address(), std::move(origin_)});
    } else {
      auto why =
        if_dropped_.value_or(error{errc::remote_error, address(), "remote error: the request was dropped unanswered"});
      deliver_answer([this] { return address(); }, origin_, nullptr, caf::make_message(why.to_caf()), nullptr);
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
    error why{errc::remote_error, each.asked, text};
    deliver_answer([&] { return each.asked; }, each.origin, nullptr, caf::make_message(why.to_caf()), nullptr);
  }
}

} // namespace mailroom
