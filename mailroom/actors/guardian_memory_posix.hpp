#pragma once
// A guardian has a copy of its parent's memory, of which each page that either of them writes to is there twice from then on. It would be for as
// long as the guardian lives, so it gives back what it does not need.

namespace mailroom {

/// The memory that a thread runs on: its stack, and what the C library keeps beside that.
struct thread_memory {
  unsigned long begin = 0;
  unsigned long end = 0;

  /// Empty where it is not known.
  static thread_memory of_this_thread() noexcept;

  bool holds(const void* pointer) const noexcept {
    auto at = reinterpret_cast<unsigned long>(pointer);
    return begin <= at && at < end;
  }
};

/// Unmaps everything but `mine`, where the caller runs, and what is mapped of programs and libraries, with their variables. Does nothing where it
/// does not understand how things lie.
void forget_memory(const thread_memory& mine) noexcept;

} // namespace mailroom
