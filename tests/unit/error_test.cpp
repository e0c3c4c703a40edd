// One set of errors for everybody: each with words of its own, and none loses anything on its way through CAF.

#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/error.hpp>

#include <support/catch.hpp>

#include <set>
#include <string>
#include <vector>

using mailroom::down_cause;
using mailroom::errc;
using mailroom::error;
using mailroom::process_exit;

namespace {

constexpr auto first = errc::invalid_address;
constexpr auto last = errc::shutting_down;

std::vector<errc> all_codes() {
  std::vector<errc> result;
  for (auto code = static_cast<int>(first); code <= static_cast<int>(last); ++code)
    result.push_back(static_cast<errc>(code));
  return result;
}

error through_caf(const error& what) {
  return error{what.to_caf()};
}

} // namespace

TEST_CASE("the numbers of the errors never change", "[error]") {
  struct row {
    errc code;
    int number;
    std::string text;
  };
  const std::vector<row> rows{
    {errc::invalid_address, 1, "invalid address"},
    {errc::name_taken, 2, "name taken"},
    {errc::system_error, 3, "system error"},
    {errc::no_such_process, 4, "no such process"},
    {errc::no_such_mailbox, 5, "no such mailbox"},
    {errc::unexpected_message, 6, "unexpected message"},
    {errc::unexpected_reply, 7, "unexpected reply"},
    {errc::unknown_type, 8, "unknown type"},
    {errc::undecodable, 9, "undecodable"},
    {errc::too_large, 10, "too large"},
    {errc::version_mismatch, 11, "version mismatch"},
    {errc::denied, 12, "denied"},
    {errc::overloaded, 13, "overloaded"},
    {errc::timeout, 14, "timeout"},
    {errc::process_down, 15, "process down"},
    {errc::stale_address, 16, "stale address"},
    {errc::remote_error, 17, "remote error"},
    {errc::cancelled, 18, "cancelled"},
    {errc::would_block, 19, "would block"},
    {errc::shutting_down, 20, "shutting down"},
  };
  REQUIRE(rows.size() == all_codes().size());
  for (auto& each : rows) {
    CHECK(static_cast<int>(each.code) == each.number);
    CHECK(to_string(each.code) == each.text);
  }
  CHECK(to_string(static_cast<errc>(21)) == "unknown error");
  CHECK(to_string(static_cast<errc>(255)) == "unknown error");
}

TEST_CASE("an error's text is its subject and its cause", "[error]") {
  CHECK(to_string(error{errc::no_such_process, "bank/ledger"}) == "bank/ledger: no such process");
  CHECK(to_string(error{errc::system_error, "/tmp/x", "mkdir: no space"}) == "/tmp/x: mkdir: no space");
  CHECK(to_string(error{errc::timeout, ""}) == "timeout");
}

TEST_CASE("an error can be told about something else", "[error]") {
  auto what = error{errc::process_down, "bank"}.because(down_cause::exited, process_exit{3, 0});
  auto other = what.about("bank/ledger");
  CHECK(to_string(other) == "bank/ledger: process down");
  CHECK(other.why_down() == down_cause::exited);
  CHECK(exit_status(other) == process_exit{3, 0});
  CHECK(what.or_about("somebody else") == what);
  CHECK((error{errc::timeout, ""}.or_about("bank") == error{errc::timeout, "bank"}));
}

TEST_CASE("an exit status is known only where somebody said it", "[error]") {
  error plain{errc::process_down, "bank"};
  CHECK_FALSE(exit_status(plain));
  CHECK(plain.why_down() == down_cause::unknown);
  CHECK_FALSE(exit_status(error{errc::process_down, "bank"}.because(down_cause::hung)));
  CHECK(exit_status(error{errc::process_down, "bank"}.because(down_cause::exited, process_exit{0, 9}))->signal == 9);
}

