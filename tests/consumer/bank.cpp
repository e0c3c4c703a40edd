#include "bank.hpp"

#include <mailroom/mailroom.hpp>

int main() {
  mailroom::system sys{{.process = "bank"}};
  sys.spawn("ledger", [](caf::event_based_actor*) -> caf::behavior {
    auto total = std::make_shared<std::int64_t>(0);
    return {[=](const bank::deposit& d) { return bank::balance{*total += d.cents}; }};
  });
  sys.run(); // until SIGINT, SIGTERM or sys.stop()
}
