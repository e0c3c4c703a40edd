#pragma once
// A system is one process's part in the mailroom: its name, its actors and its way to the mailboxes of other processes. Everything that a
// program does with mailroom begins here. docs/semantics.md says per call what may be expected.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/call.hpp>
#include <mailroom/runtime/config.hpp>
#include <mailroom/runtime/dead_letters.hpp>
#include <mailroom/runtime/hosted.hpp>
#include <mailroom/runtime/message.hpp>
#include <mailroom/runtime/name_claim.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <typeindex>
#include <vector>

namespace mailroom {

/// What a single call may say for itself; what it leaves out is the configuration's.
struct call_options {
  std::optional<std::chrono::milliseconds> timeout{};
  std::optional<std::chrono::milliseconds> wait_for_process{};
};

namespace detail {

template <class... Rs> struct reply_type {
  using type = std::tuple<Rs...>;
  using call_type = typed_call<Rs...>;
};
template <class R> struct reply_type<R> {
  using type = R;
  using call_type = typed_call<R>;
};
template <> struct reply_type<void> {
  using type = void;
  using call_type = typed_call<>;
};

template <class... Rs> auto make_call() {
  using call_type = typename reply_type<Rs...>::call_type;
  return std::allocate_shared<call_type>(spare_allocator<call_type>{});
}

template <class... Rs> using reply_t = typename reply_type<Rs...>::type;

template <class T> struct is_duration : std::false_type {};
template <class Rep, class Period> struct is_duration<std::chrono::duration<Rep, Period>> : std::true_type {};

/// Whether the second argument of a call says how, not what.
template <class...> inline constexpr bool begins_with_options = false;
template <class T, class... Ts>
inline constexpr bool begins_with_options<T, Ts...> = is_duration<T>::value || std::is_same_v<T, call_options>;

template <class T>
inline constexpr bool is_plain_message =
  std::is_same_v<
    T,
    bool> || std::is_same_v<T, std::string> || std::is_same_v<T, double> || std::is_same_v<T, float> || (std::is_integral_v<T> && !std::is_same_v<T, wchar_t>);
template <class T> inline constexpr bool is_message = is_plain_message<T> || message_name<T>::known;
template <class T> inline constexpr bool is_message<std::vector<T>> = is_plain_message<T> || message_name<T>::known;

/// Text literals travel as strings; everything else as it is.
template <class T> decltype(auto) as_value(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view> && !std::is_same_v<T, std::string>)
    return std::string{std::string_view{value}};
  else
    return (value);
}

template <class Call> auto take_reply(Call& done) -> expected<void>
requires(std::tuple_size_v<decltype(done.value)> == 0) {
  return {};
}
template <class Call> auto take_reply(Call& done) -> expected<std::tuple_element_t<0, decltype(done.value)>>
requires(std::tuple_size_v<decltype(done.value)> == 1) {
  return std::get<0>(std::move(done.value));
}
template <class Call> auto take_reply(Call& done) -> expected<decltype(done.value)>
requires(std::tuple_size_v<decltype(done.value)> > 1) {
  return std::move(done.value);
}

} // namespace detail

class MAILROOM_EXPORT system {
public:
  // -- life ----------------------------------------------------------------------------------------------------------------------

  /// Returns when the process can be reached under its name. Throws `failure` with the cause: `name_taken`, `denied`, `system_error`.
  explicit system(config settings = {});

  /// The same with CAF's settings of your own, which must outlive the system. Nothing of them is changed.
  system(config settings, caf::actor_system_config& caf_settings);

  /// Stops, and waits for every actor to end: see `config::on_stuck`. No thread, socket or file outlives it. Not from an actor.
  ~system();

  system(const system&) = delete;
  system& operator=(const system&) = delete;

  /// Blocks until SIGINT, SIGTERM (Windows: the console's events) or `stop`. Only here are signal handlers set, and put back.
  void run();

