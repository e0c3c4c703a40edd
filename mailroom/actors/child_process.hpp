#pragma once
// Processes that this one has started, and that do not outlive it: with the keeper each child ends, and with each child all that it has
// started, however this process ends. No zombies, no SIGCHLD handler, no waiting for any child but its own.
//
// Linux: between this process and the program stands a guardian, a process of a few pages that makes itself the reaper of the program's
// descendants and kills them all when the program has ended, when it is told to, or when this process is gone. Windows: a job object that kills on close.

#include <mailroom/actors/process_spec.hpp>
#include <mailroom/runtime/error.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace mailroom {

/// What a child process tells. Called one at a time on the keeper's thread; must not block and may call the child's methods.
struct child_events {
  /// The program runs under this pid. Not called where it could not be started.
  std::function<void(std::uint32_t pid)> on_started{};

  /// One line of its output, without the end of line. The rest of a line longer than 4 KiB comes as the next one.
  std::function<void(std::string_view line, bool is_error)> on_line{};

  /// The last call, exactly once: it and all that it had started are gone, and its output was told. Or it could not be started: a
  /// `system_error` with the program, what was tried and the system's words.
  std::function<void(expected<process_exit> how)> on_exit{};
};

/// One child process. All methods from any thread; none waits. The object may go before the child: then it goes on, in the keeper's care.
class child_process {
public:
  virtual ~child_process() = default;

  /// Asks the program to end: SIGTERM, or Ctrl-Break.
  virtual void ask_to_end() = 0;

  /// Ends it and all that it has started, now.
  virtual void kill() = 0;
};

/// Starts child processes and watches them, on one thread of its own.
class MAILROOM_EXPORT process_keeper {
public:
  process_keeper();

  /// Kills the children that are left, and waits until they are gone (their `on_exit` is called). What is not started by then gets
  /// `shutting_down`. Not on the keeper's own thread.
  ~process_keeper();

  process_keeper(const process_keeper&) = delete;
  process_keeper& operator=(const process_keeper&) = delete;

  /// Starts a program. Returns at once; `events` tell the rest.
  std::shared_ptr<child_process> start(process_spec what, child_events events);

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace mailroom
