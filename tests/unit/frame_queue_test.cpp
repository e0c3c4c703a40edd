// The frames that wait for a peer: bounded, in order, and none lost when the connection ends.

#include <mailroom/transports/frame_queue.hpp>

#include <support/catch.hpp>

#include <vector>

using mailroom::byte_buffer;
using mailroom::frame_queue;
using mailroom::send_mode;
using mailroom::transport_limits;

using namespace std::chrono_literals;

namespace {

transport_limits limits(std::size_t bytes, std::size_t messages) {
  return {bytes, messages, 1s};
}

byte_buffer frame(int tag, std::size_t size) {
  return byte_buffer(size, static_cast<std::byte>(tag));
}

} // namespace

TEST_CASE("an empty queue takes any one frame", "[frame_queue]") {
  frame_queue queue{limits(10, 2)};
  CHECK(queue.empty());
  CHECK(queue.fits(1'000'000, send_mode::bounded));
  queue.push(frame(1, 1'000'000));
  CHECK_FALSE(queue.empty());
  CHECK_FALSE(queue.fits(1, send_mode::bounded));
  CHECK_FALSE(queue.fits(1, send_mode::system));
  frame_queue none{limits(0, 0)};
  CHECK(none.fits(1, send_mode::bounded));
}

TEST_CASE("a queue is full at its bytes or its messages, whichever comes first", "[frame_queue]") {
  frame_queue by_bytes{limits(100, 1000)};
  by_bytes.push(frame(1, 60));
  CHECK(by_bytes.fits(40, send_mode::bounded));
  CHECK_FALSE(by_bytes.fits(41, send_mode::bounded));
  frame_queue by_messages{limits(1000, 2)};
  by_messages.push(frame(1, 1));
  CHECK(by_messages.fits(1, send_mode::bounded));
  by_messages.push(frame(2, 1));
  CHECK_FALSE(by_messages.fits(1, send_mode::bounded));
}

TEST_CASE("system frames may exceed the bounds once over", "[frame_queue]") {
  frame_queue queue{limits(100, 2)};
  queue.push(frame(1, 100));
  CHECK_FALSE(queue.fits(1, send_mode::bounded));
  CHECK(queue.fits(100, send_mode::system));
  CHECK_FALSE(queue.fits(101, send_mode::system));
  queue.push(frame(2, 1));
  queue.push(frame(3, 1));
  CHECK(queue.fits(1, send_mode::system));
  queue.push(frame(4, 1));
  CHECK_FALSE(queue.fits(1, send_mode::system));
}

TEST_CASE("bytes go away at the front, whole frames and parts", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  queue.push(frame(1, 10));
  queue.push(frame(2, 20));
  queue.push(frame(3, 30));
  CHECK(queue.bytes() == 60);
  queue.pop(4);
  CHECK(queue.offset() == 4);
  CHECK(queue.bytes() == 56);
  CHECK(queue.frames().size() == 3);
  queue.pop(6 + 20);
  CHECK(queue.offset() == 0);
  CHECK(queue.frames().size() == 1);
  CHECK(queue.frames().front() == frame(3, 30));
  queue.pop(29);
  CHECK(queue.offset() == 29);
  queue.pop(1);
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
  CHECK(queue.offset() == 0);
}

TEST_CASE("one step can take the end of one frame and the front of another", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  queue.push(frame(1, 10));
  queue.push(frame(2, 20));
  queue.pop(7);
  queue.pop(8);
  CHECK(queue.offset() == 5);
  CHECK(queue.frames().front() == frame(2, 20));
  CHECK(queue.bytes() == 15);
}

TEST_CASE("a frame of which a part is gone counts with the rest", "[frame_queue]") {
  frame_queue queue{limits(100, 10)};
  queue.push(frame(1, 90), 50);
  CHECK(queue.offset() == 50);
  CHECK(queue.bytes() == 40);
  CHECK(queue.fits(60, send_mode::bounded));
  CHECK_FALSE(queue.fits(61, send_mode::bounded));
}

TEST_CASE("a queue is roomy again when it is half empty", "[frame_queue]") {
  frame_queue queue{limits(100, 4)};
  CHECK(queue.roomy());
  queue.push(frame(1, 50));
  CHECK(queue.roomy());
  queue.push(frame(2, 1));
  CHECK_FALSE(queue.roomy());
  queue.pop(1);
  CHECK(queue.roomy());
  queue.push(frame(3, 1), 0);
  CHECK_FALSE(queue.roomy()); // three of four messages
  queue.pop(49);
  CHECK(queue.roomy());
}

TEST_CASE("what was not given away whole is taken in order", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  for (int tag = 1; tag <= 4; ++tag)
    queue.push(frame(tag, 10));
  queue.pop(15);
  CHECK(queue.take_all() == std::vector<byte_buffer>{frame(2, 10), frame(3, 10), frame(4, 10)});
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
  CHECK(queue.offset() == 0);
  CHECK(queue.take_all().empty());
  queue.push(frame(5, 10));
  CHECK(queue.frames().front() == frame(5, 10));
}

TEST_CASE("the first frame can be taken whole", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  queue.push(frame(1, 10));
  queue.push(frame(2, 20));
  CHECK(queue.pop_front() == frame(1, 10));
  CHECK(queue.bytes() == 20);
  CHECK(queue.pop_front() == frame(2, 20));
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
}

TEST_CASE("of the buffers of large frames that are gone one is kept, once", "[frame_queue]") {
  frame_queue queue{limits(std::size_t{100} << 20, 10)};
  for (std::size_t size : {std::size_t{100}, std::size_t{1} << 20, std::size_t{8} << 20, std::size_t{100} << 10})
    queue.push(frame(1, size));
  queue.pop(queue.bytes());
  CHECK(queue.empty());
  auto spare = queue.take_spare();
  CHECK(spare.capacity() == std::size_t{1} << 20); // neither the small ones nor the huge one
  CHECK(queue.take_spare().capacity() == 0);
}
