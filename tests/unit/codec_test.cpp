// Messages to bytes and back. What is no message becomes an error with a name, and nothing else happens.

#include <mailroom/message.hpp>
#include <mailroom/runtime/codec.hpp>
#include <mailroom/runtime/session.hpp>

#include <support/catch.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using mailroom::address;
using mailroom::byte_buffer;
using mailroom::errc;
using mailroom::error;
using mailroom::input_archive;
using mailroom::message_registry;
using mailroom::message_type;
using mailroom::tuple_payload;
using mailroom::value_payload;

using namespace std::string_literals;

namespace codec_test {

struct order {
  std::string what;
  std::vector<std::uint32_t> amounts;
  friend bool operator==(const order&, const order&) = default;
  template <class Archive> void serialize(Archive& ar) { ar(what, amounts); }
};

struct nothing {
  template <class Archive> void serialize(Archive&) {}
};

/// Its `serialize` fails as its value says.
struct clumsy {
  std::uint8_t trouble = 0;
  template <class Archive> void serialize(Archive& ar) {
    ar(trouble);
    if (trouble == 1)
      throw std::runtime_error{"spilled the ink"};
    if (trouble == 2)
      throw 2;
  }
};

/// With a version, which cereal writes once in an archive.
struct edition {
  std::string title;
  friend bool operator==(const edition&, const edition&) = default;
  template <class Archive> void serialize(Archive& ar, std::uint32_t version) {
    ar(title);
    if (Archive::is_loading::value)
      title += " " + std::to_string(version);
  }
};

/// Encodes and decodes another message while it is saved or loaded, as one does who logs by way of a mailbox.
struct talkative {
  std::string words;
  template <class Archive> void serialize(Archive& ar) {
    order said{"aside", {1, 2}};
    mailroom::byte_buffer other;
    REQUIRE(mailroom::codec::encode(other, caf::make_message(said)));
    ar(words);
    auto heard = mailroom::codec::decode(other);
    REQUIRE(heard);
    CHECK(heard->get_as<order>(0) == said);
  }
};

struct secret {
  int value = 0;
};

} // namespace codec_test

CEREAL_CLASS_VERSION(codec_test::edition, 3)

MAILROOM_MESSAGE(codec_test::order, "codec_test.order")
MAILROOM_MESSAGE(codec_test::nothing, "codec_test.nothing")
MAILROOM_MESSAGE(codec_test::clumsy, "codec_test.clumsy")
MAILROOM_MESSAGE(codec_test::edition, "codec_test.edition")
MAILROOM_MESSAGE(codec_test::talkative, "codec_test.talkative")
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(codec_test::secret)

namespace {

using codec_test::clumsy;
using codec_test::edition;
using codec_test::nothing;
using codec_test::order;
using codec_test::secret;
using codec_test::talkative;

byte_buffer encoded(const caf::message& what) {
  byte_buffer result;
  auto outcome = mailroom::codec::encode(result, what);
  INFO((outcome ? "" : to_string(outcome.error())));
  REQUIRE(outcome);
  return result;
}

template <class... Ts> byte_buffer encoded_values(const Ts&... values) {
  byte_buffer result;
  auto outcome = value_payload<Ts...>{values...}.encode(result);
  INFO((outcome ? "" : to_string(outcome.error())));
  REQUIRE(outcome);
  return result;
}

caf::message decoded(const byte_buffer& bytes) {
  auto result = mailroom::codec::decode(bytes);
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return *result;
}

error failure_of(const byte_buffer& bytes) {
  auto result = mailroom::codec::decode(bytes);
  REQUIRE_FALSE(result);
  return result.error();
}

byte_buffer bytes_of(std::string_view text) {
  auto view = std::as_bytes(std::span{text});
  return {view.begin(), view.end()};
}

template <class T> const message_type* type_of() {
  return message_registry::instance().find(typeid(T));
}

template <class T> void comes_back(const T& value) {
  byte_buffer bytes = encoded(caf::make_message(value));
  CHECK(bytes == encoded_values(value));
  caf::message message = decoded(bytes);
  REQUIRE(message.match_elements<T>());
  CHECK(message.get_as<T>(0) == value);
  auto direct = T{};
  auto* type = type_of<T>();
  auto load = [](input_archive& in, void* target) { in(*static_cast<T*>(target)); };
  REQUIRE(mailroom::codec::decode_into(bytes, {&type, 1}, load, &direct));
  CHECK(direct == value);
}

caf::message message_of(std::size_t count) {
  caf::message_builder builder;
  for (std::size_t i = 0; i < count; ++i)
    builder.append(static_cast<std::uint8_t>(i));
  return builder.to_message();
}

byte_buffer written(const caf::error& what) {
  byte_buffer frame;
  mailroom::frame_writer out{frame, mailroom::frame_kind::failure};
  write_error(out, what);
  out.finish();
  return {frame.begin() + mailroom::frame_header_size, frame.end()};
}

std::optional<caf::error> read(std::span<const std::byte> bytes) {
  mailroom::body_reader in{bytes};
  return mailroom::read_error(in);
}

} // namespace

