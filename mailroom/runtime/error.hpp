#pragma once
// What can go wrong, as one closed set for every folder. The codes are ordered by what a caller can do about them; the text
// names the address and the cause, as in "bank/ledger: no such process".

#include <mailroom/export.hpp>

#include <caf/error.hpp>
#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace mailroom {

/// Why a call failed. The numbers travel on the wire and never change.
enum class errc : std::uint8_t {
  // mend the call
  invalid_address = 1, ///< not an address; the text names the character
  name_taken,          ///< another process or mailbox owns the name
  // mend the machine
  system_error, ///< the operating system refused; the text has its code and what was tried
  // wait for it, or start it
  no_such_process, ///< nobody owns the process name
  no_such_mailbox, ///< the process has no mailbox of that name, or it ended before it handled the message
  // mend the message, or one of the two programs
  unexpected_message, ///< the mailbox has no handler for the message
  unexpected_reply,   ///< the reply is not what the caller asked for
  unknown_type,       ///< a process has no message of that type
  undecodable,        ///< the bytes are no such message
  too_large,          ///< above `config::max_message`
  version_mismatch,   ///< the other side speaks another version, or listens on no transport of ours
  denied,             ///< another user, or not allowed
  // try again, later or slower
  overloaded,    ///< no room in a bounded queue
  timeout,       ///< the deadline passed first
  process_down,  ///< the process died, hung, or the connection to it was lost
  stale_address, ///< the address names an earlier incarnation of the process
  // read the text
  remote_error, ///< the handler failed; the text is its own
  cancelled,    ///< the caller gave up
  would_block,  ///< a blocking call in a handler that must not block
  shutting_down ///< this process, or the other, is about to stop
};

/// The code in words, as in "no such process".
MAILROOM_EXPORT std::string_view to_string(errc code) noexcept;

/// How a process ended: by `exit` with `code`, or by signal `signal` (0 for none).
struct process_exit {
  int code = 0;
  int signal = 0;
  friend bool operator==(const process_exit&, const process_exit&) = default;
};

/// What stands behind `errc::process_down`.
enum class down_cause : std::uint8_t {
  unknown,      ///< not a `process_down`, or nobody knows
  exited,       ///< the kernel says that the process is gone
  hung,         ///< it lives but did not answer within `config::hung_after`
  disconnected, ///< it lives but the connection was lost
  stopped       ///< it said goodbye
};

/// A failure: a code, the address or thing it is about, and the cause in words. A plain value.
class MAILROOM_EXPORT error {
public:
  /// An empty `cause` stands for the code in words.
  error(errc code, std::string subject, std::string cause = {});

  /// From any `caf::error`: those of category `mailroom` come back whole, CAF's own are mapped (`sec::request_timeout` is
  /// `timeout`), those of a program's own categories become `remote_error` with their text.
  explicit error(const caf::error& from);

  errc code() const noexcept { return code_; }

  /// The address or thing that the failure is about. May be empty.
  const std::string& subject() const noexcept { return subject_; }

  /// The cause in words, without the subject.
  const std::string& cause() const noexcept { return cause_; }

  down_cause why_down() const noexcept { return why_down_; }

  /// The same failure as `process_down` for this reason, with the exit code or signal where known.
  error& because(down_cause why, std::optional<process_exit> exit = {}) noexcept;

  /// The same failure about something else; `or_about`: unless it is about something already.
  error about(std::string subject) const;
  error or_about(const std::string& subject) const;

  /// Category `mailroom`, with everything that `error(const caf::error&)` needs to restore it.
  caf::error to_caf() const;

  friend bool operator==(const error&, const error&) = default;

private:
  errc code_;
  down_cause why_down_ = down_cause::unknown;
  std::optional<process_exit> exit_;
  std::string subject_;
  std::string cause_;

  friend MAILROOM_EXPORT std::optional<process_exit> exit_status(const error&) noexcept;
};

/// "subject: cause".
MAILROOM_EXPORT std::string to_string(const error& what);

/// Exit code or signal of the process that a `process_down` is about, where this process is its parent and so can know.
MAILROOM_EXPORT std::optional<process_exit> exit_status(const error& what) noexcept;

/// A value or a `mailroom::error`; `tl::expected` whatever the standard of library and program.
template <class T> using expected = tl::expected<T, error>;

/// Thrown where there is nobody to return an `expected` to: constructors and `spawn`.
class MAILROOM_EXPORT failure : public std::runtime_error {
public:
  explicit failure(error what);
  ~failure() override;
  const error& why() const noexcept { return why_; }

private:
  error why_;
};

namespace detail {

/// What `result` holds; throws `failure` where that is an error.
template <class T> T or_throw(expected<T> result) {
  if (!result)
    throw failure{std::move(result).error()};
  if constexpr (!std::is_void_v<T>)
    return *std::move(result);
}

} // namespace detail

} // namespace mailroom
