#pragma once
// This program in a process of its own, started by itself: the runner starts one for each lap, and the lap one for the other end. They
// talk through the child's standard input and output, and a child ends when its input does, so none outlives the one that started it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// Thrown in the parent's waits after SIGINT or SIGTERM.
class interrupted : public std::runtime_error {
public:
  interrupted() : std::runtime_error{"interrupted"} {}
};

// -- the parent's side --------------------------------------------------------------------------------------------------------

class child_process {
public:
  /// Starts this program with other arguments. Throws `std::system_error`.
  static std::unique_ptr<child_process> start(const std::vector<std::string>& arguments);

  /// Kills and reaps it where `finish` did not. There is one at a time.
  virtual ~child_process() = default;

  /// The next line of its output, without the newline; throws where there is none in time.
  virtual std::string read_line(std::chrono::milliseconds patience) = 0;

  /// Closes its input and reaps it; throws where it fails, or does not end in time and is killed.
  virtual void finish(std::chrono::milliseconds patience) = 0;
};

/// This program's own file, and the end of another process: kill -9, TerminateProcess.
std::filesystem::path this_program();
void kill_process(std::uint32_t pid);

/// In the runner: from here on SIGINT and SIGTERM make the waits above throw instead of ending the program, and the other end of a lap
/// that was killed is reaped with it.
void be_the_first_parent();

// -- the child's side ---------------------------------------------------------------------------------------------------------

/// First of all in a child: it is killed when its parent dies, whatever it waits for.
void die_with_parent();

/// Prints a line for the parent.
void tell_caller(const std::string& line);

/// Returns when the parent has closed our input.
void await_end();

} // namespace bench
