// What waits for a session: in order, within bounds, and taken out by request, by life or by time.

#include <mailroom/runtime/waiting_frames.hpp>

#include <support/catch.hpp>

using mailroom::byte_buffer;
using mailroom::waiting_frame;
using mailroom::waiting_frames;
using namespace std::chrono_literals;

namespace {

const waiting_frames::time_point start{1h};

waiting_frame frame(std::uint64_t request, std::size_t size = 10, waiting_frames::time_point until = {}) {
  return {byte_buffer(size), request, {}, until};
}

template <class Frames> std::vector<std::uint64_t> requests(const Frames& what) {
  std::vector<std::uint64_t> result;
  for (auto& each : what)
    result.push_back(each.request);
  return result;
}

using numbers = std::vector<std::uint64_t>;

} // namespace

TEST_CASE("frames wait in their order", "[waiting_frames]") {
  waiting_frames all;
  CHECK(all.empty());
  for (std::uint64_t i = 1; i <= 3; ++i)
    all.push(frame(i));
  CHECK(all.front().request == 1);
  all.pop();
  CHECK(requests(all) == numbers{2, 3});
  CHECK(requests(all.take_all()) == numbers{2, 3});
  CHECK(all.empty());
}

TEST_CASE("some are taken out, in their order, and the others keep theirs", "[waiting_frames]") {
  waiting_frames all;
  for (std::uint64_t i = 1; i <= 7; ++i)
    all.push(frame(i));
  CHECK(requests(all.take_if([](const waiting_frame& each) { return each.request % 2 == 0; })) == numbers{2, 4, 6});
  CHECK(requests(all) == numbers{1, 3, 5, 7});
  CHECK(all.take_if([](const waiting_frame&) { return false; }).empty());
  CHECK(requests(all) == numbers{1, 3, 5, 7});
}

TEST_CASE("the bounds are of bytes and of frames, and the first one is above them", "[waiting_frames]") {
  waiting_frames all;
  CHECK(all.fits(1000, 100, 3));
  all.push(frame(1, 90));
  CHECK(all.fits(10, 100, 3));
  CHECK_FALSE(all.fits(11, 100, 3));
  all.push(frame(2, 0));
  CHECK(all.fits(10, 100, 3));
  all.push(frame(3, 0));
  CHECK_FALSE(all.fits(0, 100, 3));
}

TEST_CASE("whoever goes makes room for as many bytes, in whichever way", "[waiting_frames]") {
  waiting_frames all;
  auto room = [&](std::size_t size) { return all.fits(size, 100, 1000) && !all.fits(size + 1, 100, 1000); };
  for (std::uint64_t i = 1; i <= 4; ++i)
    all.push(frame(i, 20));
  CHECK(room(20));
  all.pop();
  CHECK(room(40));
  all.take_if([](const waiting_frame& each) { return each.request == 3; });
  CHECK(room(60));
  all.take_all();
  all.push(frame(5, 1));
  CHECK(room(99));
}

TEST_CASE("the most patient one says how long to look for the process", "[waiting_frames]") {
  waiting_frames all;
  CHECK(all.patience() == waiting_frames::time_point{});
  all.push(frame(1, 1, start + 1s));
  all.push(frame(2, 1, start + 3s));
  all.push(frame(3, 1, start + 2s));
  CHECK(all.patience() == start + 3s);
  all.be_patient(start + 2s);
  std::vector<waiting_frames::time_point> times;
  for (auto& each : all)
    times.push_back(each.until);
  CHECK(times == std::vector<waiting_frames::time_point>{start + 2s, start + 3s, start + 2s});
}
