// What a supervisor decides about a child that ended, as a table.

#include <mailroom/actors/restart_policy.hpp>

#include <support/catch.hpp>

#include <vector>

using namespace std::chrono_literals;
using mailroom::auto_shutdown;
using mailroom::backoff;
using mailroom::backoff_state;
using mailroom::child_state;
using mailroom::decision;
using mailroom::ending;
using mailroom::restart;
using mailroom::restart_history;
using mailroom::strategy;
using action = mailroom::decision::action;

namespace {

constexpr restart_history::time_point start{};

/// Of children all alike, the one in the middle of three ended.
decision decide(strategy rule, restart kind, ending how) {
  std::vector<child_state> children(3, child_state{kind, false, true});
  restart_history history{1, 5s};
  return mailroom::decide(rule, auto_shutdown::never, children, 1, how, history, start);
}

} // namespace

TEST_CASE("the restart kind and how a child ended say whether it is started again", "[restart_policy]") {
  struct row {
    restart kind;
    ending how;
    action what;
  };
  auto each = GENERATE(values<row>({
    {restart::permanent, ending::as_it_should, action::restart},
    {restart::permanent, ending::failed, action::restart},
    {restart::permanent, ending::killed, action::restart},
    {restart::permanent, ending::not_started, action::restart},
    {restart::transient, ending::as_it_should, action::leave},
    {restart::transient, ending::failed, action::restart},
    {restart::transient, ending::killed, action::restart},
    {restart::transient, ending::not_started, action::restart},
    {restart::temporary, ending::as_it_should, action::forget},
    {restart::temporary, ending::failed, action::forget},
    {restart::temporary, ending::killed, action::forget},
    {restart::temporary, ending::not_started, action::forget},
  }));
  CAPTURE(static_cast<int>(each.kind), static_cast<int>(each.how));
  for (auto rule : {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one, strategy::simple_one_for_one})
    CHECK(decide(rule, each.kind, each.how).what == each.what);
}

TEST_CASE("the strategy says whom a restart concerns", "[restart_policy]") {
  auto ends = [](strategy rule) { return decide(rule, restart::permanent, ending::failed); };
  CHECK(ends(strategy::one_for_one) == decision{action::restart, 1, 2});
  CHECK(ends(strategy::simple_one_for_one) == decision{action::restart, 1, 2});
  CHECK(ends(strategy::one_for_all) == decision{action::restart, 0, 3});
  CHECK(ends(strategy::rest_for_one) == decision{action::restart, 1, 3});
}

TEST_CASE("significant children that are not started again end their supervisor as auto_shutdown says",
          "[restart_policy]") {
  struct row {
    auto_shutdown ends;
    restart kind;
    ending how;
    bool significant;
    bool other_lives;
    action what;
  };
  auto each = GENERATE(values<row>({
    {auto_shutdown::never, restart::transient, ending::as_it_should, true, false, action::leave},
    {auto_shutdown::any_significant, restart::transient, ending::as_it_should, true, true, action::shut_down},
    {auto_shutdown::any_significant, restart::transient, ending::as_it_should, false, true, action::leave},
    {auto_shutdown::any_significant, restart::transient, ending::failed, true, true, action::restart},
    {auto_shutdown::any_significant, restart::temporary, ending::as_it_should, true, true, action::shut_down},
    {auto_shutdown::any_significant, restart::temporary, ending::failed, true, true, action::shut_down},
    {auto_shutdown::any_significant, restart::temporary, ending::failed, false, true, action::forget},
    {auto_shutdown::all_significant, restart::transient, ending::as_it_should, true, true, action::leave},
    {auto_shutdown::all_significant, restart::transient, ending::as_it_should, true, false, action::shut_down},
    {auto_shutdown::all_significant, restart::transient, ending::as_it_should, false, false, action::leave},
    {auto_shutdown::all_significant, restart::temporary, ending::killed, true, true, action::forget},
    {auto_shutdown::all_significant, restart::temporary, ending::killed, true, false, action::shut_down},
    {auto_shutdown::all_significant, restart::transient, ending::killed, true, false, action::restart},
  }));
  CAPTURE(static_cast<int>(each.ends), static_cast<int>(each.kind), static_cast<int>(each.how), each.significant,
          each.other_lives);
  std::vector<child_state> children{{each.kind, each.significant, false},
                                    {restart::transient, true, each.other_lives},
                                    {restart::permanent, false, true}}; // not significant: it does not count
  restart_history history{1, 5s};
  CHECK(mailroom::decide(strategy::one_for_one, each.ends, children, 0, each.how, history, start).what == each.what);
}

