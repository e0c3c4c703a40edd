#pragma once
// Everything that a program may want to say about its system, as a plain struct: each default stands beside its field, with the
// reason to change it.

#include <mailroom/runtime/error.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mailroom {

/// How much a log line matters.
enum class level : std::uint8_t { debug, info, warning, error };

MAILROOM_EXPORT std::string_view to_string(level value) noexcept;

/// The ways of moving frames between two processes; see docs/architecture.md.
enum class transport_kind : std::uint8_t {
  memory,        ///< two systems in one process
  pipe,          ///< Unix-domain stream socket on POSIX, named pipe on Windows
  shared_memory, ///< rings in memory that both processes map, agreed on over `pipe`, which serves where that is not possible
  copydata       ///< Windows only: WM_COPYDATA to a hidden window, within one desktop session
};

MAILROOM_EXPORT std::string_view to_string(transport_kind value) noexcept;

/// What `~system` does while an actor does not end.
enum class stuck_policy : std::uint8_t {
  wait,       ///< log its name once a second and go on waiting
  end_process ///< log its name, then end the process at once with exit code 70
};

struct config {
  /// This process's name for the others. Empty: what a supervisor says (MAILROOM_PROCESS), else the program's name and its pid, as in "teller-4711".
  /// Only the first system of a process, and the next when that is gone, takes it from there.
  std::string process{};

  /// Where the endpoints live. Empty: `MAILROOM_DIR`, else `$XDG_RUNTIME_DIR/mailroom`, else `/tmp/mailroom-UID`. Processes see
  /// each other only within one directory.
  std::filesystem::path directory{};

  /// In order of preference: a process listens on all of them, and calls by the first one that the other has too; two that have none in common are
  /// told so by `version_mismatch`. Add `memory` in front for several systems in one process; `{copydata, pipe}` is the window route on Windows.
  std::vector<transport_kind> transports{transport_kind::pipe};

  /// `shared_memory` only: how long a thread that waits looks for itself before it sleeps, while that pays. 0: it sleeps at once. Higher:
  /// faster answers from a peer that takes its time, for processor time. 50: about twice what it costs to wake a thread.
  std::chrono::microseconds longest_spin{50};

  /// The deadline of `request` where the call has none of its own.
  std::chrono::milliseconds request_timeout{5000};

  /// How long `send` from a plain thread waits for room in the queue to a peer.
  std::chrono::milliseconds send_timeout{5000};

  /// How long a message waits for a process that is about to start. 0: it fails at once with `no_such_process`.
  std::chrono::milliseconds wait_for_process{0};

  /// How long a peer may take to answer the handshake. Higher: for machines that swap.
  std::chrono::milliseconds handshake_timeout{2000};

  /// Between two signs of life that are asked for while somebody waits on a peer. Lower: more wake-ups.
  std::chrono::milliseconds heartbeat{1000};

  /// A peer that was silent for so long, while somebody waited on it, is down. Lower: stalls of a busy machine count as death.
  std::chrono::milliseconds hung_after{3000};

  /// The largest message in bytes, on the wire. Lower: tighter memory; both sides need room for it.
  std::size_t max_message = std::size_t{256} << 20;

  /// The queue to one peer while it does not read: bytes and messages, whichever comes first. Higher: longer bursts.
  std::size_t max_queued_bytes = std::size_t{16} << 20;
  std::size_t max_queued_messages = 100'000;

  /// CAF's worker threads. 0: one per core, at least four.
  std::size_t workers = 0;

  /// Let the thread that read a message run the actor that it is for, while nothing else waits; another thread takes over reading
  /// when that takes longer than a millisecond. Off: always hand over to a worker, at 5 to 8 us a message.
  bool run_where_read = true;

  /// What the destructor does about an actor that does not end.
  stuck_policy on_stuck = stuck_policy::wait;

  /// Gets each line from `log_level` up. Empty: one line each on standard error. Called from any thread, or by `executor`.
  std::function<void(level, std::string_view)> log{};

  level log_level = level::warning;

  /// Says on which thread functions (not actors) are called, the log callback and the callbacks of asynchronous requests: it gets the
  /// function and calls it, now or later, where it likes. Empty: on the thread where the event happens.
  std::function<void(std::function<void()>)> executor{};
};

/// `base` with what the environment says: MAILROOM_PROCESS, MAILROOM_DIR, MAILROOM_TRANSPORTS (comma-separated), MAILROOM_LOG_LEVEL,
/// MAILROOM_REQUEST_TIMEOUT, MAILROOM_SEND_TIMEOUT, MAILROOM_WAIT_FOR_PROCESS and MAILROOM_HUNG_AFTER (milliseconds),
/// MAILROOM_LONGEST_SPIN (microseconds), MAILROOM_MAX_MESSAGE and MAILROOM_MAX_QUEUED_BYTES (bytes). A value that is none fails with `system_error` and names the variable.
/// The `system` itself looks at MAILROOM_DIR and at what a supervisor sets: MAILROOM_PROCESS, MAILROOM_PARENT and MAILROOM_PARENT_PID. For the command line see mailroom/command_line.hpp.
MAILROOM_EXPORT expected<config> config_from_environment(config base = {});

/// Sets one field by its name in text, as the environment and the command line do: "process", "dir", "transports", "log-level",
/// "request-timeout", ... The error says what was wrong with the value.
MAILROOM_EXPORT expected<void> set_option(config& target, std::string_view name, std::string_view value);

/// The options that `set_option` knows, with a line of help each.
struct config_option {
  std::string_view name;
  std::string_view help;
};
MAILROOM_EXPORT const std::vector<config_option>& config_options();

} // namespace mailroom
