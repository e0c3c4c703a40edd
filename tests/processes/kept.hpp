#pragma once
// A child process in a keeper's care, and all that was told of it.

#include <processes/world.hpp>

#include <mailroom/actors/child_process.hpp>

#include <condition_variable>
#include <optional>

namespace test {

/// Longer than anything takes on a machine that is busy with something else.
inline constexpr auto patience = 30s;

class kept {
public:
  kept(mailroom::process_keeper& keeper, mailroom::process_spec what) : state_{std::make_shared<state>()} {
    handle_ = keeper.start(std::move(what), events());
  }

  /// The helper program that does what its arguments say.
  kept(mailroom::process_keeper& keeper, std::vector<std::string> arguments)
    : kept{keeper, mailroom::process_spec{.program = programs / "child", .arguments = std::move(arguments)}} {
    // nop
  }

  mailroom::child_process& handle() { return *handle_; }
  void forget_handle() { handle_.reset(); }

  /// 0 where it does not come.
  std::uint32_t pid() {
    std::unique_lock guard{state_->mutex};
    state_->changed.wait_for(guard, patience, [&] { return state_->pid != 0 || state_->how; });
    return state_->pid;
  }

  mailroom::expected<mailroom::process_exit> end() {
    std::unique_lock guard{state_->mutex};
    if (!state_->changed.wait_for(guard, patience, [&] { return state_->how.has_value(); }))
      return tl::unexpected{mailroom::error{errc::timeout, "the test"}};
    return *state_->how;
  }

  bool has_ended() {
    std::lock_guard guard{state_->mutex};
    return state_->how.has_value();
  }

  /// The line of that number; empty where it does not come.
  std::string line(std::size_t number) {
    std::unique_lock guard{state_->mutex};
    auto there = [&] { return state_->lines.size() > number; };
    state_->changed.wait_for(guard, patience, [&] { return there() || state_->how; });
    return there() ? state_->lines[number] : std::string{};
  }

  std::vector<std::string> lines() {
    std::lock_guard guard{state_->mutex};
    return state_->lines;
  }
  std::vector<std::string> errors() {
    std::lock_guard guard{state_->mutex};
    return state_->errors;
  }

  /// What came in another order than it must, or more often.
  int faults() {
    std::lock_guard guard{state_->mutex};
    return state_->faults;
  }

private:
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint32_t pid = 0;
    std::vector<std::string> lines;
    std::vector<std::string> errors;
    std::optional<mailroom::expected<mailroom::process_exit>> how;
    int faults = 0;
  };

  mailroom::child_events events() {
    auto change = [to = state_](auto how) {
      std::lock_guard guard{to->mutex};
      how(*to);
      to->changed.notify_all();
    };
    return {.on_started =
              [change](std::uint32_t pid) {
                change([&](state& s) {
                  s.faults += s.pid != 0 || !s.lines.empty() || !s.errors.empty() || s.how;
                  s.pid = pid;
                });
              },
            .on_line =
              [change](std::string_view line, bool is_error) {
                change([&](state& s) {
                  s.faults += s.pid == 0 || s.how;
                  (is_error ? s.errors : s.lines).emplace_back(line);
                });
              },
            .on_exit =
              [change](mailroom::expected<mailroom::process_exit> how) {
                change([&](state& s) {
                  s.faults += s.how ? 1 : 0;
                  s.how = std::move(how);
                });
              }};
  }

  std::shared_ptr<state> state_;
  std::shared_ptr<mailroom::child_process> handle_;
};

} // namespace test
