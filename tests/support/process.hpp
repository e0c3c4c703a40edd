#pragma once
// A helper program of the tests, as a process of its own. It is killed and waited for at the end, whatever happened.

#include <mailroom/runtime/error.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
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

  /// Lets no thread of it run, and waits until every one stands still; `resume` lets them go on.
  void stop() const;
  void resume() const;

  /// Without giving it a chance, and without waiting.
  void kill() const;

  /// Waits for the end. Exit code, or minus the signal.
  int wait();

  /// Waits up to `milliseconds`; nothing while it runs.
  std::optional<int> wait_for(int milliseconds);

private:
  int pid_ = 0;
  void* native_ = nullptr; ///< Windows: its HANDLE
};

/// How a process ends that is killed, and in an operator's words.
extern const mailroom::process_exit killed;
extern const std::string_view killed_in_words;

/// Starts a process that has whatever of ours a child can have, and outlives us by some seconds. Its pid.
std::int64_t start_heir(int seconds);

/// Whether any process has that pid.
bool lives(std::int64_t pid);
void kill(std::int64_t pid);

/// Lets no thread of it run from soon on. It can be killed.
void stop(std::int64_t pid);

/// The path of the program that runs.
std::filesystem::path running_program();

} // namespace test
