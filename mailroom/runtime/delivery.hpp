#pragma once
// A message in a mailbox of this process. It knows when it was handled and when it was dropped, so that none is lost in silence.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/open_request.hpp>
#include <mailroom/runtime/spare_memory.hpp>

namespace mailroom {

/// Puts a message into a mailbox, on any thread.
void deliver(local_mailbox_ptr to, caf::strong_actor_ptr sender, caf::message_id id, caf::message what,
             caf::execution_unit* unit);

/// The same with a request: `origin` gets its one answer.
void deliver_request(local_mailbox_ptr to, caf::strong_actor_ptr sender, caf::message_id id, caf::message what,
                     request_origin origin, caf::execution_unit* unit);

/// CAF's mailbox element with an ear: asked for its content it was handled, destroyed without that it was dropped.
class delivery final : public caf::mailbox_element {
public:
  delivery(local_mailbox_ptr&& to, caf::strong_actor_ptr&& from, caf::message_id id, caf::message&& what);
  ~delivery() override;

  static void* operator new(std::size_t size) { return spare_memory::take(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { spare_memory::give(memory, size); }

  caf::type_erased_tuple& content() override;
  const caf::type_erased_tuple& content() const override;
  caf::message move_content_to_message() override;
  caf::message copy_content_to_message() const override;

  /// It is a request: `origin` gets its one answer. Before it is enqueued.
  void answer_goes_to(request_origin origin);

  /// The mailbox has no handler for it: says so to the log where nobody else is told.
  void unexpected();

  std::string address() const;

private:
  local_mailbox_ptr to_;
  caf::message what_;
  open_request* open_ = nullptr; // alive while it is in `stages`
  bool is_request_;
  mutable bool touched_ = false;
  bool unexpected_ = false;
};

} // namespace mailroom
