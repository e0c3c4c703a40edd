#pragma once
// Stands at the top of a test: what the test opened or started must be gone when it ends.

#include <support/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>

namespace test {

/// What this process has open, and which threads it runs.
struct footprint {
  std::size_t descriptors = 0;
  std::set<std::uint32_t> threads{};

  static footprint now();

  /// Whether there is nothing but what was there before, of which a thread that was about to end may be gone.
  bool adds_nothing_to(const footprint& before) const {
    return descriptors == before.descriptors && std::ranges::includes(before.threads, threads);
  }
};

class leak_check {
public:
  leak_check() {
#ifdef __SANITIZE_THREAD__
    std::thread{[] {}}.join(); // the sanitizer's own thread comes with the first other one
#endif
    before_ = footprint::now();
  }
  leak_check(const leak_check&) = delete;
  leak_check& operator=(const leak_check&) = delete;

  ~leak_check() {
    // a thread that was joined is still listed for a moment
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    auto after = footprint::now();
    while (!after.adds_nothing_to(before_) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
      after = footprint::now();
    }
    CHECK(after.descriptors == before_.descriptors);
    std::erase_if(after.threads, [&](auto each) { return before_.threads.contains(each); });
    CHECK(after.threads.empty());
  }

private:
  footprint before_;
};

} // namespace test
