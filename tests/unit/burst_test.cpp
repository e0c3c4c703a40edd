// Frames in close succession are a burst; a lone one, and the first few of a burst, are not.

#include <mailroom/transports/burst.hpp>

#include <support/catch.hpp>

using mailroom::burst;
using namespace std::chrono_literals;

namespace {

const burst::clock::time_point start{1h};

} // namespace

TEST_CASE("a lone frame is no burst, and neither are slow ones", "[burst]") {
  burst frames;
  for (int i = 0; i < 100; ++i)
    CHECK_FALSE(frames.goes_on(start + i * burst::gap));
}

TEST_CASE("frames in close succession become a burst, and a pause ends it", "[burst]") {
  burst frames;
  auto now = start;
  CHECK_FALSE(frames.goes_on(now));
  for (int i = 1; i < burst::length; ++i)
    CHECK_FALSE(frames.goes_on(now += 1us));
  CHECK(frames.goes_on(now += 1us));
  CHECK(frames.goes_on(now += burst::gap - 1ns));
  CHECK_FALSE(frames.goes_on(now += burst::gap));
  CHECK_FALSE(frames.goes_on(now += 1us));
}
