// What one WM_COPYDATA message says, written, read, and broken byte by byte.

#include <mailroom/transports/copydata_fragment.hpp>

#include <support/catch.hpp>

#include <algorithm>
#include <limits>

using mailroom::byte_buffer;
using mailroom::copydata_answer;
using mailroom::copydata_fragment;
using mailroom::copydata_header_size;
using mailroom::copydata_kind;
using mailroom::copydata_max_payload;
using mailroom::copydata_token;
using mailroom::copydata_verdict;
using mailroom::read_fragment;

namespace {

copydata_token token_from(int first) {
  copydata_token result;
  for (auto& each : result)
    each = static_cast<std::byte>(first++);
  return result;
}

byte_buffer bytes(std::size_t size) {
  byte_buffer result(size);
  for (std::size_t i = 0; i < size; ++i)
    result[i] = static_cast<std::byte>(i * 7);
  return result;
}

byte_buffer written(copydata_kind kind, std::span<const std::byte> payload, std::uint64_t sequence = 1) {
  byte_buffer result;
  mailroom::write_fragment(result, {kind, token_from(0x10), sequence, payload});
  return result;
}

} // namespace

TEST_CASE("a fragment is written as documented", "[copydata]") {
  auto message = written(copydata_kind::data, bytes(3), 0x0102030405060708);
  std::vector<int> expected{3, 0, 0, 0, 3, 0, 0, 0};
  for (auto i = 0; i < 16; ++i)
    expected.push_back(0x10 + i);
  for (auto each : {8, 7, 6, 5, 4, 3, 2, 1, 0, 7, 14})
    expected.push_back(each);
  CHECK(
    std::ranges::equal(message, expected, [](auto left, auto right) { return std::to_integer<int>(left) == right; }));
}

TEST_CASE("what was written is read", "[copydata]") {
  auto introduction = mailroom::write_introduction({0x123456789abc, token_from(3)});
  auto body = bytes(copydata_max_payload);
  for (auto kind : {copydata_kind::connect, copydata_kind::accept, copydata_kind::data, copydata_kind::ask,
                    copydata_kind::room, copydata_kind::probe, copydata_kind::close}) {
    auto introduces = kind == copydata_kind::connect || kind == copydata_kind::accept;
    std::span<const std::byte> payload;
    if (introduces)
      payload = introduction;
    else if (kind == copydata_kind::data)
      payload = body;
    auto message = written(kind, payload, std::numeric_limits<std::uint64_t>::max());
    auto read = read_fragment(message);
    REQUIRE(read);
    CHECK(read->kind == kind);
    CHECK(read->token == token_from(0x10));
    CHECK(read->sequence == std::numeric_limits<std::uint64_t>::max());
    CHECK(std::ranges::equal(read->payload, payload));
  }
  auto read = mailroom::read_introduction(introduction);
  REQUIRE(read);
  CHECK(read->window == 0x123456789abc);
  CHECK(read->token == token_from(3));
  CHECK_FALSE(mailroom::read_introduction(bytes(23)));
  CHECK_FALSE(mailroom::read_introduction(bytes(25)));
}

TEST_CASE("a message that is not as it was written is none", "[copydata]") {
  auto message = written(copydata_kind::data, bytes(40));
  for (std::size_t size = 0; size < message.size(); ++size)
    CHECK_FALSE(read_fragment(std::span{message}.first(size)));
  auto longer = message;
  longer.push_back(std::byte{0});
  CHECK_FALSE(read_fragment(longer));
  for (std::size_t at = 1; at < 8; ++at)
    for (auto flip : {0x01, 0x80, 0xff}) {
      auto broken = message;
      broken[at] ^= static_cast<std::byte>(flip);
      CAPTURE(at, flip);
      CHECK_FALSE(read_fragment(broken));
    }
  for (auto kind : {0, 8, 255}) {
    auto broken = message;
    broken[0] = static_cast<std::byte>(kind);
    CHECK_FALSE(read_fragment(broken));
  }
}

TEST_CASE("each kind of message has its payload and no other", "[copydata]") {
  for (auto kind : {copydata_kind::connect, copydata_kind::accept})
    for (auto size : {0, 23, 25})
      CHECK_FALSE(read_fragment(written(kind, bytes(static_cast<std::size_t>(size)))));
  for (auto kind : {copydata_kind::ask, copydata_kind::room, copydata_kind::probe, copydata_kind::close})
    CHECK_FALSE(read_fragment(written(kind, bytes(1))));
  CHECK_FALSE(read_fragment(written(copydata_kind::data, {})));
  CHECK_FALSE(read_fragment(written(copydata_kind::data, bytes(copydata_max_payload + 1))));
}

TEST_CASE("an answer travels in the result of a window procedure", "[copydata]") {
  for (auto verdict :
       {copydata_verdict::unknown, copydata_verdict::taken, copydata_verdict::full, copydata_verdict::gone,
        copydata_verdict::out_of_order, copydata_verdict::seen, copydata_verdict::unseen})
    for (auto unread : {std::size_t{0}, std::size_t{1}, 2 * copydata_max_payload}) {
      auto read = mailroom::unpack(mailroom::pack({verdict, unread}));
      CHECK(read.verdict == verdict);
      CHECK(read.unread == unread);
    }
  CHECK(mailroom::pack({copydata_verdict::taken, std::size_t{1} << 40}) < std::numeric_limits<std::int32_t>::max());
  // what other windows say
  CHECK(mailroom::unpack(0).verdict == copydata_verdict::unknown);
  CHECK(mailroom::unpack(-1).verdict == copydata_verdict::unknown);
  CHECK(mailroom::unpack(7).verdict == copydata_verdict::unknown);
}