  /// Refuses new work, asks every actor to exit, writes what was accepted, and waits for all that up to `bound`. Returns the names of the
  /// mailboxes whose actors still run ("2 without a name" for the others). In a handler it only requests this and `run` returns.
  std::vector<std::string> stop(std::chrono::milliseconds bound = std::chrono::milliseconds{5000});

  // -- identity ------------------------------------------------------------------------------------------------------------------

  /// This process's name.
  const std::string& process() const noexcept;

  /// Where the endpoints are.
  const std::filesystem::path& directory() const noexcept;

  /// CAF's own part: everything that it offers works here too.
  caf::actor_system& actors() noexcept;

  /// The processes that own a name in the directory, this one included.
  std::vector<process_info> processes() const;

  // -- mailboxes of this process -------------------------------------------------------------------------------------------------

  /// Spawns an actor from a function as `caf::actor_system::spawn` does and gives its mailbox a name. The name is free again when the
  /// actor ends. Throws `failure`: `invalid_address`, `name_taken`, `shutting_down`.
  template <caf::spawn_options Os = caf::no_spawn_options, class F, class... Ts>
  caf::infer_handle_from_fun_t<F> spawn(std::string_view name, F fun, Ts&&... xs) {
    using impl = caf::infer_impl_from_fun_t<F>;
    static_assert(caf::detail::spawnable<F, impl, Ts...>(), "cannot spawn this function with these arguments");
    caf::actor_config cfg;
    cfg.init_fun = detail::make_init<impl>(std::move(fun), std::forward<Ts>(xs)...);
    return spawn_as<caf::infer_handle_from_fun_t<F>>(
      name, [&](caf::actor_system& where) { return where.spawn_impl<hosted_t<impl>, Os>(cfg); });
  }

  /// The same for an actor class.
  template <class C, caf::spawn_options Os = caf::no_spawn_options, class... Ts>
  caf::infer_handle_from_class_t<C> spawn(std::string_view name, Ts&&... xs) {
    return spawn_as<caf::infer_handle_from_class_t<C>>(name, [&](caf::actor_system& where) {
      caf::actor_config cfg;
      return where.spawn_impl<hosted_t<C>, Os>(cfg, caf::detail::spawn_fwd<Ts>(xs)...);
    });
  }

  /// Gives the mailbox of an actor that was spawned with CAF a name, and keeps the actor alive until it ends or `unbind`. Fails with
  /// `invalid_address`, `name_taken`, `shutting_down`. An actor of this system only.
  template <class Handle> expected<void> bind(std::string_view name, const Handle& actor) {
    return bind_actor(name, caf::actor_cast<caf::strong_actor_ptr>(actor));
  }

  /// Frees a name; its actor goes on. Fails with `no_such_mailbox`.
  expected<void> unbind(std::string_view name);

  // -- mailboxes anywhere --------------------------------------------------------------------------------------------------------

  /// The handle of a mailbox, here or elsewhere, bound to the name and not to the actor behind it. Never blocks, never fails: what is wrong
  /// with the address is what each request to it is answered. May outlive the system.
  caf::actor mailbox(const destination& what);

  template <class Typed> Typed mailbox(const destination& what) { return caf::actor_cast<Typed>(mailbox(what)); }

  /// The address under which other processes reach this actor. Travels in messages; handles do not.
  template <class Handle> address address_of(const Handle& actor) {
    return address_of_actor(caf::actor_cast<caf::strong_actor_ptr>(actor));
  }

  // -- sending: any thread -------------------------------------------------------------------------------------------------------

  /// Sends without waiting for anything but room in the queue, up to `config::send_timeout`, and in a handler not for that either. Accepted
  /// means: it is delivered, or it is a dead letter.
  template <class... Ts>
  expected<void> send(const destination& to,
                      const Ts&... values) requires(sizeof...(Ts) > 0 && !detail::begins_with_options<Ts...>) {
    return send(to, call_options{}, values...);
  }
  template <class... Ts>
  expected<void> send(const destination& to, const call_options& how, const Ts&... values) requires(sizeof...(Ts) > 0) {
    return with_payload([&](const payload& what) { return post(to, what, how, true); }, values...);
  }

