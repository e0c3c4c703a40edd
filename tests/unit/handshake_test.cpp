// Who are you? Every state with every frame, and every way of breaking what is said.

#include <mailroom/runtime/handshake.hpp>

#include <support/catch.hpp>

#include <optional>
#include <string>
#include <vector>

using mailroom::byte_buffer;
using mailroom::errc;
using mailroom::error;
using mailroom::frame_header_size;
using mailroom::frame_kind;
using mailroom::frame_view;
using mailroom::handshake;
using mailroom::introduction;
using mailroom::protocol_version;
using mailroom::write_refusal;

namespace {

introduction bank() {
  introduction result;
  result.life = {0x1111111111111111, 0x2222222222222222};
  result.pid = 100;
  result.max_message = 1 << 20;
  result.process = "bank";
  return result;
}

introduction teller() {
  introduction result;
  result.features = 0;
  result.life = {0x3333333333333333, 0x4444444444444444};
  result.pid = 200;
  result.max_message = 2 << 20;
  result.process = "teller";
  result.wanted = "bank";
  return result;
}

handshake connecting() {
  return {handshake::role::connecting, teller()};
}

handshake accepting() {
  return {handshake::role::accepting, bank()};
}

/// Takes a frame as a connection would hand it over; nothing where the header itself is none.
std::optional<handshake::verdict> shown_to(const handshake& to, const byte_buffer& frame) {
  if (frame.size() < frame_header_size)
    return std::nullopt;
  auto header = mailroom::read_header(frame, mailroom::max_hello);
  if (!header || header->size != frame.size() - frame_header_size)
    return std::nullopt;
  return to.next({*header, std::span{frame}.subspan(frame_header_size)});
}

introduction peer_of(const std::optional<handshake::verdict>& verdict) {
  REQUIRE(verdict);
  REQUIRE(std::holds_alternative<handshake::ready>(*verdict));
  return std::get<handshake::ready>(*verdict).peer;
}

handshake::failed failure_of(const std::optional<handshake::verdict>& verdict) {
  REQUIRE(verdict);
  REQUIRE(std::holds_alternative<handshake::failed>(*verdict));
  return std::get<handshake::failed>(*verdict);
}

byte_buffer hello(const introduction& who = teller()) {
  return write_introduction(frame_kind::hello, who);
}

byte_buffer welcome(const introduction& who = bank()) {
  return write_introduction(frame_kind::welcome, who);
}

byte_buffer frame_of(frame_kind kind, std::span<const std::byte> body) {
  byte_buffer result;
  mailroom::frame_writer out{result, kind};
  out.raw(body);
  out.finish();
  return result;
}

std::span<const std::byte> body_of(const byte_buffer& frame) {
  return std::span{frame}.subspan(frame_header_size);
}

/// The error that the other side gets when it is told `answer`.
error told(const handshake::failed& verdict) {
  return failure_of(shown_to(connecting(), verdict.answer)).why;
}

/// The bytes say what `said` says: written again, they are the same.
bool says(const byte_buffer& frame, const introduction& said) {
  auto kind = static_cast<frame_kind>(frame[4]);
  auto again = write_introduction(kind, said);
  auto body = body_of(frame);
  auto other = body_of(again);
  return std::equal(body.begin(), body.end(), other.begin(), other.end());
}

} // namespace

TEST_CASE("a hello and a welcome make both sides ready", "[handshake]") {
  auto caller = connecting();
  auto called = accepting();
  CHECK(called.opening().empty());
  auto opening = caller.opening();
  CHECK(opening == hello());
  CHECK(peer_of(shown_to(called, opening)) == teller());
  CHECK(peer_of(shown_to(caller, welcome())) == bank());
}

TEST_CASE("an introduction keeps every field", "[handshake]") {
  introduction full{protocol_version,     0xffffffff, {1, 0xffffffffffffffff}, 0xffffffff, 0xffffffffffffffff,
                    std::string(64, 'n'), "bank"};
  CHECK(peer_of(shown_to(accepting(), hello(full))) == full);
  CHECK(hello(full).size() <= frame_header_size + mailroom::max_hello);
}

