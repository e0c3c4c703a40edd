#pragma once
// Where every message ends that could not be delivered: counted by reason, remembered for a while, and shown on the log.

#include <mailroom/runtime/error.hpp>
#include <mailroom/runtime/log.hpp>

#include <array>
#include <deque>
#include <map>
#include <mutex>

namespace mailroom {

struct dead_letter {
  std::string to;      ///< the mailbox that it was for
  std::string message; ///< the types of its values
  error why;
};

/// What became of the messages that this process's programs sent and of those that came in for its mailboxes. Over all processes that
/// live, and with nothing under way: sent = handled + rejected + dead.
struct statistics {
  std::uint64_t sent = 0;            ///< messages and requests that were given to mailroom here
  std::uint64_t handled = 0;         ///< a mailbox of this process ran a handler
  std::uint64_t rejected = 0;        ///< not handled, and the sender was told
  std::uint64_t dead = 0;            ///< not handled, and nobody was there to be told: a dead letter
  std::uint64_t late = 0;            ///< replies that came after their request had ended; not part of the sum
  std::uint64_t protocol_errors = 0; ///< connections closed for what came over them
};

/// Any thread.
class dead_letters {
public:
  explicit dead_letters(logger& log) : log_{log} {}

  void add(dead_letter letter);

  /// The newest ones, oldest first; at most `remembered`.
  std::vector<dead_letter> recent() const;

  std::map<errc, std::uint64_t> counts() const;
  std::uint64_t total() const;

  static constexpr std::size_t remembered = 100;

private:
  logger& log_;
  rate_gate gate_;
  mutable std::mutex mutex_;
  std::deque<dead_letter> recent_;
  std::map<errc, std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

} // namespace mailroom
