// The I/O role with its platform played by the test: what it asks of the alarm by which a thread that stands by learns of a job that lasts.

#include <mailroom/transports/io_role.hpp>

#include <support/catch.hpp>

#include <condition_variable>
#include <future>
#include <mutex>

using namespace std::chrono_literals;

namespace {

/// Sleeps on a condition variable; the alarm is noted down and never goes off.
class played_role final : public mailroom::io_role {
public:
  played_role() { start_threads(); }
  ~played_role() override { stop(); }

  mailroom::expected<void> when_gone(std::uint32_t, job) override { return {}; } // nobody asks

  using delays = std::vector<std::chrono::nanoseconds>;

  /// What the alarm was set to so far, once the role sleeps and will stay so.
  delays alarms_at_rest() {
    std::unique_lock guard{mutex_};
    REQUIRE(changed_.wait_for(guard, 10s, [this] { return asleep_ && !woken_; }));
    return alarms_;
  }

  /// Offers a job on the role and returns when it has run.
  void run_ready_job() {
    std::promise<void> ran;
    post([&] {
      offer({[](void* context, void*, clock::time_point) {
               static_cast<std::promise<void>*>(context)->set_value();
               return false;
             },
             [](void* context, void*) { static_cast<std::promise<void>*>(context)->set_value(); }, &ran, nullptr});
    });
    ran.get_future().get();
  }

private:
  void wait_for_events(std::optional<std::chrono::microseconds> longest) override {
    std::unique_lock guard{mutex_};
    asleep_ = longest != 0us;
    changed_.notify_all();
    if (asleep_)
      changed_.wait(guard, [this] { return woken_; });
    asleep_ = woken_ = false;
  }
  void wake() noexcept override {
    std::lock_guard guard{mutex_};
    woken_ = true;
    changed_.notify_all();
  }
  void set_alarm_clock(std::chrono::nanoseconds delay) noexcept override {
    std::lock_guard guard{mutex_};
    alarms_.push_back(delay);
  }
  void wait_for_alarm() override {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return ended_; });
  }
  void end_alarm() noexcept override {
    std::lock_guard guard{mutex_};
    ended_ = true;
    changed_.notify_all();
  }
  void forget_handlers() override {
    // nop
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool asleep_ = false;
  bool woken_ = false;
  bool ended_ = false;
  delays alarms_;
};

} // namespace

TEST_CASE("a role without ready jobs sets no alarm", "[io_role]") {
  played_role role;
  std::promise<void> ran;
  role.post([&] { ran.set_value(); });
  ran.get_future().get();
  CHECK(role.alarms_at_rest().empty());
}

TEST_CASE("a lone ready job is watched by an alarm, and leaves none behind when the role sleeps", "[io_role]") {
  played_role role;
  role.run_ready_job();
  CHECK(role.alarms_at_rest() == played_role::delays{mailroom::io_loop::patience, 0ns});
}
