#pragma once
// Actors that one process makes for supervisors in others. A process offers factories, by name; a supervisor elsewhere has a child of one,
// with arguments that are messages. The child lives where it was made, in the mailbox that the supervisor gives it, and no longer than its supervisor.

#include <mailroom/actors/child_specs.hpp>

namespace mailroom {

namespace detail {

/// A factory: what it makes, and the names of the types that it takes, as `codec::describe` writes them.
MAILROOM_EXPORT expected<void> offer(system& sys, child_spec what, std::string takes);

/// The name of a type on the wire.
MAILROOM_EXPORT std::string wire_name(std::type_index type);

template <class> struct wire_names;
template <class... Ts> struct wire_names<std::tuple<Ts...>> {
  static_assert((is_message<Ts> && ...), "what a factory takes beside the actor's pointer are messages");
  static std::string joined() {
    std::string result;
    ((result += (result.empty() ? "" : ", ") + wire_name(typeid(Ts))), ...);
    return result;
  }
};

/// Throws `failure` where the arguments cannot be encoded.
MAILROOM_EXPORT std::vector<std::byte> encode_arguments(const std::string& child, const payload& what);

template <class... Ts> std::vector<std::byte> encode_arguments_of(const std::string& child, const Ts&... values) {
  return encode_arguments(child, value_payload<Ts...>{values...});
}

} // namespace detail

/// Lets supervisors elsewhere have actors made from a function, as `system::spawn` takes it: what it takes beside the actor's pointer are messages. Any
/// thread. Fails with `name_taken` where there is such a factory, `invalid_address`, `shutting_down`.
template <caf::spawn_options Os = caf::no_spawn_options, class F>
expected<void> offer(system& sys, std::string name, F fun) {
  using traits = caf::infer_handle_from_fun<F>;
  using parameters = typename detail::child_parameters<traits::mode, typename traits::arg_types>::type;
  return detail::offer(sys, actor_child<Os>(std::move(name), std::move(fun)), detail::wire_names<parameters>::joined());
}

/// The same for an actor class, with the types of what its constructor takes: `offer<cache, std::string>(sys, "cache")`.
template <class Class, class... Parameters> expected<void> offer(system& sys, std::string name) {
  child_spec::actor what{[](system& where, const child_spec::actor::start& how) {
    using arguments = std::tuple<Parameters...>;
    auto given = detail::take_arguments(how.mailbox, how.arguments, static_cast<arguments*>(nullptr));
    return std::apply(
      [&](auto&... each) {
        return caf::actor_cast<caf::actor>(
          where.spawn<detail::announcing_actor<Class>>(how.mailbox, how.on_up, std::move(each)...));
      },
      given);
  }};
  return detail::offer(sys, {std::move(name), std::move(what)},
                       detail::wire_names<std::tuple<Parameters...>>::joined());
}

/// Lets supervisors elsewhere have a supervisor in this process, with its children: a branch of a tree that goes over processes. Takes no arguments.
MAILROOM_EXPORT expected<void> offer_supervisor(system& sys, std::string name, supervisor_spec what);

/// A child that the factory `factory` of the process `process` makes: `remote_child("cache", "worker-1", "cache", std::string{"lru"})`. Its mailbox is the
/// supervisor's name and `id`, in that process. Where the process is not there, or has not offered yet, its start waits up to `ready_within`. What `start_child`
/// gives to a child of a template comes after these arguments. Throws `failure` where they cannot be encoded.
template <class... Ts>
child_spec remote_child(std::string id, std::string process, std::string factory, const Ts&... arguments) {
  static_assert((detail::is_message<std::decay_t<decltype(detail::as_value(arguments))>> && ...),
                "the arguments of a remote child are messages");
  child_spec::remote what{std::move(process), std::move(factory), {}};
  if constexpr (sizeof...(Ts) > 0)
    what.arguments = detail::encode_arguments_of(id, detail::as_value(arguments)...);
  return {std::move(id), std::move(what)};
}

} // namespace mailroom
