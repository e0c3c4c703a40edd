#pragma once
// A program that this program has started and will not leave behind: it ends with the object.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

/// Where this program's own file is, and so where its siblings are.
std::filesystem::path this_program();

/// What can be said about a child beside its command line.
struct child_settings {
  /// On top of our environment: "NAME=value".
  std::vector<std::string> variables{};

  /// What it writes to its standard output is for `read_line`.
  bool captured = false;

  /// It ends when the thread that started it is gone, and so even when this program is killed. For programs that do not notice by
  /// themselves.
  bool ends_with_us = false;
};

class child_process {
public:
  /// Throws `std::system_error`.
  child_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                const child_settings& settings = {});

  /// Tells it to end, kills it after three seconds, and waits until it is gone.
  ~child_process();

  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&&) = delete;

  int pid() const noexcept;

  /// Whether it has not ended yet.
  bool running() noexcept;

  /// Tells it to end.
  void terminate() noexcept;

  /// At once, and without a last word: kill -9, TerminateProcess.
  void kill() noexcept;

  /// Holds it where it is, and lets it go on.
  void suspend() noexcept;
  void resume() noexcept;

  /// The next line of a captured output, or nothing after `patience` and at the end.
  std::optional<std::string> read_line(std::chrono::milliseconds patience);

private:
  struct native; // what the system knows it by

  /// Waits for output. Nothing more comes where it returns false, or not in time.
  bool read_more(std::chrono::milliseconds patience);

  /// The destructor's part.
  void end() noexcept;

  std::unique_ptr<native> native_; // none: moved from
  std::string unread_;
};

/// Ends a process that is not a `child_process`, as `kill` does.
void kill_process(std::uint32_t pid) noexcept;

} // namespace examples
