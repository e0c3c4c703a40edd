// The story of the bank and the teller in one command: plays the part of the user who starts and stops the two in their terminals. Waits after
// each step for what the teller must say, and fails where it does not, so that it is a test as well.

#include "bank.hpp"

#include "child_process.hpp"
#include "interrupts.hpp"
#include "private_directory.hpp"

#include <mailroom/mailroom.hpp>

#include <iostream>
#include <thread>

using namespace std::chrono_literals;
using examples::child_process;

namespace {

void tell(const std::string& what) {
  std::cout << "\n== " << what << std::endl;
}

/// Reads on what the teller says, up to a line with `text`, and returns that.
std::string hear(child_process& teller, std::string_view text) {
  auto deadline = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < deadline) {
    auto line = teller.read_line(100ms);
    if (examples::interrupted())
      throw std::runtime_error{"interrupted"};
    if (!line)
      continue;
    std::cout << *line << std::endl;
    if (line->find(text) != std::string::npos)
      return *line;
  }
  throw std::runtime_error{"the teller should have said: " + std::string{text}};
}

/// A process can be reached a moment before its mailboxes have their names, so this looks for the mailbox.
void wait_for_ledger(mailroom::system& sys) {
  auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!sys.request<bank::balance>("bank/ledger", bank::deposit{"nobody", 0})) {
    if (examples::interrupted() || std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error{"the bank did not start"};
    std::this_thread::sleep_for(10ms);
  }
}

void story() {
  examples::private_directory directory{"bank"}; // the bank of another story is none of our business
  mailroom::system sys{{.directory = directory.path(), .log_level = mailroom::level::error}};

  auto start = [&](const std::string& program, bool captured) {
    return child_process{examples::this_program().parent_path() / program,
                         {},
                         {{"MAILROOM_DIR=" + directory.path().string()}, captured, true}};
  };
  auto start_bank = [&] { return start("bank", false); };
  auto start_teller = [&] { return start("teller", true); };

  tell("The bank is not running");
  auto early = start_teller();
  hear(early, "bank/ledger: no such process");

  tell("The bank is running");
  auto bank = start_bank();
  wait_for_ledger(sys);
  auto teller = start_teller();
  hear(teller, "the balance is 1001");
  hear(teller, "deposit 1: the balance is");

  tell("The bank answers late: the request ends at its deadline, and the reply that comes after it shows up nowhere");
  bank.suspend();
  auto late = hear(teller, ": bank/ledger: timeout");
  bank.resume();
  auto next = hear(teller, "the balance is");
  if (next.find(": deposit ") == std::string::npos || next.rfind(late.substr(0, late.find(": bank")), 0) == 0)
    throw std::runtime_error{"the late reply showed up"};

  tell("The bank is killed: whoever watches the mailbox hears of it, and why");
  bank.kill();
  hear(teller, "down: bank/ledger:");
  hear(teller, "bank/ledger: no such process");

  tell("The bank is started again: the same handle reaches the new one, which knows nothing of the old one's balance");
  auto next_bank = start_bank();
  hear(teller, "the balance is");

  tell("That is all");
}

} // namespace

int main() {
  examples::watch_interrupts();
  try {
    story();
  } catch (const std::exception& what) {
    std::cerr << "bank_story: " << what.what() << '\n';
    return 1;
  }
}