// -- values ------------------------------------------------------------------

TEST_CASE("each plain type comes back as it was", "[codec]") {
  comes_back(true);
  comes_back(std::int8_t{-128});
  comes_back(std::int16_t{-32768});
  comes_back(std::int32_t{-2147483647});
  comes_back(std::int64_t{-9223372036854775807});
  comes_back(std::uint8_t{255});
  comes_back(std::uint16_t{65535});
  comes_back(std::uint32_t{4294967295});
  comes_back(std::uint64_t{18446744073709551615u});
  comes_back(1.5f);
  comes_back(-0.25);
  comes_back("text \0 and more"s);
  comes_back(""s);
}

TEST_CASE("each vector of a plain type comes back as it was", "[codec]") {
  comes_back(std::vector<bool>{true, false, true});
  comes_back(std::vector<std::int8_t>{-1, 0, 1});
  comes_back(std::vector<std::int32_t>{});
  comes_back(std::vector<std::uint64_t>{1, 2, 3});
  comes_back(std::vector<float>{0.5f});
  comes_back(std::vector<double>{0.5, -0.5});
  comes_back(std::vector<char>{'a', 'b'});
  comes_back(std::vector<std::byte>{std::byte{1}});
  comes_back(std::vector<std::string>{"a", "", "c"});
}

TEST_CASE("a registered type comes back, alone and in a vector", "[codec]") {
  comes_back(order{"ink", {1, 2, 3}});
  comes_back(std::vector<order>{{"ink", {1}}, {"", {}}});
  comes_back(*address::parse("bank/ledger"));
}

TEST_CASE("a message has the bytes of the description", "[codec]") {
  // one value, the name of its type with its length in front, the value
  CHECK(encoded_values(std::uint16_t{0x1234}) == bytes_of("\x01\x03u16\x34\x12"s));
  CHECK(encoded_values(true, "ab"s)
        == bytes_of("\x02\x04"
                    "bool"
                    "\x04"
                    "text"
                    "\x01"
                    "\x02\0\0\0ab"s));
  CHECK(encoded_values(nothing{})
        == bytes_of("\x01\x12"
                    "codec_test.nothing"));
  CHECK(encoded(caf::message{}) == bytes_of("\0"s));
}

TEST_CASE("several values come back in their order", "[codec]") {
  auto bytes = encoded_values(std::int32_t{7}, "seven"s, order{"ink", {7}}, std::vector<std::int32_t>{7, 7});
  CHECK(bytes
        == encoded(caf::make_message(std::int32_t{7}, "seven"s, order{"ink", {7}}, std::vector<std::int32_t>{7, 7})));
  auto message = decoded(bytes);
  REQUIRE((message.match_elements<std::int32_t, std::string, order, std::vector<std::int32_t>>()));
  CHECK(message.get_as<std::int32_t>(0) == 7);
  CHECK(message.get_as<std::string>(1) == "seven");
  CHECK(message.get_as<order>(2) == order{"ink", {7}});
  CHECK(message.get_as<std::vector<std::int32_t>>(3) == std::vector<std::int32_t>{7, 7});
}

