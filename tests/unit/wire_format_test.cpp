// docs/wire_format.md describes the bytes and shows some. Here its worked example is read out of the page, and compared with what this
// library writes and what it reads.

#include <mailroom/runtime/codec.hpp>
#include <mailroom/runtime/handshake.hpp>

#include <support/catch.hpp>
#include <support/process.hpp>

#include <cereal/types/string.hpp>

#include <filesystem>
#include <fstream>
#include <string>

using mailroom::byte_buffer;
using mailroom::frame_kind;
using mailroom::introduction;

namespace {

/// As in the README. Not registered for the whole program, in which others may do so too.
struct deposit {
  std::string account;
  std::int64_t cents = 0;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(account), CEREAL_NVP(cents)); }
};

const mailroom::message_type deposit_type{
  "bank.deposit", typeid(deposit),
  [](mailroom::output_archive& out, const void* value) { out(*static_cast<const deposit*>(value)); }, nullptr, nullptr};

/// The page, by way of the test program or the current directory: both are mostly somewhere below the source tree.
std::filesystem::path page() {
  for (auto from : {test::running_program(), std::filesystem::current_path() / "x"})
    for (auto folder = from.parent_path();; folder = folder.parent_path()) {
      if (auto found = folder / "docs" / "wire_format.md"; std::filesystem::exists(found))
        return found;
      if (folder == folder.root_path())
        break;
    }
  return {};
}

int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The bytes at the front of a line: pairs of hexadecimal digits with at most two spaces between them. What follows is a remark.
void read_line(std::string_view line, byte_buffer& target) {
  while (line.size() >= 2 && digit(line[0]) >= 0 && digit(line[1]) >= 0) {
    target.push_back(static_cast<std::byte>(16 * digit(line[0]) + digit(line[1])));
    line.remove_prefix(2);
    auto gap = std::min(line.find_first_not_of(' '), line.size());
    if (gap > 2)
      break;
    line.remove_prefix(gap);
  }
}

/// The bytes between "```name" and "```".
byte_buffer example(const std::string& name) {
  auto path = page();
  INFO("docs/wire_format.md, above the test program or the current directory");
  REQUIRE_FALSE(path.empty());
  std::ifstream in{path};
  byte_buffer result;
  auto inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line == "```" + name)
      inside = true;
    else if (line == "```")
      inside = false;
    else if (inside)
      read_line(line, result);
  }
  INFO("the example called " << name);
  REQUIRE_FALSE(result.empty());
  return result;
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (auto each : bytes) {
    auto value = std::to_integer<unsigned>(each);
    result += digits[value >> 4];
    result += digits[value & 15];
    result += ' ';
  }
  return result;
}

introduction teller() {
  introduction result;
  result.life = {0x0102030405060708, 0x1112131415161718};
  result.pid = 4711;
  result.max_message = 256u << 20;
  result.process = "teller";
  result.wanted = "bank";
  return result;
}

mailroom::frame_view view_of(const byte_buffer& frame) {
  auto header = mailroom::read_header(frame, mailroom::max_hello);
  REQUIRE(header);
  REQUIRE(header->size == frame.size() - mailroom::frame_header_size);
  return {*header, std::span{frame}.subspan(mailroom::frame_header_size)};
}

} // namespace

TEST_CASE("the hello of the description is the one that is written", "[wire_format]") {
  CHECK(hex(write_introduction(frame_kind::hello, teller())) == hex(example("hello")));
}

TEST_CASE("the hello of the description is understood", "[wire_format]") {
  introduction bank;
  bank.process = "bank";
  auto frame = example("hello");
  auto verdict = mailroom::handshake{mailroom::handshake::role::accepting, bank}.next(view_of(frame));
  REQUIRE(std::holds_alternative<mailroom::handshake::ready>(verdict));
  CHECK(std::get<mailroom::handshake::ready>(verdict).peer == teller());
}

TEST_CASE("the request of the description is the one that is written", "[wire_format]") {
  byte_buffer frame;
  mailroom::frame_writer out{frame, frame_kind::request, 1};
  write(out, mailroom::envelope{7, {"ledger", 0}});
  deposit ada{"ada", 500};
  const mailroom::codec::element element{&deposit_type, &ada};
  REQUIRE(mailroom::codec::encode(out.target(), {&element, 1}));
  out.finish();
  CHECK(hex(frame) == hex(example("request")));
}

TEST_CASE("the request of the description is understood", "[wire_format]") {
  auto bytes = example("request");
  auto frame = view_of(bytes);
  CHECK(frame.header.kind == frame_kind::request);
  CHECK(frame.header.id == 1);
  mailroom::body_reader in{frame.body};
  auto head = mailroom::read_envelope(in);
  REQUIRE(head);
  CHECK(head->sender == 7);
  CHECK(head->target.name == "ledger");
  deposit ada;
  auto* type = &deposit_type;
  auto load = [](mailroom::input_archive& from, void* target) { from(*static_cast<deposit*>(target)); };
  REQUIRE(mailroom::codec::decode_into(in.rest(), {&type, 1}, load, &ada));
  CHECK(ada.account == "ada");
  CHECK(ada.cents == 500);
}