TEST_CASE("each side takes just the frames that it waits for", "[handshake]") {
  auto body = hello();
  for (int number = 0; number < 256; ++number) {
    CAPTURE(number);
    auto kind = static_cast<frame_kind>(number);
    auto at_accepting = shown_to(accepting(), frame_of(kind, body_of(hello())));
    if (kind == frame_kind::hello) {
      peer_of(at_accepting);
    } else {
      auto failed = failure_of(at_accepting);
      CHECK(failed.why.code() == errc::undecodable);
      CHECK(failed.answer.empty()); // a stranger gets no answer
    }
    auto at_connecting = shown_to(connecting(), frame_of(kind, body_of(welcome())));
    if (kind == frame_kind::welcome) {
      peer_of(at_connecting);
    } else {
      auto failed = failure_of(at_connecting);
      CHECK(failed.why.code() == errc::undecodable);
      CHECK(failed.answer.empty());
    }
  }
}

TEST_CASE("an empty frame of any kind ends the handshake", "[handshake]") {
  for (int number = 0; number < 256; ++number) {
    auto frame = frame_of(static_cast<frame_kind>(number), {});
    CHECK(failure_of(shown_to(accepting(), frame)).why.code() == errc::undecodable);
    CHECK(failure_of(shown_to(connecting(), frame)).why.code() == errc::undecodable);
  }
}

TEST_CASE("a refusal arrives with its code and its cause", "[handshake]") {
  for (int number = 1; number <= 20; ++number) {
    error why{static_cast<errc>(number), "ignored", "because of " + std::to_string(number)};
    auto failed = failure_of(shown_to(connecting(), write_refusal(why)));
    CHECK(failed.why == error{why.code(), {}, why.cause()});
    CHECK(failed.answer.empty());
  }
}