TEST_CASE("a message has up to 255 values", "[codec]") {
  for (std::size_t count : {0, 1, 2, 7, 8, 9, 254, 255}) {
    CAPTURE(count);
    auto message = decoded(encoded(message_of(count)));
    REQUIRE(message.size() == count);
    for (std::size_t i = 0; i < count; ++i)
      CHECK(message.get_as<std::uint8_t>(i) == i);
  }
  byte_buffer target{std::byte{42}};
  auto outcome = mailroom::codec::encode(target, message_of(256));
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code() == errc::too_large);
  CHECK(target.size() == 1);
}

TEST_CASE("values are appended to what stands there", "[codec]") {
  auto target = bytes_of("before");
  REQUIRE(value_payload<std::uint8_t>{std::uint8_t{1}}.encode(target));
  CHECK(target == bytes_of("before\x01\x02u8\x01"));
}

TEST_CASE("what is decoded can be encoded again", "[codec]") {
  for (auto& message :
       {caf::make_message(order{"ink", {1}}), caf::make_message("a"s, std::uint8_t{1}), message_of(20)}) {
    auto bytes = encoded(message);
    CHECK(encoded(decoded(bytes)) == bytes);
  }
}

TEST_CASE("text literals travel as text", "[codec]") {
  STATIC_REQUIRE(std::is_same_v<mailroom::value_type_t<const char(&)[4]>, std::string>);
  STATIC_REQUIRE(std::is_same_v<mailroom::value_type_t<const char*>, std::string>);
  STATIC_REQUIRE(std::is_same_v<mailroom::value_type_t<std::string_view>, std::string>);
  STATIC_REQUIRE(std::is_same_v<mailroom::value_type_t<const std::string&>, std::string>);
  STATIC_REQUIRE(std::is_same_v<mailroom::value_type_t<const int&>, int>);
}

TEST_CASE("both kinds of payload say the same", "[codec]") {
  auto message = caf::make_message("a"s, order{"ink", {1}});
  tuple_payload tuple{message.content()};
  std::string text{"a"};
  order ink{"ink", {1}};
  value_payload<std::string, order> values{text, ink};
  byte_buffer left;
  byte_buffer right;
  REQUIRE(tuple.encode(left));
  REQUIRE(values.encode(right));
  CHECK(left == right);
  CHECK(tuple.describe() == "text, codec_test.order");
  CHECK(values.describe() == "text, codec_test.order");
  CHECK(encoded(tuple.to_message()) == left);
  CHECK(encoded(values.to_message()) == left);
}

// -- what cannot be sent -----------------------------------------------------

TEST_CASE("a type without a name is not sent, and is named", "[codec]") {
  byte_buffer target{std::byte{42}};
  for (auto& message : {caf::make_message(secret{}), caf::make_message(std::uint8_t{1}, secret{}),
                        caf::make_message(secret{}, secret{})}) {
    auto outcome = mailroom::codec::encode(target, message);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code() == errc::unknown_type);
    CHECK(outcome.error().cause().find("secret") != std::string::npos);
    CHECK(target.size() == 1);
  }
  auto by_value = value_payload<std::uint8_t, secret>{std::uint8_t{1}, secret{}}.encode(target);
  REQUIRE_FALSE(by_value);
  CHECK(by_value.error().code() == errc::unknown_type);
  CHECK(target.size() == 1);
}

TEST_CASE("CAF's own types that do not travel are named", "[codec]") {
  byte_buffer target;
  auto outcome = mailroom::codec::encode(target, caf::make_message(caf::atom("hello")));
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error() == error{errc::unknown_type, {}, "unknown type: @atom has no MAILROOM_MESSAGE"});
  CHECK(mailroom::codec::describe(caf::make_message(caf::atom("hello"), std::uint8_t{1})) == "@atom, u8");
}

