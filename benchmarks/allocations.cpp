#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

/// A count for each thread, so that counting does not slow down what is counted: a thread adds its own to the total now and then.
std::atomic<std::uint64_t> total{0};
thread_local std::uint32_t uncounted = 0;

void count() noexcept {
  constexpr std::uint32_t at_once = 64;
  if (++uncounted == at_once) {
    uncounted = 0;
    total.fetch_add(at_once, std::memory_order_relaxed);
  }
}

} // namespace

void* operator new(std::size_t size) {
  count();
  if (auto* result = std::malloc(size != 0 ? size : 1))
    return result;
  throw std::bad_alloc{};
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace bench {

allocation_count::allocation_count() noexcept : before_{::total} {
  // nop
}

std::uint64_t allocation_count::sum() const noexcept {
  return ::total - before_;
}

std::uint64_t allocation_count::total() noexcept {
  return ::total;
}

} // namespace bench
