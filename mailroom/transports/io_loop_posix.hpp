#pragma once
// The I/O role on POSIX: epoll for descriptors, an eventfd for posted jobs, and a timerfd as the alarm by which the standing-by thread
// learns that a ready job takes long. An idle system sleeps without a single wake-up.

#include <mailroom/runtime/system_call_posix.hpp>
#include <mailroom/transports/io_role.hpp>

namespace mailroom {

/// What hears about a descriptor. Called on the thread that holds the role.
class io_handler : public hot_handler {
public:
  virtual void on_ready(std::uint32_t events) = 0;
};

class io_loop_posix final : public io_role {
public:
  using handle = std::uint64_t;

  /// Throws `failure`.
  io_loop_posix();
  ~io_loop_posix() override;

  /// Watches `native` for `events` (epoll's) and keeps `target` alive until `remove`. Any thread.
  expected<handle> add(int native, std::uint32_t events, std::shared_ptr<io_handler> target);
  void change(handle which, int native, std::uint32_t events) noexcept;
  void remove(handle which, int native) noexcept;

  expected<void> when_gone(std::uint32_t pid, job what) override;

private:
  class process_end;

  void wait_for_events(std::optional<std::chrono::microseconds> longest) override;
  void wake() noexcept override;
  void set_alarm_clock(std::chrono::nanoseconds delay) noexcept override;
  void wait_for_alarm() override;
  void end_alarm() noexcept override;
  void forget_handlers() override;

  file_descriptor epoll_;
  file_descriptor wake_;
  file_descriptor alarm_;
  file_descriptor stop_;

  std::mutex handlers_mutex_;
  std::unordered_map<handle, std::shared_ptr<io_handler>> handlers_;
  handle last_handle_ = 0;
};

} // namespace mailroom
