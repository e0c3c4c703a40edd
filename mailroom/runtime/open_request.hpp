#pragma once
// A request that a mailbox of this process owes an answer. It travels in CAF's forwarding stack with the message, the response promise or the
// delegation, whoever has it: the answer passes through it on its way to the one who asked, and when the last of them lets go without
// an answer, the request is answered with an error. So every request ends.

#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/call.hpp>
#include <mailroom/runtime/error.hpp>
#include <mailroom/runtime/mailbox_table.hpp>

#include <atomic>
#include <memory>
#include <variant>

namespace mailroom {

class core;
class session;

/// Who asked.
struct local_origin {
  caf::strong_actor_ptr requester;
  caf::message_id id;
  caf::mailbox_element::forwarding_stack stages;
};
struct remote_origin {
  std::shared_ptr<session> over;
  std::uint64_t id;
};
using request_origin = std::variant<local_origin, remote_origin, std::shared_ptr<call>>;

class open_request final : public caf::actor_proxy {
public:
  /// Puts a new one on `stages`, the way that the answer takes. `asked` is the mailbox that owes it.
  static open_request& put_on(caf::mailbox_element::forwarding_stack& stages, const local_mailbox& asked,
                              request_origin origin);

  open_request(caf::actor_config& cfg, const local_mailbox& asked, request_origin origin);

  /// Takes the answer: the first one counts.
  void enqueue(caf::mailbox_element_ptr answer, caf::execution_unit* unit) override;
  void kill_proxy(caf::execution_unit*, caf::error) override {}

  /// The last reference is gone.
  void on_destroy() override;

  /// What to answer when nobody else does.
  void if_dropped(error why) { if_dropped_ = std::move(why); }

private:
  std::string address() const;

  std::shared_ptr<core> core_;
  mailbox_label label_;
  caf::weak_actor_ptr asked_;
  request_origin origin_;
  std::optional<error> if_dropped_;
  std::atomic<bool> answered_{false};
};

/// Sends what answers a request: to the next stage of its way, else to the requester.
void respond(const caf::strong_actor_ptr& from, const local_origin& to, caf::message what, caf::execution_unit* unit);

/// While one lives on a thread, requests dropped by an exception that passes wait for its text instead of being answered at once.
class exception_scope {
public:
  exception_scope();
  ~exception_scope();

  /// Answers them with the exception's text.
  void answer(const std::string& text);

private:
  friend class open_request;
  struct held_request {
    std::string asked;
    request_origin origin;
  };
  std::vector<held_request> held_;
  exception_scope* outer_;
};

} // namespace mailroom