TEST_CASE("a serialize that throws stops the sending, and nothing of it is left", "[codec]") {
  byte_buffer target{std::byte{42}};
  auto told = mailroom::codec::encode(target, caf::make_message(order{"ink", {}}, clumsy{1}));
  REQUIRE_FALSE(told);
  CHECK(told.error() == error{errc::undecodable, {}, "undecodable: spilled the ink"});
  CHECK(target.size() == 1);
  auto odd = mailroom::codec::encode(target, caf::make_message(clumsy{2}));
  REQUIRE_FALSE(odd);
  CHECK(odd.error().code() == errc::undecodable);
  CHECK(target.size() == 1);
}

// -- what cannot be read -----------------------------------------------------

TEST_CASE("row 11: a type that this process does not know is unknown by its name", "[codec][row11]") {
  auto why = failure_of(bytes_of("\x01\x07"
                                 "martianxxxx"));
  CHECK(why == error{errc::unknown_type, {}, "unknown type: this process has no message \"martian\""});
  CHECK(failure_of(bytes_of("\x02\x02u8\x07martian")).code() == errc::unknown_type);
  CHECK(failure_of(bytes_of("\x01\0"s)).code() == errc::unknown_type);
  CHECK(failure_of(bytes_of("\x01\x03U16\x34\x12")).code() == errc::unknown_type);
}

TEST_CASE("a serialize that throws makes bytes undecodable", "[codec]") {
  CHECK(failure_of(bytes_of("\x01\x11"
                            "codec_test.clumsy\x01"))
        == error{errc::undecodable, {}, "undecodable: spilled the ink"});
  CHECK(failure_of(bytes_of("\x01\x11"
                            "codec_test.clumsy\x02"))
          .code()
        == errc::undecodable);
  CHECK(failure_of(bytes_of("\x02\x02u8\x11"
                            "codec_test.clumsy\x05\x01"))
          .code()
        == errc::undecodable);
}

TEST_CASE("row 9: a payload cut anywhere is undecodable", "[codec][row9]") {
  auto whole = encoded(caf::make_message("text"s, order{"ink", {1, 2}}, std::uint64_t{1}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(failure_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).code() == errc::undecodable);
  }
}

TEST_CASE("row 9: bytes left over are undecodable", "[codec][row9]") {
  for (auto& message : {caf::message{}, caf::make_message(true), caf::make_message("text"s, order{"ink", {1}})}) {
    auto longer = encoded(message);
    longer.push_back(std::byte{0});
    CHECK(failure_of(longer).code() == errc::undecodable);
  }
}

TEST_CASE("row 9: a payload with any byte changed is refused or read, and no more", "[codec][row9]") {
  auto whole = encoded(caf::make_message("text"s, order{"ink", {1, 2}}, true));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      auto changed = whole;
      changed[at] = static_cast<std::byte>(value);
      if (auto message = mailroom::codec::decode(changed)) {
        // what was read is what the bytes say
        byte_buffer again;
        REQUIRE(mailroom::codec::encode(again, *message));
        CAPTURE(at, value);
        REQUIRE(again == changed);
      }
      mailroom::codec::describe(changed);
    }
  }
}

TEST_CASE("what hostile bytes call a type does not reach a log line raw", "[codec]") {
  auto bytes = bytes_of("\x01\x09"
                        "a\nb\x1b[2J\xff\x7f");
  auto cause = failure_of(bytes).cause();
  CHECK(std::all_of(cause.begin(), cause.end(), [](char c) { return c >= ' ' && c < 127; }));
  auto shown = mailroom::codec::describe(bytes);
  CHECK(std::all_of(shown.begin(), shown.end(), [](char c) { return c >= ' ' && c < 127; }));
}

