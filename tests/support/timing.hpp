#pragma once
// What a test may say of time. A machine that is busy with something else holds up any single try for as long as it likes, so an upper limit is asked
// of the best of many tries: what is too slow by itself misses it each time.

#include <chrono>

namespace test {

/// Whether `run`, which returns how long it took, stays below `limit` at one of its tries; it ends with the first that does.
template <class Run> bool once_within(std::chrono::steady_clock::duration limit, Run run, int tries = 20) {
  for (auto i = 0; i < tries; ++i)
    if (run() < limit)
      return true;
  return false;
}

/// The running time of a test that repeats: `usual` rounds in CI; MAILROOM_TEST_ROUNDS says otherwise ("full": `full`).
int rounds(int usual, int full);

} // namespace test
