// A stream of bytes becomes frames, however it is cut, and takes no more memory than what has arrived.

#include <mailroom/transports/frame_buffer.hpp>

#include <support/catch.hpp>

#include <random>
#include <string>
#include <vector>

using mailroom::byte_buffer;
using mailroom::errc;
using mailroom::frame_buffer;
using mailroom::frame_header_size;
using mailroom::frame_kind;
using mailroom::frame_view;

namespace {

constexpr std::size_t no_limit = 0xffff'ffff;
constexpr std::size_t usual = frame_buffer::usual_capacity;

byte_buffer frame(std::uint64_t id, std::size_t size) {
  byte_buffer result;
  mailroom::frame_writer out{result, frame_kind::message, id};
  for (std::size_t i = 0; i < size; ++i)
    out.u8(static_cast<std::uint8_t>(id + i));
  out.finish();
  return result;
}

byte_buffer joined(const std::vector<byte_buffer>& frames) {
  byte_buffer result;
  for (auto& each : frames)
    result.insert(result.end(), each.begin(), each.end());
  return result;
}

byte_buffer whole(const frame_view& view) {
  byte_buffer result;
  mailroom::frame_writer out{result, view.header.kind, view.header.id, view.header.flags};
  out.raw(view.body);
  out.finish();
  return result;
}

/// Puts bytes in as they would come from a socket. Returns how many the buffer had room for.
std::size_t put(frame_buffer& buffer, std::span<const std::byte> bytes) {
  auto space = buffer.space();
  auto size = std::min(space.size(), bytes.size());
  std::copy_n(bytes.begin(), size, space.begin());
  buffer.commit(size);
  return size;
}

/// All that a buffer makes of bytes that come in pieces of `step`.
std::vector<byte_buffer> cut(std::span<const std::byte> bytes, std::size_t step) {
  frame_buffer buffer;
  std::vector<byte_buffer> result;
  while (!bytes.empty()) {
    bytes = bytes.subspan(put(buffer, bytes.first(std::min(step, bytes.size()))));
    auto outcome = buffer.cut(no_limit, [&](const frame_view& view) {
      result.push_back(whole(view));
      return true;
    });
    if (!outcome)
      break;
  }
  return result;
}

} // namespace

TEST_CASE("frames come out whole and in order, wherever the stream is cut", "[frame_buffer]") {
  std::vector<byte_buffer> frames;
  for (std::size_t size : {0, 1, 15, 16, 17, 0, 100, 0})
    frames.push_back(frame(frames.size(), size));
  auto stream = joined(frames);
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    CAPTURE(step);
    CHECK(cut(stream, step) == frames);
  }
}

TEST_CASE("frames around the capacity come out whole", "[frame_buffer]") {
  for (std::size_t size : {usual / 2, usual - 17, usual - 16, usual - 15, usual, usual + 1, 3 * usual, 10 * usual}) {
    std::vector<byte_buffer> frames{frame(1, 3), frame(2, size), frame(3, 0), frame(4, size), frame(5, 1)};
    auto stream = joined(frames);
    for (std::size_t step : {std::size_t{4099}, usual / 2, usual, stream.size()}) {
      CAPTURE(size, step);
      CHECK((cut(stream, step) == frames));
    }
  }
}

