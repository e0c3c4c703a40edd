#pragma once
// What `system::run` waits at: opened by `stop`, or by the signals that end a program. Signal handlers are set only while somebody waits.

#include <atomic>
#include <memory>

namespace mailroom {

class run_gate {
public:
  /// Throws `failure`.
  static std::unique_ptr<run_gate> make();
  virtual ~run_gate() = default;

  /// Blocks until opened; opened before, it returns at once.
  void wait() {
    awaited_ = true;
    block();
  }

  /// Whether anybody waits, or has waited: else it may be that nobody ever sees that it is open. Any thread.
  bool was_awaited() const noexcept { return awaited_; }

  /// Any thread.
  virtual void open() noexcept = 0;

private:
  virtual void block() = 0;

  std::atomic<bool> awaited_{false};
};

} // namespace mailroom
