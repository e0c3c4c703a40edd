#include <mailroom/runtime/call.hpp>

namespace mailroom {

call::~call() = default;

template <class F> void call::end(F body) {
  if (ending_.exchange(true))
    return;
  body();
  auto notify = std::move(on_done_);
  ended_.happen();
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

error detail::wrong_reply(const caf::message& got) {
  return {errc::unexpected_reply, {}, "unexpected reply: " + codec::describe(got)};
}

} // namespace mailroom