TEST_CASE("decoding into values wants just their types", "[codec]") {
  auto bytes = encoded_values(std::uint8_t{1}, "one"s);
  auto load = [](input_archive& in, void* target) {
    auto& [number, text] = *static_cast<std::pair<std::uint8_t, std::string>*>(target);
    in(number, text);
  };
  std::pair<std::uint8_t, std::string> target;
  auto* u8 = type_of<std::uint8_t>();
  auto* text = type_of<std::string>();
  using types = std::vector<const message_type*>;
  REQUIRE(mailroom::codec::decode_into(bytes, types{u8, text}, load, &target));
  CHECK(target == std::pair{std::uint8_t{1}, "one"s});
  for (auto& others : {types{}, types{u8}, types{text, u8}, types{u8, text, u8}, types{u8, nullptr}}) {
    auto outcome = mailroom::codec::decode_into(bytes, others, load, &target);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error() == error{errc::unexpected_reply, {}, "unexpected reply: u8, text"});
  }
  auto nobody = mailroom::codec::decode_into(bytes_of("\x01\x07martian"), types{u8}, load, &target);
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().code() == errc::unexpected_reply);
  bytes.pop_back();
  auto cut = mailroom::codec::decode_into(bytes, types{u8, text}, load, &target);
  REQUIRE_FALSE(cut);
  CHECK(cut.error().code() == errc::undecodable);
  auto none = mailroom::codec::decode_into({}, types{}, load, &target);
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == errc::undecodable);
}

TEST_CASE("a payload is described by its types", "[codec]") {
  CHECK(mailroom::codec::describe(encoded_values(std::uint8_t{1}, "x"s)) == "u8, text");
  CHECK(mailroom::codec::describe(encoded(caf::message{})) == "nothing");
  CHECK(mailroom::codec::describe(bytes_of("\x05")) == "bytes that are no message");
  CHECK(mailroom::codec::describe(std::span<const std::byte>{}) == "bytes that are no message");
  CHECK(mailroom::codec::describe(caf::message{}) == "nothing");
}

// -- the registry ------------------------------------------------------------

TEST_CASE("a type is found by its name and by itself", "[registry]") {
  auto& registry = message_registry::instance();
  auto* by_name = registry.find("codec_test.order");
  REQUIRE(by_name != nullptr);
  CHECK(by_name->name == "codec_test.order");
  CHECK(by_name == registry.find(typeid(order)));
  CHECK(registry.find("[codec_test.order]") == registry.find(typeid(std::vector<order>)));
  CHECK(registry.find("codec_test.orde") == nullptr);
  CHECK(registry.find("") == nullptr);
  CHECK(registry.find(typeid(secret)) == nullptr);
  CHECK(registry.find("mailroom.address") == registry.find(typeid(address)));
}

TEST_CASE("registering a type twice is no conflict", "[registry]") {
  auto& registry = message_registry::instance();
  auto* before = registry.find("codec_test.order");
  registry.add<order>("codec_test.order");
  CHECK(registry.find("codec_test.order") == before);
  CHECK(registry.conflict().empty());
}

// -- errors ------------------------------------------------------------------

TEST_CASE("an error of ours crosses the wire whole", "[wire_error]") {
  for (int code = 1; code <= 20; ++code) {
    auto what = error{static_cast<errc>(code), "bank/ledger", "for a reason"};
    if (what.code() == errc::process_down)
      what.because(mailroom::down_cause::exited, mailroom::process_exit{0, 9});
    auto arrived = read(written(what.to_caf()));
    REQUIRE(arrived);
    CHECK(error{*arrived} == what);
  }
}

TEST_CASE("CAF's errors and a program's own cross the wire with code, category and text", "[wire_error]") {
  const std::vector<caf::error> errors{
    caf::sec::request_timeout,
    caf::exit_reason::kill,
    caf::error{4, caf::atom("bank")},
    caf::error{255, caf::atom("bank"), caf::make_message("no such account"s)},
    caf::error{1, caf::atom("bank"), caf::make_message("ada"s, std::int64_t{500}, order{"ink", {1}})},
  };
  for (auto& each : errors) {
    CAPTURE(to_string(each));
    auto arrived = read(written(each));
    REQUIRE(arrived);
    CHECK(arrived->code() == each.code());
    CHECK(arrived->category() == each.category());
    CHECK(to_string(arrived->context()) == to_string(each.context()));
  }
}

