#pragma once
// A contender is one way of getting messages to somebody else and back. Each has a file of its own and a line in all_*.cpp; what is
// measured, and how, is the same for all and stands in lap.cpp.

#include "scenario.hpp"

#include <mailroom/runtime/config.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What both ends of a lap know before it begins.
struct setting {
  scenario what;
  std::filesystem::path directory; ///< for sockets and the like; short, and of this run alone
};

/// The end that asks and sends, on one thread. Every call throws where anything is not as it should be.
class caller {
public:
  virtual ~caller() = default;

  /// Sends the payload and waits for its echo, which stays valid until the next call.
  virtual std::string_view request() = 0;

  /// Makes `count` requests one after the other and adds how long each took. Overridden by callers that live elsewhere than on this thread.
  virtual void time_requests(std::size_t count, std::chrono::milliseconds silence, std::size_t payload,
                             std::vector<std::chrono::steady_clock::duration>& samples);

  /// Sends the payload one way.
  virtual void send() = 0;

  /// Waits until everything sent so far has been received; returns how many messages the receiver counted since it was last asked.
  virtual std::uint64_t received() = 0;

  /// How often the other end's process has asked for memory so far, where it can tell.
  virtual std::optional<std::uint64_t> allocations_there() { return std::nullopt; }

  /// How many messages may be on their way before `received` must be called; 0 where the contender bounds its queues itself.
  virtual std::size_t window() const { return 0; }
};

struct contender {
  std::string name;
  std::string about;

  /// Whether it is worth rows with both ends tied to cores.
  bool pinned = false;

  /// Whether it makes requests only, and whether those after a silence tell something about it.
  bool requests_only = false;
  bool between_processes = true;

  /// The other end, in a process of its own: says `tell_caller` once it can be reached, serves until `await_end` returns. Empty: the
  /// caller's process has both ends.
  std::function<void(const setting&)> serve;

  /// The caller's end. `greeting` is what the other one told.
  std::function<std::unique_ptr<caller>(const setting&, const std::string& greeting)> open;
};

/// All of this build. The first is what the others are compared with: bytes from one process to another, and nothing else.
const std::vector<contender>& contenders();

/// Null where unknown.
const contender* find_contender(std::string_view name);

/// The payload of a scenario: the same bytes in both processes.
std::string payload_of(const scenario& what);

/// The window of contenders without bounds of their own: 16 MiB or 20,000 messages, whichever comes first.
std::size_t usual_window(const scenario& what) noexcept;

// -- the contenders' files ----------------------------------------------------------------------------------------------------

contender bare_socket();
contender bare_pipe();
contender bare_copydata();

/// A transport between processes, and what it is on this system.
struct way {
  mailroom::transport_kind over;
  std::string about;
};

/// Over each of these, asked by a thread and by an actor, and within one process.
std::vector<contender> mailroom_contenders(const std::vector<way>& ways);

contender scoped_actor();
contender basp();

// in peers/, where asked for
contender zeromq();
contender sd_bus_direct();
contender grpc_unix();

} // namespace bench
