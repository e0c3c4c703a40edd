#pragma once
// The contract between mailroom and a way of moving bytes. A transport knows frames and processes, not messages: it carries whole
// frames in order between two processes and says when a connection is gone, and why. tests/unit/transport_*_test.cpp hold every
// transport to this page.

#include <mailroom/runtime/config.hpp>
#include <mailroom/runtime/endpoint.hpp>
#include <mailroom/runtime/frame.hpp>
#include <mailroom/runtime/io_loop.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace mailroom {

/// What a connection tells its owner. One call at a time, in order; on the thread that reads: the I/O role, or a caller in `drive`.
class connection_events {
public:
  virtual ~connection_events() = default;

  /// One whole frame, in the order of sending. The view ends with the call. Must not block.
  virtual void on_frame(const frame_view& frame) = 0;

  /// The outbound queue has room again after `send_result::full`. Any thread.
  virtual void on_room() = 0;

  /// The connection is over: the last call, exactly once, on the I/O role. Everything that the peer had written before was handed over.
  /// `unsent` are the frames that were accepted and not given to the kernel whole, in order.
  virtual void on_closed(const error& reason, std::vector<byte_buffer> unsent) = 0;
};

enum class send_result : std::uint8_t {
  sent,  ///< accepted; it is written or waits in the queue
  full,  ///< not accepted: no room in the queue
  closed ///< not accepted: the connection is over
};

enum class send_mode : std::uint8_t {
  bounded, ///< subject to the bounds of the queue
  system ///< replies and control frames: may exceed them once over, then the connection closes, since the peer does not read
};

/// What the kernel says of the process at the other end.
struct peer_identity {
  std::uint32_t pid = 0;
};

/// One connection. All calls from any thread; none blocks except `drive`, but for the moment that `send` over `copydata` may wait off the I/O role.
class connection {
public:
  virtual ~connection() = default;

  /// Begins to hand over what arrives. Once, first of all calls.
  virtual expected<void> start(std::shared_ptr<connection_events> events) = 0;

  /// Sends one frame (header and body). Frames of one caller keep their order. Written on the caller's thread where nothing waits before it,
  /// else queued. An empty queue takes any one frame.
  virtual send_result send(std::span<const std::byte> frame, send_mode mode) = 0;

  /// The same for a caller who can spare the buffer: a transport that must keep the frame may take it and leave another one instead of
  /// copying. What `frame` holds afterwards is unspecified where the result is `sent`, and unchanged otherwise.
  virtual send_result send_buffer(byte_buffer& frame, send_mode mode) { return send(frame, mode); }

  /// Reads on the calling thread until `done()` is true, `deadline` has passed or the connection is over; returns `done()`. Frames that
  /// arrive meanwhile are handed over here, whosever they are. Returns at once where another thread is reading.
  virtual bool drive(std::chrono::steady_clock::time_point deadline, const std::function<bool()>& done) = 0;

  /// The handshake is done: bodies up to `max_body` are welcome, and the deadline for it ends.
  virtual void admit(std::size_t max_body) = 0;

  /// Ends the connection with `reason`; `on_closed` follows. What the peer has written is still handed over only where it had arrived.
  virtual void close(error reason) = 0;

  /// Whether everything accepted was given to the kernel.
  virtual bool flushed() const = 0;

  virtual peer_identity peer() const = 0;

  /// What carries the frames: what the two sides have agreed on. From `on_frame` on the handshake's frames and later.
  virtual transport_kind kind() const = 0;
};

/// Takes a connection that a peer opened, and starts it. On the I/O role.
using accept_handler = std::function<void(std::shared_ptr<connection>)>;

/// Keeps accepting until it is destroyed.
class listener {
public:
  virtual ~listener() = default;
};

/// What all connections of a system share.
struct transport_limits {
  std::size_t max_queued_bytes;
  std::size_t max_queued_messages;
  std::chrono::milliseconds handshake_timeout; ///< for the first frames of an accepted connection
  std::size_t max_half_open = 64; ///< accepted connections before their handshake is done; more are closed at once
  std::chrono::milliseconds max_trickle{10'000}; ///< for one frame, plus a second per MiB
};

/// What a transport may say beside results, for the log; whoever listens limits the rate.
using notice = std::function<void(level, std::string)>;

class transport {
public:
  virtual ~transport() = default;

  /// Accepts connections for `where`, whose name the caller owns. What a dead owner left behind is replaced.
  virtual expected<std::unique_ptr<listener>> listen(const endpoint& where, accept_handler on_accept) = 0;

  /// Opens a connection and never waits: `no_such_process` where nobody listens, `overloaded` where the peer has too many waiting,
  /// `denied` where the other end is not of this user.
  virtual expected<std::shared_ptr<connection>> connect(const endpoint& to) = 0;
};

/// The transports of `config.transports`, in that order; defined in transports/all.cpp. `loop` outlives them.
std::vector<std::unique_ptr<transport>> make_transports(const config& settings, io_loop& loop, notice say);

} // namespace mailroom
