#pragma once
// Looks after one life of a child process, as an actor of its own: what the keeper tells, what the process itself answers, and what the supervisor
// wants come together here, one after the other. It ends when the process has.

#include <mailroom/actors/child_driver.hpp>
#include <mailroom/actors/child_process.hpp>

#include <caf/allowed_unsafe_message_type.hpp>

namespace mailroom {

namespace process_events {

/// From the keeper.
struct started {
  std::uint32_t pid;
};
struct ended {
  expected<process_exit> how;
};

/// From the supervisor: see `child_driver`.
struct ask_to_end {};
struct kill {};

/// To itself, after a while.
struct greet_again {};
struct asked_for_long {};
struct gone_for_long {
  std::uint64_t which;
};

} // namespace process_events

class process_watch final : public caf::event_based_actor {
public:
  /// `pid` is set while the process runs.
  process_watch(caf::actor_config& cfg, child_context context, std::shared_ptr<std::atomic<std::uint32_t>> pid);

  caf::behavior make_behavior() override;
  void on_exit() override;

private:
  void begin();
  void on_started(std::uint32_t pid);
  void greet();
  void answered(std::uint32_t parent_pid);
  void not_answered(const error& why);
  void greet_later();
  void lost(const error& why);
  void fail(error why);
  void ask();
  void ask_by_message(bool again);
  void on_ended(const expected<process_exit>& how);

  const process_spec& spec() const { return std::get<child_spec::process>(context_.spec->kind()).what; }
  process_spec completed_spec() const;
  child_events events();
  caf::actor mailbox() { return context_.sys.mailbox(context_.id + "/mailroom"); }

  child_context context_;
  std::shared_ptr<std::atomic<std::uint32_t>> pid_;
  std::shared_ptr<child_process> process_;
  std::chrono::milliseconds pause_; ///< before the next greeting
  caf::actor watched_;
  std::uint64_t losses_ = 0; ///< how often sight of it was lost, or regained
  bool up_ = false;
  bool asked_ = false;
  bool over_ = false;
  std::optional<error> failure_; ///< it was killed for this
};

} // namespace mailroom

namespace caf {

template <> struct allowed_unsafe_message_type<mailroom::process_events::started> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::process_events::ended> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::process_events::ask_to_end> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::process_events::kill> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::process_events::greet_again> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::process_events::asked_for_long> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::process_events::gone_for_long> : std::true_type {};

} // namespace caf
