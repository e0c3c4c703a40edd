#pragma once
// A forked child that runs one function and nothing else, and a line of single bytes between it and the test.

#include <functional>
#include <memory>

namespace test {

/// One end of the line.
class line {
public:
  explicit line(int native) : native_{native} {}
  ~line();
  line(const line&) = delete;
  line& operator=(const line&) = delete;

  void tell() const;

  /// Waits until the other end told something; false where it is gone, or silent for 20 s.
  bool hear() const;

private:
  int native_;
};

class forked {
public:
  /// The child ends with what `body` returns as its exit code. Where this process has other threads, the child must not allocate: fork it before
  /// they start.
  explicit forked(const std::function<int(const line&)>& body);

  /// Kills and waits.
  ~forked();
  forked(const forked&) = delete;
  forked& operator=(const forked&) = delete;

  int pid() const noexcept { return pid_; }
  void tell() const { line_->tell(); }
  bool hear() const { return line_->hear(); }

  void kill() const;

  /// Waits for the end. Exit code, or minus the signal.
  int wait();

private:
  int pid_ = 0;
  std::unique_ptr<line> line_;
};

} // namespace test
