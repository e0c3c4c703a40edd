// CAF's own way between processes: BASP over loopback TCP, as libcaf-io brings it. Its payload is a string, which CAF copies whole; with
// policy `sharing`, the faster one here.

#include "contender.hpp"
#ifdef MAILROOM_BENCH_BASP

#include "peer.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <stdexcept>

namespace bench {

namespace {

constexpr auto loopback = "127.0.0.1";
constexpr std::chrono::seconds patience{30};

using echo_atom = caf::atom_constant<caf::atom("echo")>;
using count_atom = caf::atom_constant<caf::atom("count")>;

class basp_settings : public caf::actor_system_config {
public:
  basp_settings() {
    load<caf::io::middleman>();
    set("scheduler.policy", caf::atom("sharing"));
  }
};

caf::behavior server() {
  auto messages = std::make_shared<std::uint64_t>(0);
  return {
    [](echo_atom, std::string& bytes) { return std::move(bytes); },
    [=](const std::string&) { ++*messages; },
    [=](count_atom) { return std::exchange(*messages, 0); },
  };
}

void serve(const setting&) {
  basp_settings settings;
  caf::actor_system sys{settings};
  auto actor = sys.spawn(server);
  auto port = sys.middleman().publish(actor, 0, loopback);
  if (!port)
    throw std::runtime_error{sys.render(port.error())};
  tell_caller(std::to_string(*port));
  await_end();
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

class basp_caller final : public caller {
public:
  basp_caller(const setting& mine, const std::string& port)
    : payload_{payload_of(mine.what)}, window_{usual_window(mine.what)}, sys_{settings_}, self_{sys_} {
    auto found = sys_.middleman().remote_actor(loopback, static_cast<std::uint16_t>(std::stoi(port)));
    if (!found)
      throw std::runtime_error{sys_.render(found.error())};
    server_ = *found;
  }

  std::string_view request() override {
    self_->request(server_, patience, echo_atom::value, payload_)
      .receive([this](std::string& bytes) { echo_ = std::move(bytes); },
               [this](const caf::error& why) { throw std::runtime_error{sys_.render(why)}; });
    return echo_;
  }

  void send() override { caf::anon_send(server_, payload_); }

  std::uint64_t received() override {
    std::uint64_t result = 0;
    self_->request(server_, patience, count_atom::value)
      .receive([&](std::uint64_t count) { result = count; },
               [this](const caf::error& why) { throw std::runtime_error{sys_.render(why)}; });
    return result;
  }

  std::size_t window() const override { return window_; } // nothing holds a sender back here

private:
  std::string payload_;
  std::string echo_;
  std::size_t window_;
  basp_settings settings_;
  caf::actor_system sys_;
  caf::scoped_actor self_;
  caf::actor server_;
};

} // namespace

contender basp() {
  contender result;
  result.name = "CAF BASP";
  result.about = "libcaf-io over loopback TCP, scoped_actor and anon_send";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string& greeting) {
    return std::make_unique<basp_caller>(mine, greeting);
  };
  return result;
}

} // namespace bench

#endif
