#pragma once
// What a supervisor does about a child that ended: a pure decision. The rules are those of OTP's `supervisor`, with a backoff on top.

#include <mailroom/export.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

namespace mailroom {

/// Which children a restart concerns. (OTP: the same names.)
enum class strategy : std::uint8_t {
  one_for_one,       ///< the one that ended
  one_for_all,       ///< all of them
  rest_for_one,      ///< the one that ended and those that were started after it
  simple_one_for_one ///< like one_for_one; the children are made from one template, while the supervisor runs
};

/// After which ends a child is started again. (OTP: restart type.)
enum class restart : std::uint8_t {
  permanent, ///< always
  transient, ///< unless it ended as it should: an actor without a reason or by `shutdown`, a process with exit code 0
  temporary  ///< never, not even when a sibling takes it along; it is forgotten
};

/// Whether a supervisor ends, without failing, when `significant` children have ended as they should. (OTP 24.)
enum class auto_shutdown : std::uint8_t { never, any_significant, all_significant };

/// What is longer means for ever, and is taken for this: a point of time so far ahead can still be reckoned with.
inline constexpr std::chrono::milliseconds longest_time = std::chrono::hours{24 * 3650};

/// How a child is stopped: asked, and killed when it takes longer than `grace`. (OTP: shutdown.)
class shutdown {
public:
  static constexpr shutdown within(std::chrono::milliseconds grace) noexcept {
    return shutdown{std::min(grace, longest_time)};
  }
  static constexpr shutdown brutal_kill() noexcept { return shutdown{std::chrono::milliseconds{0}}; }
  static constexpr shutdown infinity() noexcept { return shutdown{std::chrono::milliseconds::max()}; }

  constexpr std::chrono::milliseconds grace() const noexcept { return grace_; }
  constexpr bool kills_at_once() const noexcept { return grace_.count() == 0; }
  constexpr bool waits_for_ever() const noexcept { return grace_ == std::chrono::milliseconds::max(); }
  friend constexpr bool operator==(const shutdown&, const shutdown&) = default;

private:
  explicit constexpr shutdown(std::chrono::milliseconds grace) noexcept : grace_{grace} {}
  std::chrono::milliseconds grace_;
};

/// The pause before a restart: `first`, doubled with each restart in a row up to `most`, and each by chance up to `jitter` of it longer or
/// shorter, so that many do not come back at once. A child that ran for `quiet` begins anew with `first`. At most `longest_time`.
struct backoff {
  std::chrono::milliseconds first{0};
  std::chrono::milliseconds most{0};
  double jitter = 0; ///< 0 to 1
  std::chrono::milliseconds quiet{10'000};
};

/// The restarts of one supervisor: whether there were too many of late. (OTP: add_restart.)
class MAILROOM_EXPORT restart_history {
public:
  using time_point = std::chrono::steady_clock::time_point;

  restart_history(unsigned intensity, std::chrono::milliseconds period)
    : intensity_{intensity}, period_{std::min(period, longest_time)} {}

  /// Counts one at `now`, which does not go back. False: more than `intensity` within `period`.
  bool add(time_point now);

private:
  unsigned intensity_;
  std::chrono::milliseconds period_;
  std::deque<time_point> restarts_; // at most one more than `intensity`
};

/// How far the backoff of one child has gone.
class MAILROOM_EXPORT backoff_state {
public:
  explicit backoff_state(const backoff& rules) : rules_{rules} {}

  /// The pause after an end, and one step further. `ran` is how long the child was up; 0 where it never was. `chance` is in [0, 1).
  std::chrono::milliseconds next(std::chrono::milliseconds ran, double chance);

private:
  backoff rules_;
  std::chrono::milliseconds pause_{0}; // without jitter; 0: the next one is the first
};

/// How a child came to its end.
enum class ending : std::uint8_t {
  as_it_should, ///< an actor without a reason or by `shutdown`, a process with exit code 0
  failed,
  killed,
  not_started ///< it did not come up again: a restart that failed
};

/// A child as its supervisor's decision sees it.
struct child_state {
  mailroom::restart restart = mailroom::restart::permanent;
  bool significant = false;
  bool lives = false; ///< it runs, starts, stops, or waits for its restart
};

/// What is to be done about a child that ended. Where it is restarted, so are `first` up to, not including, `last`: those that live are
/// stopped before, and the temporary ones among the others are forgotten.
struct decision {
  enum class action : std::uint8_t {
    restart,
    leave,     ///< it is not started again, but its specification stays
    forget,    ///< and its specification goes
    shut_down, ///< the supervisor stops all children and ends, without failing
    give_up    ///< the supervisor stops all children and fails: too many restarts
  };
  action what = action::leave;
  std::size_t first = 0;
  std::size_t last = 0;
  friend bool operator==(const decision&, const decision&) = default;
};

/// Decides about the child at `which` of `children`, which are in the order of their start. Counts a restart in `history`.
MAILROOM_EXPORT decision decide(strategy rule, auto_shutdown ends, std::span<const child_state> children,
                                std::size_t which, ending how, restart_history& history,
                                restart_history::time_point now);

} // namespace mailroom
