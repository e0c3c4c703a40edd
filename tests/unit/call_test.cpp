// The request of a plain thread: it ends once, whoever comes first.

#include <mailroom/runtime/call.hpp>

#include <support/catch.hpp>
#include <support/messages.hpp>

#include <thread>

using mailroom::errc;
using mailroom::error;
using mailroom::typed_call;

namespace {

caf::message reply_of(std::int64_t value) {
  return caf::make_message(test::number{value});
}

} // namespace

TEST_CASE("a call ends with its reply", "[call]") {
  typed_call<test::number> one;
  CHECK_FALSE(one.done());
  one.reply(reply_of(4));
  CHECK(one.done());
  CHECK_FALSE(one.failed());
  CHECK(std::get<0>(one.value) == test::number{4});
}

TEST_CASE("a reply of another type is an error", "[call]") {
  typed_call<test::number> one;
  one.reply(caf::make_message(std::string{"four"}));
  REQUIRE(one.failed());
  CHECK(one.failed()->code() == errc::unexpected_reply);
}

TEST_CASE("row 17: a call that has ended ends no second time", "[call][row17]") {
  auto endings = 0;
  typed_call<test::number> replied;
  replied.on_done([&] { ++endings; });
  replied.reply(reply_of(4));
  replied.fail({errc::timeout, "host/late"});
  replied.reply(reply_of(5));
  CHECK_FALSE(replied.failed());
  CHECK(std::get<0>(replied.value) == test::number{4});

  typed_call<test::number> timed_out;
  timed_out.on_done([&] { ++endings; });
  timed_out.fail({errc::timeout, "host/late"});
  timed_out.reply(reply_of(4));
  timed_out.fail({errc::process_down, "host/late"});
  REQUIRE(timed_out.failed());
  CHECK(timed_out.failed()->code() == errc::timeout);
  CHECK(std::get<0>(timed_out.value) == test::number{});
  CHECK(endings == 2);
}

TEST_CASE("row 17: of a reply and a deadline at once, one is the end and the other nothing", "[call][row17]") {
  for (auto round = 0; round < 200; ++round) {
    typed_call<test::number> one;
    std::atomic<int> endings{0};
    one.on_done([&] { ++endings; });
    std::thread replying{[&] { one.reply(reply_of(round)); }};
    one.fail({errc::timeout, "host/late"});
    CHECK(one.wait_until(std::chrono::steady_clock::time_point::max()));
    replying.join();
    CHECK(endings == 1);
    CHECK(std::get<0>(one.value).value == (one.failed() ? 0 : round));
  }
}
