#include <mailroom/runtime/hosted.hpp>

#include <mailroom/runtime/delivery.hpp>

namespace mailroom::detail {

namespace {

thread_local bool runs_actor = false;
thread_local bool blocking_is_refused = false;

} // namespace

bool in_actor() noexcept {
  return runs_actor;
}

bool must_not_block() noexcept {
  return blocking_is_refused;
}

actor_scope::actor_scope(bool shares_its_thread) noexcept
  : in_actor_before_{std::exchange(runs_actor, true)},
    must_not_block_before_{std::exchange(blocking_is_refused, shares_its_thread)} {
  // nop
}

actor_scope::~actor_scope() {
  runs_actor = in_actor_before_;
  blocking_is_refused = must_not_block_before_;
}

caf::error describe_exception(const std::exception_ptr& what) {
  try {
    std::rethrow_exception(what);
  } catch (const failure& known) {
    return error{errc::remote_error, {}, known.what()}.to_caf();
  } catch (const std::exception& known) {
    return error{errc::remote_error, {}, known.what()}.to_caf();
  } catch (...) {
    return error{errc::remote_error, {}, "an exception of unknown type"}.to_caf();
  }
}

caf::result<caf::message> on_unexpected(caf::scheduled_actor* self, caf::message_view& what) {
  auto* element = self->current_mailbox_element();
  auto* known = dynamic_cast<delivery*>(element);
  if (known != nullptr)
    known->unexpected();
  if (element == nullptr || !element->mid.is_request())
    return caf::message{};
  error why{errc::unexpected_message, known != nullptr ? known->address() : std::string{},
            "unexpected message: " + codec::describe(what.content())};
  return why.to_caf();
}

void run_guarded(caf::blocking_actor* self, void (*body)(caf::blocking_actor*)) {
  actor_scope running{false};
  exception_scope scope;
  try {
    body(self);
  } catch (...) {
    auto why = describe_exception(std::current_exception());
    scope.answer(error{why}.cause());
    self->fail_state(std::move(why));
  }
}

} // namespace mailroom::detail
