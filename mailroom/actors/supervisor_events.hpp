#pragma once
// What a supervisor's own parts tell it, as messages in its mailbox. They never leave the process.

#include <mailroom/actors/child_driver.hpp>

#include <caf/allowed_unsafe_message_type.hpp>

namespace mailroom::supervisor_events {

/// See `child_reports`.
struct child_up {
  std::uint64_t life;
  std::string where;
};
struct child_ended {
  std::uint64_t life;
  child_end how;
};

/// A time has come that it wanted to be told of.
struct wake {
  std::chrono::steady_clock::time_point when;
};

/// It is to kill its children, and then to end as killed. What becomes of CAF's kill, which would leave them behind.
struct kill {};

/// `start_child` with a specification.
struct add_child {
  child_spec what;
};

} // namespace mailroom::supervisor_events

namespace caf {

template <> struct allowed_unsafe_message_type<mailroom::supervisor_events::child_up> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::supervisor_events::child_ended> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::supervisor_events::wake> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::supervisor_events::kill> : std::true_type {};
template <> struct allowed_unsafe_message_type<mailroom::supervisor_events::add_child> : std::true_type {};

} // namespace caf