  /// Like `send`, and never waits: `overloaded` where there is no room.
  template <class... Ts>
  expected<void> try_send(const destination& to, const Ts&... values) requires(sizeof...(Ts) > 0) {
    return with_payload([&](const payload& what) { return post(to, what, {}, false); }, values...);
  }

  /// Sends and waits for the reply: `request<balance>`, `request<void>`, or `request<balance, std::string>` for a tuple. Ends by the deadline at
  /// the latest. `would_block` in a handler that shares its thread with others.
  template <class R, class... Rs, class... Ts>
  expected<detail::reply_t<R, Rs...>> request(const destination& to,
                                              const Ts&... values) requires(!detail::begins_with_options<Ts...>) {
    return request<R, Rs...>(to, call_options{}, values...);
  }
  template <class R, class... Rs, class Rep, class Period, class... Ts>
  expected<detail::reply_t<R, Rs...>> request(const destination& to, std::chrono::duration<Rep, Period> timeout,
                                              const Ts&... values) {
    return request<R, Rs...>(to, call_options{.timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout)},
                             values...);
  }
  template <class R, class... Rs, class... Ts>
  expected<detail::reply_t<R, Rs...>> request(const destination& to, const call_options& how, const Ts&... values) {
    auto waiting = detail::make_call<R, Rs...>();
    auto done = with_payload([&](const payload& what) { return ask(to, what, how, waiting); }, values...);
    if (!done)
      return tl::unexpected{done.error()};
    return detail::take_reply(*waiting);
  }

  /// Sends and returns at once; the future gets what `request` would have returned. Any thread, handlers too (but do not wait there).
  template <class R, class... Rs, class... Ts>
  std::future<expected<detail::reply_t<R, Rs...>>>
  request_future(const destination& to, const Ts&... values) requires(!detail::begins_with_options<Ts...>) {
    return request_future<R, Rs...>(to, call_options{}, values...);
  }
  template <class R, class... Rs, class Rep, class Period, class... Ts>
  std::future<expected<detail::reply_t<R, Rs...>>>
  request_future(const destination& to, std::chrono::duration<Rep, Period> timeout, const Ts&... values) {
    return request_future<R, Rs...>(to, call_options{.timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout)},
                                    values...);
  }
  template <class R, class... Rs, class... Ts>
  std::future<expected<detail::reply_t<R, Rs...>>> request_future(const destination& to, const call_options& how,
                                                                  const Ts&... values) {
    using result = expected<detail::reply_t<R, Rs...>>;
    auto promise = std::make_shared<std::promise<result>>();
    auto future = promise->get_future();
    begin<R, Rs...>(
      to, how, false, [promise](result got) { promise->set_value(std::move(got)); }, values...);
    return future;
  }

  /// Sends and returns at once; `then` is called once with what `request` would have returned, by `config::executor`.
  template <class R, class... Rs, class... Ts>
  void request_then(const destination& to, const call_options& how,
                    std::function<void(expected<detail::reply_t<R, Rs...>>)> then, const Ts&... values) {
    begin<R, Rs...>(to, how, true, std::move(then), values...);
  }

  /// Waits for a process (`bank`) that is about to start, or for a mailbox (`bank/ledger`) of it or of this one, which comes a little later: until it is
  /// there, or `no_such_process` or `no_such_mailbox` after `patience`. Not from a handler.
  expected<void> wait_for(std::string_view what, std::chrono::milliseconds patience);

  // -- seeing what happens -------------------------------------------------------------------------------------------------------

  mailroom::statistics statistics() const;

  /// The newest dead letters, oldest first.
  std::vector<dead_letter> dead_letters() const;

  // -- for what is built on top --------------------------------------------------------------------------------------------------

  /// What the system was made with, completed by what it found: the process's name, the runtime directory.
  const config& settings() const noexcept;

  /// Writes a line where the system's own go. Any thread.
  void log(level value, std::string text);

  /// Whether it refuses new work: `stop` was called, or the destructor.
  bool stopping() const noexcept;

  /// `stop` does not ask this actor to exit, since somebody who is asked does so in his own order. Nothing where the name is not the actor's.
  void leave_to_supervisor(const std::string& name, const caf::actor& actor);

  /// Spawns an actor that serves the process and not its program, with the mailbox name `mailroom/NAME`. `stop` asks it to exit like all others, but
  /// neither names it nor waits for it: it may go on, and is killed when all others have ended. Throws `failure`: `invalid_address`, `name_taken`,
  /// `shutting_down`.
  caf::actor spawn_service(std::string_view name, std::function<caf::behavior(caf::event_based_actor*)> what);

  /// The one `T` of this system, made on first use as `T(system&)`. Any thread. It is destroyed with the system, when every actor has ended, the one
  /// made last first.
  template <class T> T& extension() {
    return *static_cast<T*>(extension(typeid(T), [](system& me) -> std::shared_ptr<void> { //
      return std::make_shared<T>(me);
    }));
  }

