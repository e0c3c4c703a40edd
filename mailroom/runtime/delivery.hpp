#pragma once
// A message in a mailbox of this process. It knows when it was handled and when it was dropped, so that none is lost in silence.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/open_request.hpp>

namespace mailroom {

/// Puts a message into a mailbox, on any thread. Where it is a request, `origin` gets its one answer.
void deliver(core& where, local_mailbox_ptr to, caf::strong_actor_ptr sender, caf::message_id id, caf::message what,
             std::optional<request_origin> origin, caf::execution_unit* unit);

/// CAF's mailbox element with an ear: asked for its content it was handled, destroyed without that it was dropped.
class delivery final : public caf::mailbox_element {
public:
  delivery(core& where, local_mailbox_ptr to, caf::strong_actor_ptr from, caf::message_id id, caf::message what,
           caf::strong_actor_ptr open);
  ~delivery() override;

  /// Each thread keeps some of the memory for the next ones.
  static void* operator new(std::size_t size);
  static void operator delete(void* memory) noexcept;

  caf::type_erased_tuple& content() override;
  const caf::type_erased_tuple& content() const override;
  caf::message move_content_to_message() override;
  caf::message copy_content_to_message() const override;

  /// The mailbox has no handler for it: says so to the log where nobody else is told.
  void unexpected();

  const std::string& label() const noexcept { return to_->label; }
  std::string address() const;

private:
  std::shared_ptr<core> core_;
  local_mailbox_ptr to_;
  caf::message what_;
  open_request* open_; // alive while it is in `stages`
  bool is_request_;
  mutable bool touched_ = false;
  bool unexpected_ = false;
};

} // namespace mailroom
