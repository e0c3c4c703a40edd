#include <mailroom/runtime/call.hpp>

namespace mailroom {

call::~call() = default;

template <class F> void call::end(F body) {
  auto open = stage::open;
  if (!stage_.compare_exchange_strong(open, stage::ending))
    return;
  body();
  auto notify = std::move(on_done_);
  {
    std::lock_guard guard{mutex_};
    stage_.store(stage::done, std::memory_order_release);
  }
  ended_.notify_all();
  if (notify)
    notify();
}

void call::reply(std::span<const std::byte> payload) {
  end([&] {
    if (auto taken = take(payload); !taken)
      error_ = taken.error();
  });
}

void call::reply(const caf::message& values) {
  end([&] {
    if (auto taken = take(values); !taken)
      error_ = taken.error();
  });
}

void call::fail(error why) {
  end([&] { error_ = std::move(why); });
}

bool call::wait_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock guard{mutex_};
  return ended_.wait_until(guard, deadline, [this] { return done(); });
}

error detail::wrong_reply(const caf::message& got) {
  return {errc::unexpected_reply, {}, "unexpected reply: " + codec::describe(got)};
}

} // namespace mailroom