TEST_CASE("a refusal without end is cut", "[handshake]") {
  auto refusal = write_refusal({errc::denied, {}, std::string(100'000, 'x')});
  CHECK(refusal.size() <= frame_header_size + mailroom::max_hello);
  CHECK(failure_of(shown_to(connecting(), refusal)).why == error{errc::denied, {}, std::string(1000, 'x')});
}

TEST_CASE("a refusal with a code that nobody has is a protocol error", "[handshake]") {
  auto refusal = write_refusal({errc::denied, {}});
  for (int code : {0, 21, 255}) {
    refusal[frame_header_size] = static_cast<std::byte>(code);
    CHECK(failure_of(shown_to(connecting(), refusal)).why.code() == errc::undecodable);
  }
}

TEST_CASE("row 12: another version is refused by name of both, on both sides", "[handshake][row12]") {
  for (auto version : std::vector<std::uint16_t>{0, 2, 7, 256, 65535}) {
    CAPTURE(version);
    auto theirs = "protocol " + std::to_string(version);
    auto ours = std::to_string(protocol_version);
    auto stranger = teller();
    stranger.version = version;
    auto refused = failure_of(shown_to(accepting(), hello(stranger)));
    CHECK(refused.why.code() == errc::version_mismatch);
    CHECK(refused.why.cause() == "version mismatch: the other process speaks " + theirs + ", this one " + ours);
    // the refusal is of our version, and says it to whom it concerns
    auto at_caller = told(refused);
    CHECK(at_caller.code() == errc::version_mismatch);
    CHECK(at_caller.cause()
          == "version mismatch: bank speaks protocol " + ours + ", this process " + std::to_string(version));
    auto host = bank();
    host.version = version;
    auto failed = failure_of(shown_to(connecting(), welcome(host)));
    CHECK(failed.why.code() == errc::version_mismatch);
    CHECK(failed.why.cause() == "version mismatch: the other process speaks " + theirs + ", this one " + ours);
    CHECK(failed.answer.empty());
  }
}

TEST_CASE("what another version says after its number does not matter", "[handshake][row12]") {
  mailroom::byte_buffer frame;
  mailroom::frame_writer out{frame, frame_kind::hello};
  out.raw(body_of(hello()).first(8));
  out.u16(2);
  auto short_one = failure_of([&] {
    out.finish();
    return shown_to(accepting(), frame);
  }());
  CHECK(short_one.why.code() == errc::version_mismatch);
  out.raw(std::vector<std::byte>(1000));
  out.finish();
  CHECK(failure_of(shown_to(accepting(), frame)).why.code() == errc::version_mismatch);
}

TEST_CASE("a hello for somebody else is refused, and told who this is", "[handshake]") {
  for (std::string wanted : {"", "Bank", "bank2", "b"}) {
    auto lost = teller();
    lost.wanted = wanted;
    auto refused = failure_of(shown_to(accepting(), hello(lost)));
    CHECK(refused.why.code() == errc::no_such_process);
    CHECK(told(refused) == error{errc::no_such_process, {}, "no such process: this is bank"});
  }
}

TEST_CASE("a caller with our own name is refused", "[handshake]") {
  auto double_ganger = teller();
  double_ganger.process = "bank";
  auto refused = failure_of(shown_to(accepting(), hello(double_ganger)));
  CHECK(refused.why.code() == errc::name_taken);
  CHECK(told(refused).code() == errc::name_taken);
}

TEST_CASE("a welcome by somebody else is a protocol error", "[handshake]") {
  auto other = bank();
  other.process = "bank2";
  auto failed = failure_of(shown_to(connecting(), welcome(other)));
  CHECK(failed.why.code() == errc::undecodable);
  CHECK(failed.why.cause() == "protocol error: the process calls itself bank2");
}

TEST_CASE("an introduction without a life or a legal name is malformed", "[handshake]") {
  auto lifeless = teller();
  lifeless.life = {};
  CHECK(failure_of(shown_to(accepting(), hello(lifeless))).why.code() == errc::undecodable);
  for (std::string name : {"", ".", "a b", "a/b"}) {
    auto odd = teller();
    odd.process = name;
    auto failed = failure_of(shown_to(accepting(), hello(odd)));
    CHECK(failed.why == error{errc::undecodable, {}, "protocol error: a malformed hello"});
    CHECK(failed.answer.empty());
  }
}

TEST_CASE("row 9: an introduction or refusal cut anywhere ends the handshake", "[handshake][row9]") {
  auto refusal = write_refusal({errc::denied, {}, "not you"});
  for (auto& whole : {hello(), welcome(), refusal}) {
    auto kind = static_cast<frame_kind>(whole[4]);
    auto body = body_of(whole);
    for (std::size_t size = 0; size < body.size(); ++size) {
      CAPTURE(size);
      auto cut = frame_of(kind, body.first(size));
      auto to = kind == frame_kind::hello ? accepting() : connecting();
      auto failed = failure_of(shown_to(to, cut));
      CHECK(failed.why.code() == errc::undecodable);
      CHECK(failed.answer.empty());
    }
  }
}

TEST_CASE("row 9: an introduction with a byte more ends the handshake", "[handshake][row9]") {
  for (auto& whole : {hello(), welcome()}) {
    auto body = body_of(whole);
    byte_buffer longer{body.begin(), body.end()};
    longer.push_back(std::byte{0});
    auto kind = static_cast<frame_kind>(whole[4]);
    auto to = kind == frame_kind::hello ? accepting() : connecting();
    CHECK(failure_of(shown_to(to, frame_of(kind, longer))).why.code() == errc::undecodable);
  }
}

TEST_CASE("row 9: an introduction or refusal with any byte changed fails or is what it says", "[handshake][row9]") {
  auto refusal = write_refusal({errc::denied, {}, "not you"});
  for (auto& whole : {hello(), welcome(), refusal}) {
    auto at_accepting = static_cast<frame_kind>(whole[4]) == frame_kind::hello;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        auto changed = whole;
        changed[at] = static_cast<std::byte>(value);
        auto verdict = shown_to(at_accepting ? accepting() : connecting(), changed);
        if (!verdict)
          continue; // the header says it is no such frame
        if (auto* ready = std::get_if<handshake::ready>(&*verdict)) {
          auto same = says(changed, ready->peer);
          auto legal = ready->peer.life.known() && mailroom::process_name::parse(ready->peer.process).has_value()
                       && ready->peer.version == protocol_version;
          CAPTURE(at, value);
          REQUIRE(same);
          REQUIRE(legal);
        }
      }
    }
  }
}
