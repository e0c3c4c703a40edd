#pragma once
// How often this process asks for memory: the benchmark has an operator new of its own, which counts.

#include <cstdint>

namespace bench {

/// Since it was made; of all threads.
class allocation_count {
public:
  allocation_count() noexcept;

  std::uint64_t sum() const noexcept;

  /// In all, ever.
  static std::uint64_t total() noexcept;

private:
  std::uint64_t before_;
};

} // namespace bench
