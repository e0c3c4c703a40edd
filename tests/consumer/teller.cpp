// Asks the bank of bank.cpp once it is there, and checks the answer.

#include "bank.hpp"

#include <mailroom/mailroom.hpp>

#include <chrono>
#include <iostream>
#include <thread>

int main() {
  mailroom::system sys;
  for (auto attempts = 100; attempts > 0; --attempts) {
    auto reply = sys.request<bank::balance>("bank/ledger", bank::deposit{"ada", 500});
    if (reply)
      return reply->cents == 500 ? 0 : 1;
    if (reply.error().code() != mailroom::errc::no_such_process
        && reply.error().code() != mailroom::errc::no_such_mailbox) {
      std::cerr << to_string(reply.error()) << '\n';
      return 1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{50}); // the bank is about to start
  }
  std::cerr << "the bank did not start\n";
  return 1;
}
