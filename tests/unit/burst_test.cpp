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

TEST_CASE("frames in close succession become a burst, and a long pause ends it", "[burst]") {
  burst frames;
  auto now = start;
  CHECK_FALSE(frames.goes_on(now));
  for (int i = 1; i < burst::length; ++i)
    CHECK_FALSE(frames.goes_on(now += 1us));
  CHECK(frames.goes_on(now += 1us));
  CHECK(frames.goes_on(now += burst::gap - 1ns));
  for (int i = 0; i < 1000; ++i)
    frames.goes_on(now += 1us);
  CHECK_FALSE(frames.goes_on(now += burst::pause));
  CHECK_FALSE(frames.goes_on(now += 1us));
}

TEST_CASE("a short pause now and then does not end a burst, a few in a row do", "[burst]") {
  burst frames;
  auto now = start;
  for (int i = 0; i < 2 * burst::length; ++i)
    frames.goes_on(now += 1us);
  for (int pauses = 0; pauses < 100; ++pauses) {
    CHECK(frames.goes_on(now += burst::gap));
    for (int i = 0; i < burst::length; ++i)
      CHECK(frames.goes_on(now += 1us));
  }
  CHECK(frames.goes_on(now += burst::gap));
  CHECK(frames.goes_on(now += burst::gap));
  for (int i = 0; i < 100; ++i)
    CHECK_FALSE(frames.goes_on(now += burst::gap));
}

TEST_CASE("a pause in which the thread had lost its core is none of its own, however long", "[burst]") {
  burst frames;
  auto now = start;
  int asked = 0;
  auto lost = [&] { return ++asked > 0; };
  auto kept = [&] { return ++asked < 0; };
  for (int i = 0; i < 2 * burst::length; ++i)
    frames.goes_on(now += 1us, lost);
  CHECK(asked == 0); // there was no pause
  for (int pauses = 1; pauses <= 100; ++pauses) {
    CHECK(frames.goes_on(now += 2 * burst::pause, lost));
    CHECK(asked == pauses);
  }
  CHECK_FALSE(frames.goes_on(now += burst::pause, kept));
  asked = 0;
  for (int pauses = 0; pauses < 100; ++pauses)
    CHECK_FALSE(frames.goes_on(now += burst::pause, lost));
  CHECK(asked == 0); // nothing of a burst was left
}

TEST_CASE("frames that nobody times count by the time that each of them took", "[burst]") {
  burst frames;
  auto now = start;
  CHECK_FALSE(frames.is_on());
  for (int i = 0; i < 3 * burst::length; ++i)
    frames.goes_on(now += 1us);
  CHECK(frames.is_on());
  for (int pauses = 0; pauses < 100; ++pauses) {
    for (int i = 0; i < 9; ++i)
      frames.follow();
    CHECK(frames.goes_on(now += 10 * burst::gap - 10ns));
  }
  CHECK(frames.is_on());
  for (int pauses = 0; pauses < burst::length; ++pauses) {
    frames.follow();
    frames.goes_on(now += 2 * burst::gap);
  }
  CHECK_FALSE(frames.is_on());
}

TEST_CASE("where writes take long, frames that follow them closely are a burst all the same", "[burst]") {
  burst frames{burst::gap_after_write};
  auto now = start;
  for (int i = 0; i < 2 * burst::length; ++i) {
    frames.goes_on(now += burst::gap_after_write - 1ns);
    frames.wrote(now += 10 * burst::gap);
  }
  CHECK(frames.goes_on(now += 1us));
  frames.wrote(now += 10 * burst::gap);
  CHECK_FALSE(frames.goes_on(now += burst::pause));
}
