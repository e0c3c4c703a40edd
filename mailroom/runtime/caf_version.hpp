#pragma once
// What depends on CAF's version. Everything here is CAF 0.17; a later version gets its branch here and nowhere else. It is no
// layer over CAF: the rest of the library uses CAF's own names.

#include <mailroom/runtime/spare_memory.hpp>

#include <caf/all.hpp>
#include <caf/detail/tuple_vals.hpp>

#include <array>
#include <cstddef>
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

/// A message of one value that `fill` gets as it is by default. What it throws passes.
template <class T, class Fill> caf::message make_message_in_place(Fill fill) {
  auto values = caf::make_counted<with_spare_memory<caf::detail::tuple_vals<T>>>();
  fill(std::get<0>(values->data()));
  return caf::message{caf::message::data_ptr{std::move(values)}};
}

/// What `caf::actor_storage` is, in spare memory: an actor behind its control block. For actors that come and go with each message.
template <class T> class spare_actor_storage {
public:
  template <class... Ts> static caf::strong_actor_ptr make(caf::actor_system& actors, Ts&&... xs) {
    auto* fresh = new spare_actor_storage{actors, std::forward<Ts>(xs)...};
    return {&fresh->control_, false};
  }

  static void* operator new(std::size_t size) { return spare_memory::take(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { spare_memory::give(memory, size); }

private:
  template <class... Ts>
  explicit spare_actor_storage(caf::actor_system& actors, Ts&&... xs)
    : spare_actor_storage{actors, caf::node_id{actors.node()}, std::forward<Ts>(xs)...} {}

  template <class... Ts>
  spare_actor_storage(caf::actor_system& actors, caf::node_id node, Ts&&... xs)
    : control_{actors.next_actor_id(), node, &actors, &end_actor, &end_block} {
    static_assert(sizeof(caf::actor_control_block) < CAF_CACHE_LINE_SIZE,
                  "CAF looks for the actor behind a cache line");
    ::new (static_cast<void*>(&actor_)) T(std::forward<Ts>(xs)...);
  }

  ~spare_actor_storage() {} // the actor has ended before

  static void end_actor(caf::abstract_actor* which) {
    which->on_destroy();
    static_cast<T*>(which)->~T();
  }
  static void end_block(caf::actor_control_block* which) {
    delete reinterpret_cast<spare_actor_storage*>(which); // its first member
  }

  caf::actor_control_block control_;
  std::array<char, CAF_CACHE_LINE_SIZE - sizeof(caf::actor_control_block)> padding_;
  union {
    T actor_;
  };
};

/// Makes a policy the default of a configuration without asking files or the command line.
inline void prefer_sharing(caf::actor_system_config& config, std::size_t workers) {
  // stealing, CAF's default, lets a worker that polled in vain nap for 50 us out of reach
  config.set("scheduler.policy", caf::atom("sharing"));
  if (workers != 0)
    config.set("scheduler.max-threads", workers);
}

} // namespace mailroom::caf_version
