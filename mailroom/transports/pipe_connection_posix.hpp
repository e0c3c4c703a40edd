#pragma once
// One connected Unix-domain socket: the bytes of `pipe` on POSIX. The socket blocks by nature, and each call says whether it may: a
// caller in `drive` blocks in `recv`, everybody else passes MSG_DONTWAIT.

#include <mailroom/transports/frame_buffer.hpp>
#include <mailroom/transports/frame_queue.hpp>
#include <mailroom/transports/io_loop_posix.hpp>

#include <atomic>
#include <mutex>

namespace mailroom {

class pipe_connection final : public connection,
                              public io_handler,
                              public std::enable_shared_from_this<pipe_connection> {
public:
  /// Takes the connected socket.
  static expected<std::shared_ptr<pipe_connection>> make(io_loop_posix& loop, const transport_limits& limits,
                                                         file_descriptor socket, peer_identity who);

  pipe_connection(io_loop_posix& loop, const transport_limits& limits, file_descriptor socket, peer_identity who);

  /// Is half open from here to `admit` or the end, and is closed when that takes too long.
  void expect_hello();
  bool half_open() const noexcept { return half_open_; }
  bool hung_up() const noexcept { return hung_up_; }

  expected<void> start(std::shared_ptr<connection_events> events) override;
  send_result send(std::span<const std::byte> frame, send_mode mode) override;
  send_result send_buffer(byte_buffer& frame, send_mode mode) override;
  bool drive(std::chrono::steady_clock::time_point deadline, const std::function<bool()>& done) override;
  void admit(std::size_t max_body) override;
  void close(error reason) override;
  bool flushed() const override;
  peer_identity peer() const override { return who_; }

  void on_ready(std::uint32_t events) override;

private:
  class death_watch;
  enum class progress { more, drained, over };

  send_result send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner);
  void keep(std::span<const std::byte> frame, std::size_t written, byte_buffer* owner);
  progress read_some(int flags);
  bool cut_frames();
  void watch_for_trickle();
  void check_trickle_after(std::chrono::milliseconds delay, std::uint64_t frames);
  void check_trickle(std::uint64_t frames);
  bool flush_locked();
  void arm(bool reading);
  void end(error reason);
  void finish();
  void peer_died();
  progress hang_up();
  bool peer_exited() const;
  error why_gone() const;
  bool wait_readable(std::chrono::steady_clock::time_point deadline);

  io_loop_posix& loop_;
  transport_limits limits_;
  file_descriptor socket_;
  file_descriptor process_; // the peer's pidfd; may be missing
  peer_identity who_;
  io_loop_posix::handle handle_ = 0;
  io_loop_posix::handle process_handle_ = 0;
  std::shared_ptr<death_watch> death_watch_;
  std::atomic<bool> started_{false};
  std::atomic<bool> peer_dead_{false};
  std::atomic<bool> ending_{false};  // nothing follows what is in the socket: read up to the end of file
  std::atomic<bool> hung_up_{false}; // end of file; why will be known in a moment
  std::atomic<bool> half_open_{false};

  // reading: the holder of `read_mutex_` has the reading role
  std::mutex read_mutex_;
  std::shared_ptr<connection_events> events_;
  frame_buffer in_;
  std::atomic<std::size_t> max_body_{max_hello};
  bool trickle_watched_ = false;
  std::atomic<bool> driven_{false};

  // writing
  mutable std::mutex write_mutex_;
  frame_queue out_;
  bool full_ = false;          // somebody was told so
  bool writing_later_ = false; // the I/O role waits for room in the socket

  std::mutex end_mutex_;
  std::optional<error> end_; // the first reason wins
  std::atomic<bool> over_{false};
  bool finished_ = false; // on_closed was called; I/O role only
};

} // namespace mailroom
