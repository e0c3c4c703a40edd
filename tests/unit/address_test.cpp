// Text becomes an address at the edge, or an error that names the character.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/codec.hpp>
#include <mailroom/runtime/message.hpp>

#include <support/catch.hpp>

#include <string>
#include <vector>

using mailroom::address;
using mailroom::errc;
using mailroom::incarnation;
using mailroom::mailbox_name;
using mailroom::process_name;

using namespace std::string_literals;

namespace {

const std::string longest(64, 'n');

bool is_legal(char c) {
  return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"s.find(c) != std::string::npos;
}

template <class T> std::string error_of(const mailroom::expected<T>& result) {
  return result ? "no error" : to_string(result.error());
}

mailroom::expected<address> sent_and_received(const address& what) {
  mailroom::byte_buffer bytes;
  REQUIRE(mailroom::value_payload<address>{what}.encode(bytes));
  auto message = mailroom::codec::decode(bytes);
  if (!message)
    return tl::unexpected{message.error()};
  return message->get_as<address>(0);
}

} // namespace

TEST_CASE("an address is a process and a mailbox with up to eight segments", "[address]") {
  struct row {
    std::string text;
    std::string process;
    std::string mailbox;
    std::uint64_t number;
  };
  const std::vector<row> rows{
    {"bank/ledger", "bank", "ledger", 0},
    {"ledger", "", "ledger", 0},
    {"bank/desk/left", "bank", "desk/left", 0},
    {"Bank-2.old_/LEDGER", "Bank-2.old_", "LEDGER", 0},
    {"-/_", "-", "_", 0},
    {"a./b.", "a.", "b.", 0},
    {"0/1/2/3/4/5/6/7/8", "0", "1/2/3/4/5/6/7/8", 0},
    {longest + "/" + longest, longest, longest, 0},
    {"bank/#7", "bank", "", 7},
    {"#7", "", "", 7},
    {"bank/#18446744073709551615", "bank", "", 18446744073709551615u},
  };
  for (auto& each : rows) {
    CAPTURE(each.text);
    auto parsed = address::parse(each.text);
    REQUIRE(parsed);
    CHECK(parsed->process() == each.process);
    CHECK(parsed->mailbox() == each.mailbox);
    CHECK(parsed->number() == each.number);
    CHECK_FALSE(parsed->life().known());
    CHECK(to_string(*parsed) == each.text);
  }
}

