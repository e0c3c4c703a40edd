// The frames that wait for a peer: bounded, in order, gathered where they are small, and none lost when the connection ends.

#include <mailroom/transports/frame_queue.hpp>

#include <support/catch.hpp>

#include <vector>

using mailroom::byte_buffer;
using mailroom::frame_header_size;
using mailroom::frame_kind;
using mailroom::frame_queue;
using mailroom::frame_writer;
using mailroom::send_mode;
using mailroom::transport_limits;

using namespace std::chrono_literals;

namespace {

constexpr auto large = frame_queue::small + 1;

transport_limits limits(std::size_t bytes, std::size_t messages) {
  return {bytes, messages, 1s};
}

/// A frame of `size` bytes in all.
byte_buffer frame(int tag, std::size_t size) {
  byte_buffer result;
  frame_writer out{result, frame_kind::message, static_cast<std::uint64_t>(tag)};
  result.resize(size, static_cast<std::byte>(tag));
  out.finish();
  return result;
}

void push_copy(frame_queue& queue, const byte_buffer& what) {
  queue.push(std::span<const std::byte>{what});
}

byte_buffer joined(const std::vector<byte_buffer>& frames) {
  byte_buffer result;
  for (auto& each : frames)
    result.insert(result.end(), each.begin(), each.end());
  return result;
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
  push_copy(by_bytes, frame(1, 60));
  CHECK(by_bytes.fits(40, send_mode::bounded));
  CHECK_FALSE(by_bytes.fits(41, send_mode::bounded));
  frame_queue by_messages{limits(1000, 2)};
  push_copy(by_messages, frame(1, 20));
  CHECK(by_messages.fits(20, send_mode::bounded));
  push_copy(by_messages, frame(2, 20));
  CHECK_FALSE(by_messages.fits(20, send_mode::bounded));
}

TEST_CASE("system frames may exceed the bounds once over", "[frame_queue]") {
  frame_queue queue{limits(100, 2)};
  push_copy(queue, frame(1, 100));
  CHECK_FALSE(queue.fits(1, send_mode::bounded));
  CHECK(queue.fits(100, send_mode::system));
  CHECK_FALSE(queue.fits(101, send_mode::system));
  push_copy(queue, frame(2, 20));
  push_copy(queue, frame(3, 20));
  CHECK(queue.fits(20, send_mode::system));
  push_copy(queue, frame(4, 20));
  CHECK_FALSE(queue.fits(20, send_mode::system));
}

TEST_CASE("small frames are gathered in one piece, large ones keep their own", "[frame_queue]") {
  frame_queue queue{limits(std::size_t{1} << 20, 100)};
  push_copy(queue, frame(1, 20));
  push_copy(queue, frame(2, 30));
  REQUIRE(queue.pieces().size() == 1);
  CHECK(queue.pieces().front().bytes == joined({frame(1, 20), frame(2, 30)}));
  CHECK(queue.size() == 2);
  queue.push(frame(3, large));
  push_copy(queue, frame(4, 20));
  CHECK(queue.pieces().size() == 3);
  CHECK(queue.size() == 4);
  CHECK(queue.bytes() == 70 + large);
}

TEST_CASE("a piece of small frames has an end", "[frame_queue]") {
  frame_queue queue{limits(std::size_t{1} << 20, 1000)};
  constexpr auto each = frame_queue::small;
  constexpr auto in_one = frame_queue::piece_size / each;
  for (std::size_t i = 0; i < in_one; ++i)
    push_copy(queue, frame(1, each));
  CHECK(queue.pieces().size() == 1);
  push_copy(queue, frame(2, frame_header_size));
  CHECK(queue.pieces().size() == 2);
}

TEST_CASE("bytes go away at the front, whole pieces and parts", "[frame_queue]") {
  frame_queue queue{limits(1'000'000, 10)};
  push_copy(queue, frame(1, 20));
  push_copy(queue, frame(2, 20));
  queue.push(frame(3, large));
  queue.pop(4);
  CHECK(queue.offset() == 4);
  CHECK(queue.bytes() == 36 + large);
  CHECK(queue.pieces().size() == 2);
  queue.pop(20);
  CHECK(queue.offset() == 24);
  CHECK(queue.size() == 3); // those of a piece count until all of it is gone
  queue.pop(16 + 5);
  CHECK(queue.offset() == 5);
  CHECK(queue.size() == 1);
  CHECK(queue.pieces().front().bytes == frame(3, large));
  queue.pop(large - 5);
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
  CHECK(queue.size() == 0);
  CHECK(queue.offset() == 0);
}

TEST_CASE("a frame of which a part is gone counts with the rest", "[frame_queue]") {
  frame_queue queue{limits(100, 10)};
  push_copy(queue, frame(1, 90));
  queue.pop(50);
  CHECK(queue.bytes() == 40);
  CHECK(queue.fits(60, send_mode::bounded));
  CHECK_FALSE(queue.fits(61, send_mode::bounded));
}

TEST_CASE("a queue is roomy again when it is half empty", "[frame_queue]") {
  frame_queue queue{limits(100, 4)};
  CHECK(queue.roomy());
  queue.push(frame(1, 50));
  CHECK(queue.roomy());
  queue.push(frame(2, 16));
  CHECK_FALSE(queue.roomy());
  queue.pop(16);
  CHECK(queue.roomy());
  queue.push(frame(3, 0 + 16));
  CHECK_FALSE(queue.roomy()); // three of four messages
  queue.pop(34);
  CHECK(queue.roomy());
}

TEST_CASE("what was not given away whole is taken in order", "[frame_queue]") {
  frame_queue queue{limits(1'000'000, 10)};
  for (int tag = 1; tag <= 3; ++tag)
    push_copy(queue, frame(tag, 20));
  queue.push(frame(4, large));
  push_copy(queue, frame(5, 20));
  queue.pop(30);
  CHECK(queue.take_all() == std::vector<byte_buffer>{frame(2, 20), frame(3, 20), frame(4, large), frame(5, 20)});
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
  CHECK(queue.size() == 0);
  CHECK(queue.offset() == 0);
  CHECK(queue.take_all().empty());
  push_copy(queue, frame(6, 20));
  CHECK(queue.pieces().front().bytes == frame(6, 20));
}

TEST_CASE("a frame whose last byte is gone is given away", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  push_copy(queue, frame(1, 20));
  push_copy(queue, frame(2, 20));
  queue.pop(20);
  CHECK(queue.take_all() == std::vector<byte_buffer>{frame(2, 20)});
}

TEST_CASE("the first piece can be taken whole", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  queue.push(frame(1, 20));
  queue.push(frame(2, 30));
  CHECK(queue.pop_front() == frame(1, 20));
  CHECK(queue.bytes() == 30);
  CHECK(queue.pop_front() == frame(2, 30));
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
}

TEST_CASE("the buffers of large frames that are gone are kept, up to a bound, each for one frame", "[frame_queue]") {
  frame_queue queue{limits(std::size_t{100} << 20, 10)};
  constexpr std::size_t large = std::size_t{1} << 20;
  for (std::size_t size : {std::size_t{100}, large, frame_queue::most_spare, large})
    queue.push(frame(1, size));
  queue.pop(queue.bytes());
  CHECK(queue.empty());
  CHECK(queue.take_spare().capacity() == large); // neither the small one nor what exceeds the bound
  CHECK(queue.take_spare().capacity() == large);
  CHECK(queue.take_spare().capacity() == 0);
}

TEST_CASE("the buffers of large frames go after a while of small ones", "[frame_queue]") {
  frame_queue queue{limits(std::size_t{100} << 20, 10)};
  auto pass = [&](std::size_t size) {
    push_copy(queue, frame(1, size));
    queue.pop(queue.bytes());
  };
  pass(std::size_t{1} << 20);
  for (int i = 1; i < frame_queue::spare_rounds; ++i)
    pass(20);
  auto kept = queue.take_spare();
  CHECK(kept.capacity() == std::size_t{1} << 20); // not yet
  queue.push(std::move(kept));
  queue.pop(queue.bytes());
  for (int i = 0; i < frame_queue::spare_rounds; ++i)
    pass(20);
  CHECK(queue.take_spare().capacity() == 0);
}

TEST_CASE("the memory of small frames that are gone is used again", "[frame_queue]") {
  frame_queue queue{limits(1000, 10)};
  push_copy(queue, frame(1, 20));
  auto* before = queue.pieces().front().bytes.data();
  queue.pop(20);
  push_copy(queue, frame(2, 20));
  CHECK(queue.pieces().front().bytes.data() == before);
}
