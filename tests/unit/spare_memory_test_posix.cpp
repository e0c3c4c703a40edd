// How much a thread keeps, by what malloc has given out.

#include <mailroom/runtime/spare_memory.hpp>

#include <support/catch.hpp>

#ifdef __GLIBC__

#include <malloc.h>
#include <thread>
#include <vector>

using mailroom::spare_memory;

namespace {

/// Bytes that malloc has given out; 0 under a sanitizer that brings a malloc of its own.
std::size_t given_out() {
  return mallinfo2().uordblks;
}

} // namespace

TEST_CASE("a thread that only gives back keeps no more than it may, and nothing when it ends", "[spare_memory]") {
  constexpr std::size_t size = 256;
  constexpr std::size_t count = 8 * spare_memory::most_kept / size;
  std::vector<void*> blocks;
  blocks.reserve(count);
  auto none = given_out();
  for (std::size_t i = 0; i < count; ++i)
    blocks.push_back(spare_memory::take(size));
  auto all = given_out();
  if (none != 0)
    REQUIRE(all - none >= count * size);
  std::size_t kept = 0;
  std::size_t before_thread = given_out();
  std::thread other{[&] {
    auto begin = given_out();
    for (auto* each : blocks)
      spare_memory::give(each, size);
    auto gone = begin - given_out();
    kept = count * size > gone ? count * size - gone : 0;
  }};
  other.join();
  constexpr std::size_t slack = std::size_t{8} << 10;
  if (none != 0) {
    CHECK(kept <= spare_memory::most_kept + slack);
    CHECK(kept + slack >= spare_memory::most_kept / 2);
    CHECK(before_thread - given_out() + slack >= count * size);
  }
}

#endif
