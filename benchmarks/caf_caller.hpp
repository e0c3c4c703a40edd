#pragma once
// What both of CAF's own contenders do: an actor that echoes and counts, and a scoped_actor that asks it. Their payload is a string,
// which CAF copies whole, and their scheduler's policy is `sharing`, the faster one here.

#include "contender.hpp"

#include <caf/all.hpp>

#include <stdexcept>
#include <utility>

namespace bench {

using echo_atom = caf::atom_constant<caf::atom("echo")>;
using count_atom = caf::atom_constant<caf::atom("count")>;

class sharing_settings : public caf::actor_system_config {
public:
  sharing_settings() { set("scheduler.policy", caf::atom("sharing")); }
};

inline caf::behavior echo_and_count() {
  auto messages = std::make_shared<std::uint64_t>(0);
  return {
    [](echo_atom, std::string& bytes) { return std::move(bytes); },
    [=](const std::string&) { ++*messages; },
    [=](count_atom) { return std::exchange(*messages, 0); },
  };
}

/// `Settings` are the actor system's; who derives from it says where the other actor is.
template <class Settings> class caf_caller : public caller {
public:
  explicit caf_caller(const setting& mine)
    : payload_{payload_of(mine.what)}, window_{usual_window(mine.what)}, sys_{settings_}, self_{sys_} {}

  std::string_view request() override {
    ask([this](std::string& bytes) { echo_ = std::move(bytes); }, echo_atom::value, payload_);
    return echo_;
  }

  void send() override { caf::anon_send(server_, payload_); }

  std::uint64_t received() override {
    std::uint64_t result = 0;
    ask([&](std::uint64_t count) { result = count; }, count_atom::value);
    return result;
  }

  std::size_t window() const override { return window_; } // nothing holds a sender back here

protected:
  caf::actor_system& system() noexcept { return sys_; }
  void reach(caf::actor server) { server_ = std::move(server); }

private:
  template <class OnReply, class... Values> void ask(OnReply on_reply, const Values&... values) {
    self_->request(server_, std::chrono::seconds{30}, values...)
      .receive(std::move(on_reply), [this](const caf::error& why) { throw std::runtime_error{sys_.render(why)}; });
  }

  std::string payload_;
  std::string echo_;
  std::size_t window_;
  Settings settings_;
  caf::actor_system sys_;
  caf::scoped_actor self_;
  caf::actor server_;
};

} // namespace bench
