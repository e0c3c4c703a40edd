#pragma once
// What depends on CAF's version. Everything here is CAF 0.17; a later version gets its branch here and nowhere else. It is no
// layer over CAF: the rest of the library uses CAF's own names.

#include <caf/all.hpp>

#include <string>
#include <string_view>
#include <typeinfo>

static_assert(CAF_VERSION >= 1700 && CAF_VERSION < 1800, "mailroom's sources are written for CAF 0.17");

namespace mailroom::caf_version {

/// The category of mailroom's errors among CAF's.
inline constexpr auto error_category = caf::atom("mailroom");

/// Control messages of a transport actor.
using connect_atom = caf::atom_constant<caf::atom("connect")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using retry_atom = caf::atom_constant<caf::atom("retry")>;
using watch_atom = caf::atom_constant<caf::atom("watch")>;

/// The type of a message's element: a number for what CAF knows, a type_info for the rest.
inline std::uint16_t type_number(const caf::type_erased_tuple& tuple, std::size_t index) {
  return tuple.type(index).first;
}
inline const std::type_info* type_info(const caf::type_erased_tuple& tuple, std::size_t index) {
  return tuple.type(index).second;
}

/// The number that CAF gives `T`, or 0.
template <class T> inline constexpr std::uint16_t type_number_of = caf::type_nr<T>::value;

/// A request id that carries `number`, of which 58 bits count.
inline caf::message_id request_id(std::uint64_t number, bool urgent) {
  return urgent ? caf::make_message_id(caf::high_message_priority_constant{}, number)
                : caf::make_message_id(caf::normal_message_priority_constant{}, number);
}

/// Makes a policy the default of a configuration without asking files or the command line.
inline void prefer_sharing(caf::actor_system_config& config, std::size_t workers) {
  // stealing, CAF's default, lets a worker that polled in vain nap for 50 us out of reach
  config.set("scheduler.policy", caf::atom("sharing"));
  if (workers != 0)
    config.set("scheduler.max-threads", workers);
}

} // namespace mailroom::caf_version
