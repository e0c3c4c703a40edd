// The bytes of a frame: header, body and what stands in front of a payload.

#include <mailroom/runtime/frame.hpp>

#include <support/catch.hpp>

#include <array>
#include <string>
#include <vector>

using mailroom::body_reader;
using mailroom::byte_buffer;
using mailroom::envelope;
using mailroom::errc;
using mailroom::frame_header;
using mailroom::frame_header_size;
using mailroom::frame_kind;
using mailroom::frame_writer;
using mailroom::mailbox_ref;
using mailroom::read_header;

namespace {

constexpr std::size_t no_limit = 0xffff'ffff;

byte_buffer bytes(std::initializer_list<int> values) {
  byte_buffer result;
  for (auto each : values)
    result.push_back(static_cast<std::byte>(each));
  return result;
}

std::span<const std::byte> body_of(const byte_buffer& frame) {
  return std::span{frame}.subspan(frame_header_size);
}

template <class... Write> byte_buffer body_with(Write... write) {
  byte_buffer frame;
  frame_writer out{frame, frame_kind::message};
  (write(out), ...);
  out.finish();
  auto body = body_of(frame);
  return {body.begin(), body.end()};
}

} // namespace

TEST_CASE("a header is size, kind, flags, two zeros and id, little endian", "[frame]") {
  byte_buffer frame;
  frame_writer out{frame, frame_kind::request, 0x1122334455667788, mailroom::flag_urgent};
  out.u8(0xaa);
  out.u8(0xbb);
  out.finish();
  CHECK(frame == bytes({2, 0, 0, 0, 5, 1, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xaa, 0xbb}));
}

TEST_CASE("a header comes back as it was written", "[frame]") {
  for (int kind = 0; kind < 256; ++kind) {
    for (auto flags : {std::uint8_t{0}, std::uint8_t{1}}) {
      byte_buffer frame;
      frame_writer out{frame, static_cast<frame_kind>(kind), 0xfedcba9876543210, flags};
      out.u32(1);
      out.finish();
      auto header = read_header(frame, 4);
      REQUIRE(header);
      CHECK(header->kind == static_cast<frame_kind>(kind));
      CHECK(header->flags == flags);
      CHECK(header->id == 0xfedcba9876543210);
      CHECK(header->size == 4);
    }
  }
}

TEST_CASE("this version handles the kinds from hello to goodbye", "[frame]") {
  for (int kind = 0; kind < 256; ++kind)
    CHECK(known(static_cast<frame_kind>(kind)) == (kind >= 1 && kind <= 15));
  CHECK(static_cast<int>(frame_kind::hello) == 1);
  CHECK(static_cast<int>(frame_kind::request) == 5);
  CHECK(static_cast<int>(frame_kind::goodbye) == 15);
  CHECK(static_cast<int>(frame_kind::credit) == 17);
}

TEST_CASE("a header with anything in its reserved part is none", "[frame]") {
  byte_buffer frame;
  frame_writer{frame, frame_kind::ping}.finish();
  for (std::size_t at : {6, 7}) {
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = frame;
      changed[at] = static_cast<std::byte>(1 << bit);
      auto header = read_header(changed, no_limit);
      REQUIRE_FALSE(header);
      CHECK(header.error().code() == errc::undecodable);
    }
  }
}

TEST_CASE("a header with a flag that nobody knows is none", "[frame]") {
  byte_buffer frame;
  frame_writer{frame, frame_kind::ping}.finish();
  for (int flags = 0; flags < 256; ++flags) {
    frame[5] = static_cast<std::byte>(flags);
    CHECK(read_header(frame, no_limit).has_value() == (flags <= 1));
  }
}