TEST_CASE("an error comes back from CAF as it went", "[error]") {
  for (auto code : all_codes()) {
    for (std::string subject : {"", "bank/ledger", "with\nlines and \xff"}) {
      error what{code, subject, "for a reason"};
      CHECK(through_caf(what) == what);
      CHECK(through_caf(error{code, subject}) == error{code, subject});
    }
  }
  for (auto cause :
       {down_cause::unknown, down_cause::exited, down_cause::hung, down_cause::disconnected, down_cause::stopped}) {
    auto bare = error{errc::process_down, "bank"}.because(cause);
    CHECK(through_caf(bare) == bare);
    auto full = error{errc::process_down, "bank"}.because(cause, process_exit{-1, 9});
    CHECK(through_caf(full) == full);
    CHECK(exit_status(through_caf(full)) == process_exit{-1, 9});
  }
}

TEST_CASE("an error of ours carries category mailroom and its number in CAF", "[error]") {
  for (auto code : all_codes()) {
    auto what = error{code, "bank"}.to_caf();
    CHECK(what.category() == caf::atom("mailroom"));
    CHECK(what.code() == static_cast<std::uint8_t>(code));
  }
}

TEST_CASE("what CAF raises itself has a code of ours", "[error]") {
  struct row {
    caf::error from;
    errc code;
    std::string text;
  };
  const std::vector<row> rows{
    {caf::sec::request_timeout, errc::timeout, "timeout"},
    {caf::sec::request_receiver_down, errc::no_such_mailbox, "request_receiver_down"},
    {caf::sec::unexpected_message, errc::unexpected_message, "unexpected_message"},
    {caf::sec::unexpected_response, errc::unexpected_reply, "unexpected_response"},
    {caf::sec::runtime_error, errc::remote_error, "runtime_error"},
    {caf::make_error(caf::sec::runtime_error, std::string{"no more ink"}), errc::remote_error,
     "runtime_error (\"no more ink\")"},
    {caf::exit_reason::kill, errc::remote_error, "kill"},
    {caf::exit_reason::remote_link_unreachable, errc::process_down, "remote_link_unreachable"},
  };
  for (auto& each : rows) {
    error what{each.from};
    CAPTURE(to_string(each.from));
    CHECK(what.code() == each.code);
    CHECK(what.cause() == each.text);
    CHECK(what.subject().empty());
  }
}

TEST_CASE("a program's own error is a remote error with its own text", "[error]") {
  error told{caf::error{4, caf::atom("bank"), caf::make_message(std::string{"no such account"})}};
  CHECK(told.code() == errc::remote_error);
  CHECK(told.cause() == "no such account");
  error silent{caf::error{4, caf::atom("bank")}};
  CHECK(silent.code() == errc::remote_error);
  CHECK(silent.cause().find("bank") != std::string::npos);
}

TEST_CASE("an error that is none says so", "[error]") {
  error none{caf::error{}};
  CHECK(none.cause() == "no error");
}

TEST_CASE("codes that nobody has are remote errors", "[error]") {
  for (auto category :
       {mailroom::caf_version::error_category, caf::atom("system"), caf::atom("exit"), caf::atom("what")}) {
    for (int code = 1; code < 256; ++code) {
      CAPTURE(code);
      error what{caf::error{static_cast<std::uint8_t>(code), category}};
      CHECK(what.code() >= first);
      CHECK(what.code() <= last);
      CHECK_FALSE(what.cause().empty());
    }
  }
  auto odd = caf::make_message(std::string{"bank"}, std::string{"odd"}, std::uint8_t{77}, false, std::int32_t{0},
                               std::int32_t{0});
  CHECK(error{caf::error{15, mailroom::caf_version::error_category, odd}}.why_down() == down_cause::unknown);
  CHECK(error{caf::error{77, mailroom::caf_version::error_category, odd}}.code() == errc::remote_error);
}

TEST_CASE("an error of ours with a context of others keeps its code", "[error]") {
  error what{caf::error{14, mailroom::caf_version::error_category, caf::make_message(std::int32_t{1})}};
  CHECK(what.code() == errc::timeout);
  CHECK(what.cause() == "timeout");
}

TEST_CASE("a failure is thrown with the error's text and keeps the error", "[error]") {
  error why{errc::name_taken, "bank", "name taken by process 12"};
  try {
    throw mailroom::failure{why};
  } catch (const std::runtime_error& what) {
    CHECK(std::string{what.what()} == "bank: name taken by process 12");
    CHECK(dynamic_cast<const mailroom::failure&>(what).why() == why);
  }
}
