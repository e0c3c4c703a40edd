#include "interrupts.hpp"

#include <atomic>
#include <csignal>

namespace examples {

namespace {

std::atomic<int> noted{0};
static_assert(std::atomic<int>::is_always_lock_free); // else not for a signal handler

extern "C" void note_interrupt(int signal) {
  noted = signal;
}

void set_keyboard_handler(void (*handler)(int)) {
  std::signal(SIGINT, handler);
#ifdef SIGHUP
  std::signal(SIGHUP, handler); // the terminal was closed
#endif
}

} // namespace

void watch_interrupts() {
  set_keyboard_handler(note_interrupt);
  std::signal(SIGTERM, note_interrupt);
#ifdef SIGBREAK
  std::signal(SIGBREAK, note_interrupt); // how one program tells another on Windows
#endif
}

void ignore_interrupts() {
  set_keyboard_handler(SIG_IGN);
}

int interrupted() noexcept {
  return noted;
}

} // namespace examples