TEST_CASE("more restarts than the intensity within the period are too many", "[restart_policy]") {
  restart_history history{3, 5s};
  CHECK(history.add(start));
  CHECK(history.add(start + 1s));
  CHECK(history.add(start + 2s));
  SECTION("the next one within the period") {
    CHECK_FALSE(history.add(start + 5s));
  }
  SECTION("the first one is forgotten after the period") {
    CHECK(history.add(start + 5s + 1ns));
    CHECK_FALSE(history.add(start + 6s));
    CHECK(history.add(start + 12s));
  }
}

TEST_CASE("an intensity of none allows no restart", "[restart_policy]") {
  restart_history none{0, 5s};
  CHECK_FALSE(none.add(start));
  CHECK_FALSE(none.add(start + 1h));
}

TEST_CASE("restarts of the same moment count each", "[restart_policy]") {
  restart_history history{2, 1ms};
  CHECK(history.add(start));
  CHECK(history.add(start));
  CHECK_FALSE(history.add(start));
}

TEST_CASE("only restarts count against the intensity", "[restart_policy]") {
  std::vector<child_state> children{{restart::transient, false, true}, {restart::temporary, false, true}};
  restart_history history{1, 5s};
  auto ends = [&](std::size_t which, ending how) {
    return mailroom::decide(strategy::one_for_one, auto_shutdown::never, children, which, how, history, start).what;
  };
  for (auto i = 0; i < 5; ++i) {
    CHECK(ends(0, ending::as_it_should) == action::leave);
    CHECK(ends(1, ending::failed) == action::forget);
  }
  CHECK(ends(0, ending::failed) == action::restart);
  CHECK(ends(0, ending::not_started) == action::give_up);
}

TEST_CASE("the backoff doubles up to its most and begins anew after a quiet time", "[restart_policy]") {
  backoff_state state{backoff{.first = 50ms, .most = 300ms, .jitter = 0, .quiet = 10s}};
  CHECK(state.next(0ms, 0.5) == 50ms);
  CHECK(state.next(0ms, 0.5) == 100ms);
  CHECK(state.next(9s, 0.5) == 200ms);
  CHECK(state.next(0ms, 0.5) == 300ms);
  CHECK(state.next(0ms, 0.5) == 300ms);
  CHECK(state.next(10s, 0.5) == 50ms);
  CHECK(state.next(0ms, 0.5) == 100ms);
}

TEST_CASE("the backoff's jitter goes both ways and does not add up", "[restart_policy]") {
  backoff rules{.first = 1000ms, .most = 4000ms, .jitter = 0.2};
  backoff_state low{rules};
  CHECK(low.next(0ms, 0) == 800ms);
  CHECK(low.next(0ms, 0) == 1600ms);
  backoff_state high{rules};
  CHECK(high.next(0ms, 1) == 1200ms);
  CHECK(high.next(0ms, 0.5) == 2000ms);
  CHECK(high.next(0ms, 1) == 4800ms);
}

TEST_CASE("without a backoff there is no pause, and a most below the first changes nothing", "[restart_policy]") {
  backoff_state none{backoff{}};
  for (auto i = 0; i < 70; ++i)
    CHECK(none.next(0ms, 0.9) == 0ms);
  backoff_state only_first{backoff{.first = 50ms}};
  for (auto i = 0; i < 70; ++i)
    CHECK(only_first.next(0ms, 0.5) == 50ms);
}
