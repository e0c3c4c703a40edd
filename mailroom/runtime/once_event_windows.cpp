#include <mailroom/runtime/once_event.hpp>

#include <algorithm>
#include <windows.h>

namespace mailroom {

namespace {

static_assert(sizeof(SRWLOCK) == sizeof(void*) && sizeof(CONDITION_VARIABLE) == sizeof(void*));

SRWLOCK* lock_of(void*& place) {
  return reinterpret_cast<SRWLOCK*>(&place);
}

CONDITION_VARIABLE* condition_of(void*& place) {
  return reinterpret_cast<CONDITION_VARIABLE*>(&place);
}

} // namespace

void once_event::happen() {
  ::AcquireSRWLockExclusive(lock_of(lock_));
  happened_.store(true, std::memory_order_release);
  ::ReleaseSRWLockExclusive(lock_of(lock_));
  ::WakeAllConditionVariable(condition_of(changed_));
}

bool once_event::wait_until(std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  constexpr std::chrono::hours slice{1}; // the system counts milliseconds in 32 bits
  ::AcquireSRWLockExclusive(lock_of(lock_));
  while (!happened()) {
    auto now = std::chrono::steady_clock::now();
    if (now >= deadline)
      break;
    auto left = std::min<std::chrono::steady_clock::duration>(deadline - now, slice);
    ::SleepConditionVariableSRW(condition_of(changed_), lock_of(lock_),
                                static_cast<DWORD>(std::chrono::ceil<milliseconds>(left).count()), 0);
  }
  auto result = happened();
  ::ReleaseSRWLockExclusive(lock_of(lock_));
  return result;
}

} // namespace mailroom
