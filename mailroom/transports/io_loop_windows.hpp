#pragma once
// The I/O role on Windows: a completion port for overlapped operations and posted jobs, and a waitable timer as the alarm by which the standing-by
// thread learns that a ready job takes long.

#include <mailroom/runtime/system_call_windows.hpp>
#include <mailroom/transports/io_role.hpp>

#include <cstddef>

namespace mailroom {

/// One overlapped operation, whose memory the system writes until it is done. It begins as an OVERLAPPED does.
struct io_operation {
  std::uintptr_t status = 0;
  std::uintptr_t size = 0;
  std::uint64_t offset = 0;
  void* event = nullptr;

  /// Called on the thread that holds the role when the operation has ended, well or not.
  void (*done)(io_operation& self) = nullptr;
};

/// What has operations under way at a loop, and is kept by it.
class io_resource {
public:
  virtual ~io_resource() = default;

  /// The loop has stopped: ends what is under way, of which nobody will hear.
  virtual void abandon() noexcept = 0;
};

class io_loop_windows final : public io_role {
public:
  /// Throws `failure`.
  io_loop_windows();
  ~io_loop_windows() override;

  /// Lets the operations of a file or pipe end here, but for those that end at once and those whose event has its lowest bit set.
  expected<void> adopt(void* file);

  /// Keeps `what` until `let_go`, or abandons it when the loop stops. Any thread.
  void keep(std::shared_ptr<io_resource> what);
  void let_go(io_resource& what);

  expected<void> when_gone(std::uint32_t pid, job what) override;

private:
  class process_end;

  void wait_for_events(std::optional<std::chrono::microseconds> longest) override;
  void wake() noexcept override;
  void set_alarm_clock(std::chrono::nanoseconds delay) noexcept override;
  void wait_for_alarm() override;
  void end_alarm() noexcept override;
  void forget_handlers() override;

  handle port_;
  handle alarm_;
  handle stop_;
  unsigned long entries_asked_for_ = 1; // the holder's

  std::mutex resources_mutex_;
  std::unordered_map<io_resource*, std::shared_ptr<io_resource>> resources_;
};

} // namespace mailroom
