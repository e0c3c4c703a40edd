#pragma once
// What `system::run` waits at: opened by `stop`, or by the signals that end a program. Signal handlers are set only while somebody waits.

#include <memory>

namespace mailroom {

class run_gate {
public:
  /// Throws `failure`.
  static std::unique_ptr<run_gate> make();
  virtual ~run_gate() = default;

  /// Blocks until opened; opened before, it returns at once.
  virtual void wait() = 0;

  /// Any thread.
  virtual void open() noexcept = 0;
};

} // namespace mailroom
