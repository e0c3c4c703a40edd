#pragma once
// The handle that `system::mailbox` returns: an ordinary CAF actor to its users, bound to a name and not to an actor. It looks the
// name up with each message, so it works before the process starts and again after a restart, and it outlives the system.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/transport_actor.hpp>

#include <mutex>
#include <vector>

namespace mailroom {

class remote_mailbox final : public caf::actor_proxy {
public:
  /// `peer` is null for a mailbox of this process. `flaw`, where given, is what each message to it meets.
  static caf::strong_actor_ptr make(core& where, mailroom::address target, std::shared_ptr<transport_actor> peer,
                                    std::optional<error> flaw = {});

  remote_mailbox(caf::actor_config& cfg, std::shared_ptr<core> where, mailroom::address target,
                 std::shared_ptr<transport_actor> peer, std::optional<error> flaw);

  const mailroom::address& target() const noexcept { return target_; }
  const std::shared_ptr<core>& where() const noexcept { return core_; }

  /// Any thread; never blocks. What cannot be delivered is answered with an error where it is a request, else it is a dead letter.
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override;

  /// Monitors wait here and not in CAF's list, since this actor never ends: each is told once, when the mailbox or its process is gone.
  void attach(caf::attachable_ptr what) override;
  std::size_t detach(const caf::attachable::token& what) override;

  bool add_backlink(caf::abstract_actor* other) override;
  bool remove_backlink(caf::abstract_actor* other) override;
  void kill_proxy(caf::execution_unit*, caf::error) override {}

  /// The mailbox is gone: tells monitors and links, each once.
  void gone(const caf::error& why);

  /// Whether anybody waits to be told.
  bool watched() const;

private:
  void enqueue_here(caf::mailbox_element_ptr what, caf::execution_unit* unit);
  void enqueue_there(caf::mailbox_element_ptr what, caf::execution_unit* unit);
  void forward_exit(const caf::exit_msg& what, const caf::strong_actor_ptr& sender, caf::execution_unit* unit);
  void refuse(caf::mailbox_element& what, const error& why, caf::execution_unit* unit);
  local_mailbox_ptr find_here() const;
  void watch();
  void watch_here(const local_mailbox_ptr& to);
  caf::strong_actor_ptr self() { return caf::strong_actor_ptr{ctrl()}; }

  std::shared_ptr<core> core_;
  mailroom::address target_;
  std::shared_ptr<transport_actor> peer_;
  std::optional<error> flaw_;
  mutable std::mutex monitors_mutex_;
  std::vector<caf::attachable_ptr> monitors_;
  bool watching_ = false; // here: an attachable waits at the actor
};

} // namespace mailroom
