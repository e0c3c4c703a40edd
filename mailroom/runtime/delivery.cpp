#include <mailroom/runtime/delivery.hpp>

#include <mailroom/runtime/codec.hpp>

namespace mailroom {

void deliver(local_mailbox_ptr to, caf::strong_actor_ptr sender, caf::message_id id, caf::message what,
             caf::execution_unit* unit) {
  auto target = to->actor; // it may be gone with the message before this returns
  caf::mailbox_element_ptr element{new delivery{std::move(to), std::move(sender), id, std::move(what)}};
  target->get()->enqueue(std::move(element), unit);
}

void deliver_request(local_mailbox_ptr to, caf::strong_actor_ptr sender, caf::message_id id, caf::message what,
                     request_origin origin, caf::execution_unit* unit) {
  auto target = to->actor;
  auto fresh = std::make_unique<delivery>(std::move(to), std::move(sender), id, std::move(what));
  fresh->answer_goes_to(std::move(origin));
  target->get()->enqueue(caf::mailbox_element_ptr{fresh.release()}, unit);
}

delivery::delivery(local_mailbox_ptr&& to, caf::strong_actor_ptr&& from, caf::message_id id, caf::message&& what)
  : caf::mailbox_element{std::move(from), id, {}},
    to_{std::move(to)},
    what_{std::move(what)},
    is_request_{id.is_request()} {
  if (what_.vals() == nullptr)
    what_ = caf::message_builder{}.to_message(); // CAF asks even an empty message for its values
}

void delivery::answer_goes_to(request_origin origin) {
  open_ = &open_request::put_on(stages, *to_, std::move(origin));
}

delivery::~delivery() {
  if (touched_ && !unexpected_) {
    ++to_->home->count().handled;
    return;
  }
  if (is_request_) {
    ++to_->home->count().rejected;
    if (!touched_ && open_ != nullptr && !stages.empty())
      open_->if_dropped({to_->home->stopping() ? errc::shutting_down : errc::no_such_mailbox, address(),
                         "no such mailbox: it ended before it handled the request"});
    return;
  }
  if (unexpected_)
    to_->home->bury(address(), codec::describe(what_), {errc::unexpected_message, address()});
  else
    to_->home->bury(address(), codec::describe(what_),
                    {errc::no_such_mailbox, address(), "no such mailbox: it ended before it handled the message"});
}

std::string delivery::address() const {
  return to_->home->process().str() + "/" + *to_->label;
}

caf::type_erased_tuple& delivery::content() {
  touched_ = true;
  return what_;
}

const caf::type_erased_tuple& delivery::content() const {
  touched_ = true;
  return what_;
}

caf::message delivery::move_content_to_message() {
  touched_ = true;
  return unexpected_ ? what_ : std::move(what_);
}

caf::message delivery::copy_content_to_message() const {
  touched_ = true;
  return what_;
}

void delivery::unexpected() {
  unexpected_ = true;
}

} // namespace mailroom
