#pragma once
// Ctrl-C and its like as something to ask for, so that a program can leave in order at any point of its life. `mailroom::system::run` does
// this for programs that spend their life in it.

namespace examples {

/// From now on an interrupt is noted, not obeyed.
void watch_interrupts();

/// From now on Ctrl-C is for others: a terminal sends it to every process of a command at once.
void ignore_interrupts();

/// The signal that told this program to end, or 0.
int interrupted() noexcept;

} // namespace examples
