// CAF's own way between processes: BASP over loopback TCP, as libcaf-io brings it.

#include "contender.hpp"
#ifdef MAILROOM_BENCH_BASP

#include "caf_caller.hpp"
#include "peer.hpp"

#include <caf/io/all.hpp>

namespace bench {

namespace {

constexpr auto loopback = "127.0.0.1";

class basp_settings : public sharing_settings {
public:
  basp_settings() { load<caf::io::middleman>(); }
};

void serve(const setting&) {
  basp_settings settings;
  caf::actor_system sys{settings};
  auto actor = sys.spawn(echo_and_count);
  auto port = sys.middleman().publish(actor, 0, loopback);
  if (!port)
    throw std::runtime_error{sys.render(port.error())};
  tell_caller(std::to_string(*port));
  await_end();
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

class basp_caller final : public caf_caller<basp_settings> {
public:
  basp_caller(const setting& mine, const std::string& port) : caf_caller{mine} {
    auto found = system().middleman().remote_actor(loopback, static_cast<std::uint16_t>(std::stoi(port)));
    if (!found)
      throw std::runtime_error{system().render(found.error())};
    reach(*found);
  }
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
