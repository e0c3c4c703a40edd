#include <mailroom/runtime/spare_memory.hpp>

#include <array>
#include <new>

namespace mailroom {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool keeps = false;
#else
constexpr bool keeps = true;
#endif

/// Sizes are rounded up to a multiple of this.
constexpr std::size_t step = 64;

struct spare_block {
  spare_block* next;
};

struct shelf {
  spare_block* first = nullptr;
  std::size_t bytes = 0;
};

using shelves = std::array<shelf, spare_memory::largest / step>;

thread_local constinit shelves shelves_of_this_thread{};
thread_local constinit bool thread_ends = false;

/// At the end of a thread: what it has kept goes, and what is given back later is not kept.
struct sweeper {
  ~sweeper() {
    thread_ends = true;
    for (auto& each : shelves_of_this_thread)
      while (auto* block = each.first) {
        each.first = block->next;
        ::operator delete(block);
      }
  }
};

shelf& shelf_for(std::size_t size) noexcept {
  return shelves_of_this_thread[(size - 1) / step];
}

constexpr std::size_t rounded(std::size_t size) noexcept {
  return (size + step - 1) / step * step;
}

} // namespace

void* spare_memory::take(std::size_t size) {
  if (!keeps || size == 0 || size > largest)
    return ::operator new(size);
  auto& from = shelf_for(size);
  if (auto* block = from.first) {
    from.first = block->next;
    from.bytes -= rounded(size);
    return block;
  }
  return ::operator new(rounded(size));
}

void spare_memory::give(void* memory, std::size_t size) noexcept {
  if (!keeps || size == 0 || size > largest || thread_ends) {
    ::operator delete(memory);
    return;
  }
  static thread_local sweeper at_the_end;
  static_cast<void>(at_the_end);
  auto& to = shelf_for(size);
  if (to.bytes + rounded(size) > most_kept) {
    ::operator delete(memory);
    return;
  }
  to.bytes += rounded(size);
  to.first = ::new (memory) spare_block{to.first};
}

} // namespace mailroom
