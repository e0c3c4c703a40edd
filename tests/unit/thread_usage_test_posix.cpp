// What a thread has had of the processor: work and sleep are told apart.

#include <mailroom/runtime/thread_usage.hpp>

#include <support/catch.hpp>

#include <atomic>
#include <chrono>
#include <sched.h>
#include <thread>

using mailroom::thread_usage;
using namespace std::chrono_literals;

TEST_CASE("a thread that works is counted as working", "[thread_usage]") {
  auto before = thread_usage::now();
  REQUIRE(before);
  auto worked = [&] { return thread_usage::now()->worked - before->worked; };
  auto until = std::chrono::steady_clock::now() + 30s;
  while (worked() < 20ms && std::chrono::steady_clock::now() < until) {
  }
  CHECK(worked() >= 20ms);
}

TEST_CASE("a thread that sleeps is counted as waiting, and works little meanwhile", "[thread_usage]") {
  auto before = thread_usage::now();
  REQUIRE(before);
  for (int i = 0; i < 3; ++i)
    std::this_thread::sleep_for(30ms); // is what is counted
  auto after = thread_usage::now();
  CHECK(after->waits >= before->waits + 3);
  CHECK(after->worked - before->worked < 60ms);
}

TEST_CASE("a thread that loses its core to another one is interrupted", "[thread_usage]") {
  cpu_set_t one_core;
  CPU_ZERO(&one_core);
  CPU_SET(::sched_getcpu(), &one_core);
  std::atomic<bool> stop{false};
  std::atomic<bool> interrupted{false};
  std::atomic<int> pinned{0};
  auto work = [&](bool counts) {
    pinned += ::sched_setaffinity(0, sizeof(one_core), &one_core) == 0 ? 1 : 0; // this thread
    auto before = thread_usage::now();
    for (auto until = std::chrono::steady_clock::now() + 30s; !stop && std::chrono::steady_clock::now() < until;)
      if (counts && thread_usage::now()->interruptions > before->interruptions) {
        interrupted = true;
        stop = true;
      }
  };
  std::thread other{work, false};
  std::thread counting{work, true};
  counting.join();
  stop = true;
  other.join();
  CHECK(pinned == 2);
  CHECK(interrupted);
}
