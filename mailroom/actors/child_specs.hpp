#pragma once
// How a program says what its supervisors' children are: `actor_child`, `process_child` and `supervisor_child`. (`remote_child` is in factory.hpp.)

#include <mailroom/actors/supervisor_spec.hpp>

#include <tuple>
#include <utility>

namespace mailroom {

namespace detail {

/// Says that an actor is up once its function has returned: not where it threw, or quit at once.
template <class F, class Result, class Parameters> class announcing_function;

template <class F, class Result, class... Parameters>
class announcing_function<F, Result, caf::detail::type_list<Parameters...>> {
public:
  announcing_function(F fun, std::function<void()> on_up) : fun_{std::move(fun)}, on_up_{std::move(on_up)} {}

  Result operator()(Parameters... each) {
    const auto* self = self_of(each...);
    if constexpr (blocks) {
      on_up_(); // its function is its life
      return fun_(std::forward<Parameters>(each)...);
    } else if constexpr (std::is_void_v<Result>) {
      fun_(std::forward<Parameters>(each)...);
      announce(self);
    } else {
      Result result = fun_(std::forward<Parameters>(each)...);
      announce(self);
      return result;
    }
  }

private:
  static constexpr bool blocks = std::is_base_of_v<caf::blocking_actor, caf::infer_impl_from_fun_t<F>>;

  static const caf::abstract_actor* self_of() { return nullptr; }
  template <class First, class... Rest> static const caf::abstract_actor* self_of(const First& first, const Rest&...) {
    if constexpr (std::is_convertible_v<First, const caf::abstract_actor*>)
      return first;
    else
      return nullptr;
  }

  void announce(const caf::abstract_actor* self) const {
    if (self == nullptr || !self->getf(caf::abstract_actor::is_shutting_down_flag))
      on_up_();
  }

  F fun_;
  std::function<void()> on_up_;
};

/// The same for an actor class.
template <class Class> class announcing_actor : public Class {
public:
  template <class... Ts>
  announcing_actor(caf::actor_config& cfg, std::function<void()> on_up, Ts&&... xs)
    : Class{cfg, std::forward<Ts>(xs)...}, on_up_{std::move(on_up)} {
    if constexpr (std::is_base_of_v<caf::blocking_actor, Class>)
      on_up_();
  }

  void initialize() override {
    Class::initialize();
    if constexpr (!std::is_base_of_v<caf::blocking_actor, Class>)
      if (!this->getf(caf::abstract_actor::is_shutting_down_flag))
        on_up_();
  }

private:
  std::function<void()> on_up_;
};

/// What a function takes beside the actor's pointer.
template <caf::spawn_mode Mode, class Parameters> struct child_parameters;
template <class... Ts> struct child_parameters<caf::spawn_mode::function, caf::detail::type_list<Ts...>> {
  using type = std::tuple<std::decay_t<Ts>...>;
};
template <class Self, class... Ts>
struct child_parameters<caf::spawn_mode::function_with_selfptr, caf::detail::type_list<Self, Ts...>> {
  using type = std::tuple<std::decay_t<Ts>...>;
};

/// The part of a tuple type from `From` on, `Count` long.
template <class Tuple, std::size_t From, class Indices> struct tuple_part;
template <class... Ts, std::size_t From, std::size_t... Is>
struct tuple_part<std::tuple<Ts...>, From, std::index_sequence<Is...>> {
  using type = std::tuple<std::tuple_element_t<From + Is, std::tuple<Ts...>>...>;
};
template <class Tuple, std::size_t From, std::size_t Count>
using tuple_part_t = typename tuple_part<Tuple, From, std::make_index_sequence<Count>>::type;

/// Throws `failure`: `start_child` gave a child what it does not take.
[[noreturn]] MAILROOM_EXPORT void refuse_arguments(const std::string& mailbox, const caf::message& given);

/// The values of a message that must have just these types.
template <class... Ts>
std::tuple<Ts...> take_arguments(const std::string& mailbox, const caf::message& given, const std::tuple<Ts...>*) {
  if (given.size() != sizeof...(Ts))
    refuse_arguments(mailbox, given);
  if constexpr (sizeof...(Ts) > 0) {
    if (!given.match_elements<Ts...>())
      refuse_arguments(mailbox, given);
    return [&]<std::size_t... Is>(std::index_sequence<Is...>) {
      return std::tuple<Ts...>{given.get_as<Ts>(Is)...};
    }
    (std::index_sequence_for<Ts...>{});
  } else {
    return {};
  }
}

} // namespace detail

/// An actor of this process, from a function as `system::spawn` takes it. It is up when the function has returned its behavior; blocking actors, when it
/// begins. The arguments are copied for each start. What the function takes beyond them, `start_child` gives to each child of a template.
template <caf::spawn_options Os = caf::no_spawn_options, class F, class... Ts>
child_spec actor_child(std::string id, F fun, Ts&&... xs) {
  using traits = caf::infer_handle_from_fun<F>;
  using wrapper = detail::announcing_function<F, typename traits::result_type, typename traits::arg_types>;
  using parameters = typename detail::child_parameters<traits::mode, typename traits::arg_types>::type;
  static_assert(sizeof...(Ts) <= std::tuple_size_v<parameters>, "more arguments than the function takes");
  using bound = detail::tuple_part_t<parameters, 0, sizeof...(Ts)>;
  using open = detail::tuple_part_t<parameters, sizeof...(Ts), std::tuple_size_v<parameters> - sizeof...(Ts)>;
  return {
    std::move(id), child_spec::actor{[fun = std::move(fun), given = bound{std::forward<Ts>(xs)...}](
                                       system& sys, const child_spec::actor::start& how) {
      auto all = std::tuple_cat(given, detail::take_arguments(how.mailbox, how.arguments, static_cast<open*>(nullptr)));
      return std::apply(
        [&](auto&... each) {
          return caf::actor_cast<caf::actor>(sys.spawn<Os>(how.mailbox, wrapper{fun, how.on_up}, std::move(each)...));
        },
        all);
    }}};
}

/// The same from an actor class, which is up when it is initialized, and takes no arguments of `start_child`.
template <class Class, caf::spawn_options Os = caf::no_spawn_options, class... Ts>
child_spec actor_child(std::string id, Ts&&... xs) {
  return {std::move(id), child_spec::actor{[given = std::tuple<std::decay_t<Ts>...>{std::forward<Ts>(xs)...}](
                                             system& sys, const child_spec::actor::start& how) {
            static_cast<void>(detail::take_arguments(how.mailbox, how.arguments, static_cast<std::tuple<>*>(nullptr)));
            return std::apply(
              [&](const auto&... each) {
                if constexpr (std::is_final_v<Class>) {
                  auto result = caf::actor_cast<caf::actor>(sys.spawn<Class, Os>(how.mailbox, each...));
                  how.on_up(); // nothing can be added to a final class
                  return result;
                } else {
                  return caf::actor_cast<caf::actor>(
                    sys.spawn<detail::announcing_actor<Class>, Os>(how.mailbox, how.on_up, each...));
                }
              },
              given);
          }}};
}

/// A process, whose name is the child's id. What `start_child` gives to a child of a template are further arguments of the program.
MAILROOM_EXPORT child_spec process_child(std::string id, process_spec what);

/// A supervisor of this process, with children of its own.
MAILROOM_EXPORT child_spec supervisor_child(std::string id, supervisor_spec what);

} // namespace mailroom