private:
  class parts;

  template <class F, class... Ts> static expected<void> with_payload(F use, const Ts&... values) {
    static_assert(
      (detail::is_message<std::decay_t<decltype(detail::as_value(values))>> && ...),
      "a message is a type with MAILROOM_MESSAGE, or a bool, integer, double, std::string, or a vector of these");
    return with_converted(use, detail::as_value(values)...);
  }
  template <class F, class... Ts> static expected<void> with_converted(F& use, const Ts&... values) {
    value_payload<Ts...> what{values...};
    return use(what);
  }

  template <class Handle, class Spawn> Handle spawn_as(std::string_view name, Spawn spawn_it) {
    auto reserved = reserve(name);
    Handle result;
    try {
      result = caf::actor_cast<Handle>(spawn_it(actors()));
    } catch (...) {
      release(reserved);
      throw;
    }
    bind_reserved(reserved, caf::actor_cast<caf::strong_actor_ptr>(result));
    return result;
  }

  template <class R, class... Rs, class Then, class... Ts>
  void begin(const destination& to, const call_options& how, bool by_executor, Then then, const Ts&... values) {
    using result = expected<detail::reply_t<R, Rs...>>;
    auto waiting = detail::make_call<R, Rs...>();
    auto finish = [raw = waiting.get(), then = std::move(then)]() mutable {
      if (raw->failed())
        then(result{tl::unexpected{*raw->failed()}});
      else
        then(result{detail::take_reply(*raw)});
    };
    auto begun = with_payload(
      [&](const payload& what) {
        begin_call(to, what, how, waiting, std::move(finish), by_executor);
        return expected<void>{};
      },
      values...);
    static_cast<void>(begun);
  }

  expected<void> post(const destination& to, const payload& what, const call_options& how, bool may_wait);
  expected<void> ask(const destination& to, const payload& what, const call_options& how,
                     const std::shared_ptr<call>& waiting);
  void begin_call(const destination& to, const payload& what, const call_options& how,
                  const std::shared_ptr<call>& waiting, std::function<void()> finish, bool by_executor);

  mailbox_name reserve(std::string_view name);
  void release(const mailbox_name& name);
  void bind_reserved(const mailbox_name& name, const caf::strong_actor_ptr& actor);
  expected<void> bind_actor(std::string_view name, const caf::strong_actor_ptr& actor);
  address address_of_actor(const caf::strong_actor_ptr& actor);
  void* extension(std::type_index which, std::shared_ptr<void> (*make)(system& me));

  std::unique_ptr<parts> parts_;
};

} // namespace mailroom