TEST_CASE("what is no address is refused with its flaw in words", "[address]") {
  struct row {
    std::string text;
    std::string flaw;
  };
  const std::vector<row> rows{
    {"", "a name is empty"},
    {"/", "a name is empty"},
    {"/ledger", "a name is empty"},
    {"bank/", "a name is empty"},
    {"bank//ledger", "a name is empty"},
    {"bank/ledger/", "a name is empty"},
    {".bank/ledger", "a name must not begin with '.'"},
    {"bank/.ledger", "a name must not begin with '.'"},
    {"bank/desk/..", "a name must not begin with '.'"},
    {".", "a name must not begin with '.'"},
    {"../etc/passwd", "a name must not begin with '.'"},
    {longest + "n/ledger", "a name has more than 64 characters"},
    {"bank/" + longest + "n", "a name has more than 64 characters"},
    {"p/1/2/3/4/5/6/7/8/9", "a mailbox name has more than 8 segments"},
    {"bad name", "a space is not allowed in a name"},
    {"bank/led:ger", "':' is not allowed in a name"},
    {"bank\\ledger", "'\\' is not allowed in a name"},
    {"bank/l\xc3\xa4"
     "dger",
     "byte 0xc3 is not allowed in a name"},
    {"bank/led\nger", "byte 0x0a is not allowed in a name"},
    {"bank/ledger\0"s, "byte 0x00 is not allowed in a name"},
    {"bank/\x7f", "byte 0x7f is not allowed in a name"},
    {"bank#7", "'#' is not allowed in a name"},
    {"bank/desk/#7", "'#' is not allowed in a name"},
    {"bank/#", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/#0", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/#-1", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/#+1", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/# 1", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/#7x", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/#7/x", "'#' is followed by the number of a mailbox and nothing else"},
    {"bank/#18446744073709551616", "'#' is followed by the number of a mailbox and nothing else"},
  };
  for (auto& each : rows) {
    CAPTURE(each.text);
    auto parsed = address::parse(each.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == errc::invalid_address);
    CHECK(parsed.error().cause() == "invalid address: " + each.flaw);
  }
}

TEST_CASE("an error quotes the text, without control characters and without end", "[address]") {
  CHECK(error_of(address::parse("bad name")) == "bad name: invalid address: a space is not allowed in a name");
  CHECK(error_of(address::parse("a\x1b[2J\n")) == "a?[2J?: invalid address: byte 0x1b is not allowed in a name");
  auto flood = address::parse(std::string(100'000, '!'));
  REQUIRE_FALSE(flood);
  CHECK(flood.error().subject() == std::string(200, '!') + "...");
}

TEST_CASE("of all bytes just letters, digits, dot, underscore and hyphen make names", "[address]") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    auto c = static_cast<char>(byte);
    auto text = "x"s + c;
    CHECK(process_name::parse(text).has_value() == is_legal(c));
    CHECK(mailbox_name::parse(text).has_value() == (is_legal(c)));
    CHECK(address::parse(text + "/y").has_value() == (is_legal(c)));
    CHECK(process_name::parse(std::string{c}).has_value() == (is_legal(c) && c != '.'));
  }
}

TEST_CASE("a process name has one segment and a mailbox name up to eight", "[address]") {
  CHECK(process_name::parse("bank")->str() == "bank");
  CHECK(error_of(process_name::parse("bank/ledger")) == "bank/ledger: invalid address: '/' is not allowed in a name");
  CHECK(mailbox_name::parse("a/b/c/d/e/f/g/h")->str() == "a/b/c/d/e/f/g/h");
  CHECK(error_of(mailbox_name::parse("a/b/c/d/e/f/g/h/i"))
        == "a/b/c/d/e/f/g/h/i: invalid address: a mailbox name has more than 8 segments");
  CHECK_FALSE(mailbox_name::parse("#7"));
  CHECK_FALSE(mailbox_name::parse(""));
}

TEST_CASE("names that differ in case are different names", "[address]") {
  CHECK(*process_name::parse("bank") != *process_name::parse("Bank"));
  CHECK(*address::parse("bank/ledger") != *address::parse("bank/Ledger"));
}

TEST_CASE("the nearest name is legal, and the text itself where that is", "[address]") {
  for (std::string legal : {"bank"s, "teller-4711"s, "a.b"s, longest})
    CHECK(process_name::nearest(legal).str() == legal);
  CHECK(process_name::nearest("my program (copy)").str() == "my_program__copy_");
  CHECK(process_name::nearest("b\xc3\xa4nk").str() == "b__nk");
  CHECK(process_name::nearest(longest + "tail").str() == longest);
  for (std::string any : {""s, "."s, ".."s, ".bash"s, "/"s, "\0\0"s, "." + longest, std::string(1000, '.'), "\xff"s}) {
    CAPTURE(any);
    auto nearest = process_name::nearest(any).str();
    CHECK(process_name::parse(nearest));
  }
}

TEST_CASE("an address within a process has that process spelled out", "[address]") {
  CHECK(to_string(address::parse("ledger")->within("bank")) == "bank/ledger");
  CHECK(to_string(address::parse("#7")->within("bank")) == "bank/#7");
}

TEST_CASE("an address by number names one life of its process", "[address]") {
  auto bank = *process_name::parse("bank");
  auto first = address::of(bank, 7, {1, 2});
  CHECK(to_string(first) == "bank/#7");
  CHECK(first.life() == incarnation{1, 2});
  CHECK(first != address::of(bank, 7, {1, 3}));
  CHECK(first == address::of(bank, 7, {1, 2}));
  CHECK(incarnation{}.known() == false);
  CHECK(incarnation{0, 1}.known());
  CHECK(incarnation{1, 0}.known());
}

TEST_CASE("an address travels with the life that it names", "[address]") {
  for (auto& each : {address::of(*process_name::parse("bank"), 7, {0x0123456789abcdef, 42}), *address::parse("ledger"),
                     *address::parse("bank/desk/left"), address{}}) {
    CAPTURE(to_string(each));
    auto received = sent_and_received(each);
    REQUIRE(received);
    CHECK(*received == each);
  }
}

TEST_CASE("bytes that are no address are undecodable", "[address]") {
  mailroom::byte_buffer bytes;
  REQUIRE(mailroom::value_payload<address>{*address::parse("bank/ledger")}.encode(bytes));
  auto slash = std::find(bytes.begin(), bytes.end(), std::byte{'/'});
  REQUIRE(slash != bytes.end());
  *slash = std::byte{' '};
  auto message = mailroom::codec::decode(bytes);
  REQUIRE_FALSE(message);
  CHECK(message.error().code() == errc::undecodable);
  CHECK(message.error().cause().find("a space is not allowed in a name") != std::string::npos);
}
