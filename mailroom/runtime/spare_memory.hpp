#pragma once
// Memory of what comes and goes with each message. A thread keeps some of what it gives back for the next of that size, which costs a fraction of
// malloc where many messages are under way: malloc keeps seven blocks of a size for a thread, and a round of reading takes a hundred.

#include <mailroom/export.hpp>

#include <cstddef>

namespace mailroom {

/// Any thread may give back what another one took. Under the address sanitizer nothing is kept, so that it sees who uses what is gone.
class MAILROOM_EXPORT spare_memory {
public:
  /// What a thread keeps of each size, and the largest size of which it keeps any.
  static constexpr std::size_t most_kept = std::size_t{64} << 10;
  static constexpr std::size_t largest = 512;

  /// Memory for any object of `size` bytes that asks for no more than the usual alignment. Throws `std::bad_alloc`.
  static void* take(std::size_t size);

  /// `size` is what was asked for.
  static void give(void* memory, std::size_t size) noexcept;
};

/// For `std::allocate_shared`.
template <class T> class spare_allocator {
public:
  using value_type = T;

  spare_allocator() = default;
  template <class Other> spare_allocator(const spare_allocator<Other>&) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(spare_memory::take(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { spare_memory::give(memory, count * sizeof(T)); }

  template <class Other> bool operator==(const spare_allocator<Other>&) const noexcept { return true; }
};

/// A `T` whose memory is used again. For what is made and deleted as just this type, or has a virtual destructor.
template <class T> class with_spare_memory : public T {
public:
  using T::T;

  static void* operator new(std::size_t size) { return spare_memory::take(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { spare_memory::give(memory, size); }
};

} // namespace mailroom