TEST_CASE("no error crosses the wire as none", "[wire_error]") {
  auto arrived = read(written({}));
  REQUIRE(arrived);
  CHECK_FALSE(*arrived);
}

TEST_CASE("a context of types without a name arrives as text", "[wire_error]") {
  auto arrived = read(written({1, caf::atom("bank"), caf::make_message(caf::atom("ada"), "text"s)}));
  REQUIRE(arrived);
  CHECK(arrived->code() == 1);
  CHECK(arrived->category() == caf::atom("bank"));
  REQUIRE(arrived->context().match_elements<std::string>());
  CHECK(arrived->context().get_as<std::string>(0).find("text") != std::string::npos);
}

TEST_CASE("row 9: an error cut anywhere is none, or has lost its context", "[wire_error][row9]") {
  for (auto& what : {error{errc::timeout, "bank"}.to_caf(), caf::error{1, caf::atom("bank")},
                     caf::error{1, caf::atom("bank"), caf::make_message(caf::atom("ada"))}}) {
    auto whole = written(what);
    constexpr std::size_t fixed = 1 + 8 + 1;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      auto arrived = read(std::span{whole}.first(size));
      CHECK(arrived.has_value() == (size >= fixed && whole[9] == std::byte{1}));
      if (arrived) {
        CHECK(arrived->code() == what.code());
        CHECK(arrived->context().empty());
      }
    }
  }
}

TEST_CASE("row 9: an error with any byte changed is read or not, and no more", "[wire_error][row9]") {
  for (auto& what :
       {error{errc::timeout, "bank"}.to_caf(), caf::error{1, caf::atom("bank"), caf::make_message(caf::atom("ada"))}}) {
    auto whole = written(what);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        auto changed = whole;
        changed[at] = static_cast<std::byte>(value);
        if (auto arrived = read(changed)) {
          error ours{*arrived};
          to_string(ours);
          to_string(*arrived);
        }
      }
    }
  }
}

TEST_CASE("each message brings the versions of its classes, also the second one of a thread", "[codec]") {
  auto first = encoded_values(edition{"atlas"});
  for (int i = 0; i < 3; ++i) {
    CHECK(encoded_values(edition{"atlas"}) == first);
    CHECK(decoded(first).get_as<edition>(0).title == "atlas 3");
    CHECK(encoded_values(order{"ink", {}}) == encoded(caf::make_message(order{"ink", {}})));
  }
  auto two = encoded_values(edition{"atlas"}, edition{"globe"});
  CHECK(two.size() < 2 * first.size()); // within one message the version comes once
  CHECK(decoded(two).get_as<edition>(1).title == "globe 3");
}

TEST_CASE("a message that fails leaves nothing to the next one of its thread", "[codec]") {
  auto good = encoded_values(order{"ink", {1, 2, 3}});
  for (auto trouble : {std::uint8_t{1}, std::uint8_t{2}}) {
    byte_buffer bytes;
    CHECK_FALSE(mailroom::codec::encode(bytes, caf::make_message(clumsy{trouble})));
    CHECK(bytes.empty());
    CHECK(encoded_values(order{"ink", {1, 2, 3}}) == good);
  }
  auto cut = good;
  cut.pop_back();
  auto longer = good;
  longer.push_back(std::byte{0});
  for (int i = 0; i < 3; ++i) {
    CHECK(failure_of(cut).code() == errc::undecodable);
    CHECK(decoded(good).get_as<order>(0) == order{"ink", {1, 2, 3}});
    CHECK(failure_of(longer).code() == errc::undecodable);
    CHECK(decoded(good).get_as<order>(0) == order{"ink", {1, 2, 3}});
  }
}

TEST_CASE("a message may be saved and loaded while another one is", "[codec]") {
  for (int i = 0; i < 3; ++i) {
    auto bytes = encoded_values(talkative{"hear, hear"});
    CHECK(decoded(bytes).get_as<talkative>(0).words == "hear, hear");
  }
}