TEST_CASE("frames of any size come out whole from pieces of any size", "[frame_buffer]") {
  std::mt19937 random{7};
  for (int round = 0; round < 20; ++round) {
    std::vector<byte_buffer> frames;
    for (std::uint64_t id = 0; id < 50; ++id)
      frames.push_back(frame(id, random() % (id % 10 == 0 ? 300'000 : 300)));
    auto stream = joined(frames);
    frame_buffer buffer;
    std::size_t next = 0;
    auto right = true;
    for (std::span<const std::byte> rest{stream}; !rest.empty();) {
      rest = rest.subspan(put(buffer, rest.first(std::min<std::size_t>(1 + random() % 100'000, rest.size()))));
      auto outcome = buffer.cut(no_limit, [&](const frame_view& view) {
        right = right && next < frames.size() && whole(view) == frames[next];
        ++next;
        return true;
      });
      REQUIRE(outcome);
    }
    CHECK(right);
    CHECK(next == frames.size());
    CHECK_FALSE(buffer.partial());
    CHECK(buffer.frames() == frames.size());
  }
}

TEST_CASE("a buffer is never without room", "[frame_buffer]") {
  frame_buffer buffer;
  auto large = frame(1, 3 << 20);
  std::span<const std::byte> rest{large};
  while (!rest.empty()) {
    REQUIRE(buffer.space().size() >= usual / 2);
    rest = rest.subspan(put(buffer, rest));
    REQUIRE(buffer.cut(no_limit, [](auto&) { return true; }));
  }
}

TEST_CASE("row 9: an announced size takes no memory before its bytes are there", "[frame_buffer][row9]") {
  frame_buffer buffer;
  auto announced = frame(1, 0);
  for (std::size_t i = 0; i < 4; ++i)
    announced[i] = std::byte{0xff};
  put(buffer, announced);
  REQUIRE(buffer.cut(no_limit, [](auto&) { return true; }));
  CHECK(buffer.partial());
  CHECK(buffer.wanted() == no_limit + frame_header_size);
  std::size_t arrived = announced.size();
  const byte_buffer more(10'000, std::byte{1});
  while (arrived < 8 * usual) {
    arrived += put(buffer, more);
    REQUIRE(buffer.cut(no_limit, [](auto&) { return true; }));
    // what is there and what is free is never more than twice what has come, or the usual
    REQUIRE(arrived + buffer.space().size() <= 2 * arrived + 2 * usual);
  }
}

TEST_CASE("the room for a large frame is little more than the frame", "[frame_buffer]") {
  frame_buffer buffer;
  auto large = frame(1, 5 << 20);
  std::span<const std::byte> rest{large};
  std::size_t most = 0;
  while (!rest.empty()) {
    most = std::max(most, large.size() - rest.size() + buffer.space().size());
    rest = rest.subspan(put(buffer, rest.first(std::min<std::size_t>(rest.size(), 64 << 10))));
    REQUIRE(buffer.cut(no_limit, [](auto&) { return true; }));
  }
  CHECK(most <= large.size() + usual);
}

TEST_CASE("large memory goes back after a while of small frames", "[frame_buffer]") {
  frame_buffer buffer;
  auto large = frame(1, 16 * usual);
  std::span<const std::byte> rest{large};
  while (!rest.empty())
    rest = rest.subspan(put(buffer, rest));
  REQUIRE(buffer.cut(no_limit, [](auto&) { return true; }));
  CHECK(buffer.space().size() > 16 * usual); // another large one may follow
  auto rounds = 0;
  for (; rounds < 1000 && buffer.space().size() != usual; ++rounds) {
    put(buffer, frame(2, 100));
    REQUIRE(buffer.cut(no_limit, [](auto&) { return true; }));
  }
  CHECK(rounds > 1);
  CHECK(rounds <= 100);
}

TEST_CASE("whoever takes a frame can stop there and go on later", "[frame_buffer]") {
  frame_buffer buffer;
  put(buffer, joined({frame(1, 4), frame(2, 4), frame(3, 4)}));
  std::vector<std::uint64_t> seen;
  auto one = [&](const frame_view& view) {
    seen.push_back(view.header.id);
    return false;
  };
  REQUIRE(buffer.cut(no_limit, one));
  CHECK(seen == std::vector<std::uint64_t>{1});
  CHECK(buffer.partial());
  REQUIRE(buffer.cut(no_limit, one));
  REQUIRE(buffer.cut(no_limit, one));
  CHECK(seen == std::vector<std::uint64_t>{1, 2, 3});
  CHECK_FALSE(buffer.partial());
  put(buffer, frame(4, 0));
  REQUIRE(buffer.cut(no_limit, one));
  CHECK(seen.back() == 4);
}

TEST_CASE("a frame above the limit fails by its header alone", "[frame_buffer]") {
  auto large = frame(1, 101);
  frame_buffer buffer;
  put(buffer, std::span{large}.first(frame_header_size));
  auto taken = 0;
  auto outcome = buffer.cut(100, [&](auto&) { return ++taken > 0; });
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code() == errc::too_large);
  CHECK(taken == 0);
}

TEST_CASE("frames before bytes that are none are handed over", "[frame_buffer]") {
  auto stream = joined({frame(1, 1), frame(2, 2)});
  stream.insert(stream.end(), frame_header_size, std::byte{0xee});
  frame_buffer buffer;
  put(buffer, stream);
  auto taken = 0;
  auto outcome = buffer.cut(no_limit, [&](auto&) { return ++taken > 0; });
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code() == errc::undecodable);
  CHECK(taken == 2);
}

TEST_CASE("a limit that a frame changes holds from the next frame on", "[frame_buffer]") {
  frame_buffer buffer;
  put(buffer, joined({frame(1, 10), frame(2, 1000)}));
  auto stop = [](auto&) { return false; };
  REQUIRE(buffer.cut(10, stop));
  CHECK_FALSE(buffer.cut(10, stop));
  CHECK(buffer.cut(1000, stop));
}

TEST_CASE("a buffer knows whether its bytes end within a frame", "[frame_buffer]") {
  auto all = [](auto&) { return true; };
  auto whole_frame = frame(1, 20);
  for (std::size_t size = 0; size <= whole_frame.size(); ++size) {
    CAPTURE(size);
    frame_buffer buffer;
    put(buffer, std::span{whole_frame}.first(size));
    REQUIRE(buffer.cut(no_limit, all));
    CHECK(buffer.partial() == (size != 0 && size != whole_frame.size()));
    CHECK(buffer.wanted() == (size >= frame_header_size && size < whole_frame.size() ? whole_frame.size() : 0));
    CHECK(buffer.frames() == (size == whole_frame.size() ? 1 : 0));
  }
}
