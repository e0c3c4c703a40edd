#pragma once
// What `system::spawn` adds to an actor of any kind: handlers that throw answer with the exception's text, messages without a handler are
// not lost in silence, and blocking calls in a handler that runs on a shared thread are refused instead of taking the thread away.

#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/error.hpp>

#include <exception>

namespace mailroom {

namespace detail {

/// Whether this thread is inside a handler that must not block.
MAILROOM_EXPORT bool must_not_block() noexcept;

/// Whether this thread runs an actor at all.
MAILROOM_EXPORT bool in_actor() noexcept;

/// Says so while it lives.
class MAILROOM_EXPORT actor_scope {
public:
  explicit actor_scope(bool shares_its_thread) noexcept;
  ~actor_scope();
  actor_scope(const actor_scope&) = delete;
  actor_scope& operator=(const actor_scope&) = delete;

private:
  bool in_actor_before_;
  bool must_not_block_before_;
};

/// The exception as CAF's error of category mailroom: `remote_error` with its text.
MAILROOM_EXPORT caf::error describe_exception(const std::exception_ptr& what);

/// Answers a request that has no handler, and buries a message that has none.
MAILROOM_EXPORT caf::result<caf::message> on_unexpected(caf::scheduled_actor* self, caf::message_view& what);

/// Runs a blocking actor: an exception ends it and answers the request that it was handling.
MAILROOM_EXPORT void run_guarded(caf::blocking_actor* self, void (*body)(caf::blocking_actor*));

} // namespace detail

template <class Base> class hosted : public Base {
public:
  template <class... Ts> explicit hosted(caf::actor_config& cfg, Ts&&... xs) : Base{cfg, std::forward<Ts>(xs)...} {
    if constexpr (scheduled) {
      this->set_default_handler(detail::on_unexpected);
      this->set_exception_handler(
        [](caf::scheduled_actor*, std::exception_ptr& what) { return detail::describe_exception(what); });
    }
  }

private:
  static constexpr bool scheduled = std::is_base_of_v<caf::scheduled_actor, Base>;
};

/// An actor on CAF's workers, or on a thread of its own where spawned with `caf::detached`.
template <class Base> class hosted_scheduled final : public hosted<Base> {
public:
  using hosted<Base>::hosted;

  caf::resumable::resume_result resume(caf::execution_unit* unit, std::size_t max_throughput) override {
    detail::actor_scope scope{!this->getf(caf::abstract_actor::is_detached_flag)};
    return hosted<Base>::resume(unit, max_throughput);
  }
};

template <class Base> class hosted_blocking final : public hosted<Base> {
public:
  using hosted<Base>::hosted;

  void act() override {
    detail::run_guarded(this, [](caf::blocking_actor* self) { static_cast<hosted_blocking*>(self)->Base::act(); });
  }
};

namespace detail {

template <class Base, bool Final = std::is_final_v<Base>,
          bool Scheduled = std::is_base_of_v<caf::scheduled_actor, Base>>
struct hosted_type {
  using type = hosted_scheduled<Base>;
};
template <class Base> struct hosted_type<Base, false, false> { using type = hosted_blocking<Base>; };
template <class Base, bool Scheduled> struct hosted_type<Base, true, Scheduled> {
  using type = Base; // nothing can be added to a final class
};

/// How CAF starts an actor from a function. CAF 0.17's own factory binds a null reference where there are no arguments.
template <class Impl, class F, class... Ts> caf::actor_config::init_fun_type make_init(F fun, Ts&&... xs) {
  using traits = caf::infer_handle_from_fun<F>;
  return caf::actor_config::init_fun_type{[fun = std::move(fun), arguments = std::make_tuple(caf::detail::spawn_fwd<Ts>(
                                                                   xs)...)](caf::local_actor* self) mutable {
    return std::apply(
      [&](auto&... each) -> caf::behavior {
        auto run = [&] {
          if constexpr (traits::mode == caf::spawn_mode::function_with_selfptr)
            return fun(static_cast<Impl*>(self), std::move(each)...);
          else
            return fun(std::move(each)...);
        };
        if constexpr (std::is_void_v<decltype(run())>) {
          run();
          return {};
        } else {
          auto result = run();
          return std::move(result.unbox());
        }
      },
      arguments);
  }};
}

} // namespace detail

template <class Base> using hosted_t = typename detail::hosted_type<Base>::type;

} // namespace mailroom
