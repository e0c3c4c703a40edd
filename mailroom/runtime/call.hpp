#pragma once
// One request of a plain thread: where its reply goes, and what the thread waits on. It stands on no actor, so that nothing that comes
// late can be kept or mixed up.

#include <mailroom/runtime/codec.hpp>
#include <mailroom/runtime/once_event.hpp>
#include <mailroom/runtime/spare_memory.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>

namespace mailroom {

/// Ends once, whoever is first: a reply, an error, or the caller's deadline. Any thread.
class MAILROOM_EXPORT call {
public:
  call() = default;
  virtual ~call();
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  void reply(std::span<const std::byte> payload);
  void reply(const caf::message& values);
  void fail(error why);

  bool done() const noexcept { return ended_.happened(); }

  /// Waits until done or `deadline`; returns `done()`.
  bool wait_until(std::chrono::steady_clock::time_point deadline) { return ended_.wait_until(deadline); }

  /// Once done: what went wrong, if anything.
  const std::optional<error>& failed() const noexcept { return error_; }

  /// Called once, after the end, by whoever ended it. Set before the request is sent.
  void on_done(std::function<void()> what) { on_done_ = std::move(what); }

protected:
  virtual expected<void> take(std::span<const std::byte> payload) = 0;
  virtual expected<void> take(const caf::message& values) = 0;

private:
  template <class F> void end(F body);

  std::atomic<bool> ending_{false};
  once_event ended_;
  std::optional<error> error_;
  std::function<void()> on_done_;
};

namespace detail {

MAILROOM_EXPORT error wrong_reply(const caf::message& got);

} // namespace detail

/// The call whose reply are values of types `Rs`.
template <class... Rs> class typed_call final : public call {
public:
  std::tuple<Rs...> value{};

protected:
  expected<void> take(std::span<const std::byte> payload) override {
    const std::array<const message_type*, sizeof...(Rs)> types{codec::find_type(typeid(Rs))...};
    return codec::decode_into(
      payload, types,
      [](input_archive& in, void* target) {
        std::apply([&](Rs&... each) { (in(each), ...); }, *static_cast<std::tuple<Rs...>*>(target));
      },
      &value);
  }

  expected<void> take(const caf::message& values) override {
    if constexpr (sizeof...(Rs) == 0) {
      if (!values.empty())
        return tl::unexpected{detail::wrong_reply(values)};
    } else {
      if (!values.template match_elements<Rs...>())
        return tl::unexpected{detail::wrong_reply(values)};
      std::size_t index = 0;
      std::apply([&](Rs&... each) { ((each = values.template get_as<Rs>(index++)), ...); }, value);
    }
    return {};
  }
};

} // namespace mailroom
