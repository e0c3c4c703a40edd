// A process that uses the bank's mailbox. In one terminal start `teller`: there is no bank. In another start `bank`, then `teller` again: it
// makes a deposit every half second. Now let the bank be late (Ctrl-Z there, and `fg` a second or two later), stop it (Ctrl-C) and start it
// again, and see what the teller says. `bank_story` does all that by itself.

#include "bank.hpp"

#include <mailroom/mailroom.hpp>

#include <iostream>

using namespace std::chrono_literals;

namespace {

void say(const std::string& what) {
  std::cout << "teller: " << what << std::endl;
}

int complain(const std::string& what) {
  say(what);
  return 1;
}

/// An actor of the teller's: CAF's own verbs, and a mailbox that happens to be in another process.
caf::behavior customer(caf::event_based_actor* self, mailroom::system& sys) {
  auto on_balance = [](const bank::balance& now) { say("the balance is " + std::to_string(now.cents)); };
  auto on_error = [](const caf::error& why) { say(to_string(mailroom::error{why}.or_about("bank/ledger"))); };

  // clang-format off
  auto ledger = sys.mailbox("bank/ledger");          // caf::actor; never blocks, never fails
  self->request(ledger, 1s, bank::deposit{"ada", 500}).then(on_balance, on_error);
  self->send(ledger, bank::deposit{"ada", 1});
  self->monitor(ledger);                              // down_msg when the mailbox or its whole process is gone
  // clang-format on

  // One down_msg per monitor: the next bank needs a monitor of its own. It needs no new handle, since `ledger` is bound to the name.
  auto watching = std::make_shared<bool>(true);
  self->set_down_handler([=](const caf::down_msg& down) {
    *watching = false;
    say("down: " + to_string(mailroom::error{down.reason}));
  });

  self->delayed_send(self, 500ms, 1);
  auto make_deposit = [=](int number) {
    auto deposit = "deposit " + std::to_string(number) + ": ";
    auto next = [=] { self->delayed_send(self, 500ms, number + 1); };
    // Exactly one of the two is called, once. After a timeout the bank may still get the deposit; its late reply shows up nowhere.
    self->request(ledger, 1s, bank::deposit{"ada", 1})
      .then(
        [=](const bank::balance& now) {
          say(deposit + "the balance is " + std::to_string(now.cents));
          if (!std::exchange(*watching, true))
            self->monitor(ledger);
          next();
        },
        [=](const caf::error& why) {
          say(deposit + to_string(mailroom::error{why}.or_about("bank/ledger")));
          next();
        });
  };
  return {make_deposit, on_balance}; // what answers a `send` comes as a message like any other
}

} // namespace

// clang-format off
int main() {
  mailroom::system sys; // no name given: "teller-4711", the program's name and its pid
  auto reply = sys.request<bank::balance>("bank/ledger", bank::deposit{"ada", 500}); // waits, 5 s unless told otherwise
  if (!reply)
    return complain(to_string(reply.error())); // "bank/ledger: no such process"
  sys.send("bank/ledger", bank::deposit{"ada", 1}); // does not wait
  // clang-format on

  sys.spawn("customer", [&](caf::event_based_actor* self) { return customer(self, sys); });
  sys.run();
}