TEST_CASE("a header may announce just as much as is allowed", "[frame]") {
  for (std::uint32_t size : {0u, 1u, 4096u, 0xffff'ffffu}) {
    CAPTURE(size);
    auto frame = bytes({0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    for (std::size_t i = 0; i < 4; ++i)
      frame[i] = static_cast<std::byte>(size >> (8 * i));
    CHECK(read_header(frame, size)->size == size);
    if (size == 0)
      continue;
    auto refused = read_header(frame, size - 1);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::too_large);
    CHECK(refused.error().cause()
          == "a frame of " + std::to_string(size) + " bytes where at most " + std::to_string(size - 1)
               + " are allowed");
  }
}

TEST_CASE("frames can follow each other in one buffer", "[frame]") {
  byte_buffer buffer;
  frame_writer first{buffer, frame_kind::ping, 1};
  first.text8("one");
  first.finish();
  auto end = buffer.size();
  frame_writer second{buffer, frame_kind::pong, 2};
  second.u16(2);
  CHECK(second.body_size() == 2);
  second.finish();
  CHECK(read_header(buffer, 100)->size == 4);
  CHECK(read_header(std::span{buffer}.subspan(end), 100)->size == 2);
  frame_writer third{buffer, frame_kind::pong, 3};
  third.u64(3);
  third.discard();
  CHECK(buffer.size() == end + frame_header_size + 2);
}

TEST_CASE("what a writer writes a reader reads", "[frame]") {
  auto body = body_with([](frame_writer& out) {
    out.u8(0xff);
    out.u16(0x1234);
    out.u32(0x89abcdef);
    out.u64(0x0123456789abcdef);
    out.text8("");
    out.text8(std::string(255, 'x'));
    out.text16(std::string(65535, 'y'));
    out.raw(bytes({1, 2, 3}));
  });
  body_reader in{body};
  CHECK(in.u8() == 0xff);
  CHECK(in.u16() == 0x1234);
  CHECK(in.u32() == 0x89abcdef);
  CHECK(in.u64() == 0x0123456789abcdef);
  CHECK(in.text8().empty());
  CHECK(in.text8() == std::string(255, 'x'));
  CHECK(in.text16() == std::string(65535, 'y'));
  CHECK(in.rest().size() == 3);
  CHECK(in.raw(3).size() == 3);
  CHECK(in.ok());
  CHECK(in.rest().empty());
}

TEST_CASE("a longer text is cut to what its length can say", "[frame]") {
  auto body = body_with([](frame_writer& out) { out.text16(std::string(65540, 'x')); });
  body_reader in{body};
  CHECK(in.text16() == std::string(65535, 'x'));
  CHECK(in.rest().empty());
}

TEST_CASE("a read beyond the end gives nothing and spoils the rest", "[frame]") {
  const std::array<std::byte, 3> three{std::byte{2}, std::byte{0}, std::byte{7}};
  struct row {
    std::string what;
    bool (*reads_nothing)(body_reader&);
  };
  const std::vector<row> rows{
    {"u32", [](body_reader& in) { return in.u32() == 0; }},
    {"u64", [](body_reader& in) { return in.u64() == 0; }},
    {"raw", [](body_reader& in) { return in.raw(4).empty(); }},
    {"raw without end", [](body_reader& in) { return in.raw(std::size_t(-1)).empty(); }},
    {"text16", [](body_reader& in) { return in.text16().empty(); }},
  };
  for (auto& each : rows) {
    CAPTURE(each.what);
    body_reader in{three};
    CHECK(each.reads_nothing(in));
    CHECK_FALSE(in.ok());
    CHECK(in.rest().empty());
    CHECK(in.u8() == 0);
    CHECK(in.text8().empty());
    CHECK_FALSE(in.ok());
  }
  body_reader nothing{{}};
  CHECK(nothing.ok());
  CHECK(nothing.raw(0).empty());
  CHECK(nothing.ok());
  CHECK(nothing.u8() == 0);
  CHECK_FALSE(nothing.ok());
}

TEST_CASE("a mailbox is named, or numbered where it has no name", "[frame]") {
  auto named = body_with([](frame_writer& out) { write(out, mailbox_ref{"ledger", 0}); });
  CHECK(named == bytes({6, 0, 'l', 'e', 'd', 'g', 'e', 'r'}));
  auto numbered = body_with([](frame_writer& out) { write(out, mailbox_ref{{}, 7}); });
  CHECK(numbered == bytes({0, 0, 7, 0, 0, 0, 0, 0, 0, 0}));
  body_reader in_named{named};
  CHECK(read_mailbox_ref(in_named).name == "ledger");
  body_reader in_numbered{numbered};
  auto ref = read_mailbox_ref(in_numbered);
  CHECK(ref.name.empty());
  CHECK(ref.number == 7);
  CHECK(in_numbered.ok());
}

TEST_CASE("an envelope cut anywhere is none", "[frame]") {
  for (auto& target : {mailbox_ref{"desk/left", 0}, mailbox_ref{{}, 9}}) {
    auto body = body_with([&](frame_writer& out) { write(out, envelope{42, target}); });
    for (std::size_t size = 0; size < body.size(); ++size) {
      body_reader in{std::span{body}.first(size)};
      CHECK_FALSE(read_envelope(in));
    }
    body.push_back(std::byte{1});
    body_reader in{body};
    auto head = read_envelope(in);
    REQUIRE(head);
    CHECK(head->sender == 42);
    CHECK(head->target.name == target.name);
    CHECK(head->target.number == target.number);
    CHECK(in.rest().size() == 1);
  }
}
