// CAF within one process, as its users do it: a scoped_actor asks an actor, with the faster of its policies.

#include "contender.hpp"

#include <caf/all.hpp>

#include <stdexcept>

namespace bench {

namespace {

class sharing_settings : public caf::actor_system_config {
public:
  sharing_settings() { set("scheduler.policy", caf::atom("sharing")); }
};

class scoped_caller final : public caller {
public:
  explicit scoped_caller(const setting& mine) : payload_{payload_of(mine.what)}, sys_{settings_}, self_{sys_} {
    echo_actor_ = sys_.spawn(
      [](caf::event_based_actor*) -> caf::behavior { return {[](std::string& bytes) { return std::move(bytes); }}; });
  }

  std::string_view request() override {
    self_->request(echo_actor_, std::chrono::seconds{30}, payload_)
      .receive([this](std::string& bytes) { echo_ = std::move(bytes); },
               [this](const caf::error& why) { throw std::runtime_error{sys_.render(why)}; });
    return echo_;
  }

  void send() override { throw std::logic_error{"requests only"}; }
  std::uint64_t received() override { throw std::logic_error{"requests only"}; }

private:
  std::string payload_;
  std::string echo_;
  sharing_settings settings_;
  caf::actor_system sys_;
  caf::scoped_actor self_;
  caf::actor echo_actor_;
};

} // namespace

contender scoped_actor() {
  contender result;
  result.name = "CAF scoped_actor";
  result.about = "CAF alone, within one process: scoped_actor and policy sharing";
  result.requests_only = true;
  result.between_processes = false;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<scoped_caller>(mine); };
  return result;
}

} // namespace bench
