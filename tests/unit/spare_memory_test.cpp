// Memory that a thread has given back is used again, by the same thread and for the same size.

#include <mailroom/runtime/spare_memory.hpp>

#include <support/catch.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using mailroom::spare_allocator;
using mailroom::spare_memory;
using mailroom::with_spare_memory;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kept = false; // else it could not see who uses what is gone
#else
constexpr bool kept = true;
#endif

/// The block that comes after one of `before` bytes was given back.
bool comes_back(std::size_t before, std::size_t after) {
  auto* first = spare_memory::take(before);
  std::memset(first, 1, before);
  spare_memory::give(first, before);
  auto* second = spare_memory::take(after);
  std::memset(second, 2, after);
  spare_memory::give(second, after);
  return first == second;
}

struct base {
  base() = default;
  explicit base(int n) : number{n} {}
  virtual ~base() = default;
  int number = 0;
};

} // namespace

TEST_CASE("memory that was given back is taken again, for sizes alike", "[spare_memory]") {
  CHECK(comes_back(100, 100) == kept);
  CHECK(comes_back(65, 128) == kept);
  CHECK(comes_back(1, 64) == kept);
  CHECK(comes_back(spare_memory::largest, spare_memory::largest) == kept);
}

TEST_CASE("blocks that are out at the same time are different ones", "[spare_memory]") {
  for (int round = 0; round < 3; ++round) {
    std::vector<char*> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(static_cast<char*>(spare_memory::take(200)));
      std::memset(all.back(), i, 200);
    }
    for (int i = 0; i < 100; ++i) {
      CHECK(std::string(all[static_cast<std::size_t>(i)], 200) == std::string(200, static_cast<char>(i)));
      spare_memory::give(all[static_cast<std::size_t>(i)], 200);
    }
  }
}

TEST_CASE("of large blocks and of none at all nothing is kept, and they work like others", "[spare_memory]") {
  for (auto size : {std::size_t{0}, spare_memory::largest + 1, std::size_t{1} << 20}) {
    auto* block = spare_memory::take(size);
    REQUIRE(block != nullptr);
    std::memset(block, 1, size);
    spare_memory::give(block, size);
  }
}

TEST_CASE("what one thread has taken another one gives back", "[spare_memory]") {
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; ++i)
    blocks.push_back(spare_memory::take(64));
  std::thread other{[&] {
    for (auto* each : blocks)
      spare_memory::give(each, 64);
    CHECK(comes_back(64, 64) == kept);
  }};
  other.join();
}

TEST_CASE("a shared pointer's object can lie in spare memory", "[spare_memory]") {
  const void* before = nullptr;
  {
    auto first = std::allocate_shared<std::string>(spare_allocator<std::string>{}, "ada");
    CHECK(*first == "ada");
    before = first.get();
  }
  auto second = std::allocate_shared<std::string>(spare_allocator<std::string>{}, "bob");
  CHECK(*second == "bob");
  CHECK((second.get() == before) == kept);
}

TEST_CASE("an object that is deleted as its base gives all of its memory back", "[spare_memory]") {
  std::unique_ptr<base> first = std::make_unique<with_spare_memory<base>>(4);
  CHECK(first->number == 4);
  const void* before = first.get();
  first.reset();
  std::unique_ptr<base> second = std::make_unique<with_spare_memory<base>>();
  CHECK(second->number == 0);
  CHECK((second.get() == before) == kept);
}
