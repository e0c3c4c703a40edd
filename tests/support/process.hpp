#pragma once
// A helper program of the tests, as a process of its own. It is killed and waited for at the end, whatever happened.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace test {

class process {
public:
  /// Starts `program` (a path) with MAILROOM_DIR set to `directory`. Throws where that fails.
  process(const std::filesystem::path& program, std::vector<std::string> arguments,
          const std::filesystem::path& directory);
  ~process();
  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;

  int pid() const noexcept { return pid_; }

  /// Sends a POSIX signal.
  void signal(int number) const;

  /// SIGSTOP, and waits until every thread stands still.
  void stop() const;

  /// SIGKILL, without waiting.
  void kill() const;

  /// Waits for the end. Exit code, or minus the signal.
  int wait();

  /// Waits up to `milliseconds`; nothing while it runs.
  std::optional<int> wait_for(int milliseconds);

private:
  int pid_ = 0;
};

/// The running time of a test that repeats: `usual` rounds in CI; MAILROOM_TEST_ROUNDS says otherwise ("full": `full`).
int rounds(int usual, int full);

} // namespace test
