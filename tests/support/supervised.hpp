#pragma once
// Children that do what a test tells them, and what a test sees of them. A world is one kind of such children: actors here, actors elsewhere,
// processes. The cases of supervisor_cases.hpp run in each.

#include <mailroom/mailroom.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace test {

using namespace std::chrono_literals;

/// What a child is told: "crash", "quit" (as it should), "shutdown" (likewise, with that reason), "stubborn" (no longer ends when asked).
struct command {
  std::string what;
  template <class Archive> void serialize(Archive& ar) { ar(what); }
};

/// Waits for what is about to happen; false where it does not.
template <class Condition> bool comes_true(Condition condition, std::chrono::milliseconds within = 20s) {
  auto deadline = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// The children of one kind, and a system whose supervisors they have.
class supervised_world {
public:
  virtual ~supervised_world() = default;

  virtual mailroom::system& sys() = 0;

  /// A child that does as it is told.
  mailroom::child_spec child(const std::string& id, const mailroom::child_options& options = {}) {
    return make_child(id).with(options);
  }

  /// Of the child "root/a".
  virtual void tell(const std::string& path, const std::string& what) = 0;

  /// The next `times` starts of a child of this id fail.
  virtual void fail_starts(const std::string& id, int times) = 0;

  /// Starts of a child of this id take until `release`.
  virtual void hold_starts(const std::string& id) = 0;

  /// A child of this id takes until `release` to end when it is asked, not when it is killed. That it was asked is an event then: "asked a".
  virtual void hold_ends(const std::string& id) = 0;
  virtual void release(const std::string& id) = 0;

  /// What happened, in its order: "+a" for each life that came up, "-a" where one ended otherwise than by a kill.
  virtual std::vector<std::string> events() = 0;
  virtual void forget_events() = 0;

  /// The lives that came up since `forget_events`.
  int births(const std::string& id) {
    auto all = events();
    return static_cast<int>(std::count(all.begin(), all.end(), "+" + id));
  }

  virtual mailroom::child_spec make_child(const std::string& id) = 0;

  std::vector<mailroom::child_info> children(const std::string& supervisor = "root") {
    return mailroom::which_children(sys(), supervisor).value_or(std::vector<mailroom::child_info>{});
  }

  std::string ids(const std::string& supervisor = "root") {
    std::string result;
    for (auto& each : children(supervisor))
      result += (result.empty() ? "" : " ") + each.id;
    return result;
  }

  /// Of all children, in their order: "up stopped".
  std::string phases(const std::string& supervisor = "root") {
    std::string result;
    for (auto& each : children(supervisor))
      result += (result.empty() ? "" : " ") + std::string{to_string(each.phase)};
    return result;
  }
};

} // namespace test

MAILROOM_MESSAGE(test::command, "test.command")
