#pragma once
// Stands at the top of a test: what the test opened or started must be gone when it ends.

#include <support/catch.hpp>

#include <chrono>
#include <cstddef>
#include <thread>

namespace test {

/// What this process has open, and how many threads it runs.
struct footprint {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  friend bool operator==(const footprint&, const footprint&) = default;

  static footprint now();
};

class leak_check {
public:
  leak_check() : before_{footprint::now()} {
#ifdef __SANITIZE_THREAD__
    std::thread{[] {}}.join(); // the sanitizer's own thread comes with the first other one
#endif
    // a thread of an earlier test that was joined is still listed for a moment: until two looks agree
    for (footprint last; last != before_; before_ = footprint::now()) {
      last = before_;
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }
  leak_check(const leak_check&) = delete;
  leak_check& operator=(const leak_check&) = delete;

  ~leak_check() {
    // a thread that was joined is still listed for a moment
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    auto after = footprint::now();
    while (after != before_ && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
      after = footprint::now();
    }
    CHECK(after.descriptors == before_.descriptors);
    CHECK(after.threads == before_.threads);
  }

private:
  footprint before_;
};

} // namespace test
