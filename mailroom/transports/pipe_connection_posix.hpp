#pragma once
// One connected Unix-domain socket: the bytes of `pipe` on POSIX. The socket blocks by nature, and each call says whether it may: a
// caller in `drive` blocks in `recv`, everybody else passes MSG_DONTWAIT. Two sides that agree on a shared segment go on through its rings
// (shared_lane_posix.hpp), and the socket is then the bell and the sign of life; what that adds stands in pipe_sharing_posix.cpp.

#include <mailroom/transports/frame_buffer.hpp>
#include <mailroom/transports/frame_queue.hpp>
#include <mailroom/transports/io_loop_posix.hpp>
#include <mailroom/transports/peer_process_posix.hpp>
#include <mailroom/transports/shared_lane_posix.hpp>
#include <mailroom/transports/sharing_policy.hpp>

#include <atomic>
#include <mutex>

namespace mailroom {

class pipe_connection final : public connection,
                              public io_handler,
                              public std::enable_shared_from_this<pipe_connection> {
public:
  /// Takes the connected socket.
  static expected<std::shared_ptr<pipe_connection>> make(io_loop_posix& loop, const transport_limits& limits,
                                                         file_descriptor socket, peer_identity who,
                                                         const sharing_policy& sharing);

  pipe_connection(io_loop_posix& loop, const transport_limits& limits, file_descriptor socket, peer_identity who,
                  const sharing_policy& sharing);

  /// Offers the other side to go on through shared memory, where the policy says so and the system can. First of all.
  void offer_sharing();

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
  transport_kind kind() const override { return lane_ ? transport_kind::shared_memory : transport_kind::pipe; }

  void on_ready(std::uint32_t events) override;
  bool poll() override;
  bool cool() override;

private:
  class death_watch;
  enum class progress { more, drained, over };

  send_result send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner);
  bool belongs_to_burst_locked() const;
  std::optional<std::size_t> write_some(std::span<const std::byte> frame);
  void keep(std::span<const std::byte> frame, byte_buffer* owner);
  void write_later_locked();
  void flush_soon_locked();
  void flush_gathered();
  bool receive();
  void begin_round(int frames) noexcept { frames_left_ = frames; }
  /// A large frame counts as many: who handles it should give its memory back before the next ones want theirs.
  void count_frame(const frame_view& frame) noexcept { frames_left_ -= 1 + static_cast<int>(frame.body.size() >> 10); }
  bool round_goes_on() const noexcept { return frames_left_ > 0 && !over_; }
  progress read_some(int flags);
  ssize_t read_socket(std::span<std::byte> space, int flags);
  bool cut_frames();
  bool pass_on(const frame_view& frame);
  void watch_for_trickle();
  void check_trickle_after(std::chrono::milliseconds delay, std::uint64_t frames);
  void check_trickle(std::uint64_t frames);
  bool flush_locked();
  void flush_and_tell_room();
  void arm(bool reading);
  void end(error reason);
  void finish();
  void peer_died();
  progress hang_up();
  std::unique_lock<std::mutex> take_reading_role();
  void drive_socket(std::unique_lock<std::mutex> reading, std::chrono::steady_clock::time_point deadline,
                    const std::function<bool()>& done);
  bool wait_readable(std::chrono::steady_clock::time_point deadline);

  // through shared memory
  bool on_sharing_frame(const frame_view& frame);
  bool on_offer(const frame_view& frame);
  bool on_begin();
  bool on_refusal(const frame_view& frame);
  bool refuse_sharing(const std::string& why);
  bool wrong_frame();
  void share_writing_locked();
  void look_for_room(std::unique_lock<std::mutex>& guard, std::size_t size);
  bool flush_shared_locked();
  progress read_shared(int flags);
  progress look_into_ring();
  progress drain_ring();
  bool cut_in_place(std::span<const std::byte> there);
  bool assemble(std::span<const std::byte> there);
  progress read_bells(int flags);
  void drive_shared(std::unique_lock<std::mutex> reading, std::chrono::steady_clock::time_point deadline,
                    const std::function<bool()>& done);
  progress sleep_shared(std::chrono::steady_clock::time_point deadline);
  progress rest_or_stay_hot();

  io_loop_posix& loop_;
  transport_limits limits_;
  file_descriptor socket_;
  peer_process process_;
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
  int frames_left_ = 0;       // of this round; the others and who handles the frames come first then
  bool round_posted_ = false; // the I/O role's: the next round is on its way
  std::atomic<bool> has_driver_{false};
  std::atomic<bool> driven_{false}; // by one who reads the socket too: the I/O role leaves that alone
  std::atomic<bool> missed_{false}; // the I/O role was turned away by whoever reads, who looks again

  // sharing: the lane is there from the offer on, and each direction uses it from its `ring_begin` on
  sharing_policy sharing_;
  bool may_be_offered_ = false; // until the first frame of who opened the connection; the reading role's
  file_descriptor offered_file_;
  std::unique_ptr<shared_lane> lane_;
  std::atomic<bool> reads_shared_{false}; // set by the reading role
  bool writes_shared_ = false;            // guarded by `write_mutex_`
  std::size_t left_for_socket_ = 0;       // of what waits; the rest goes through the ring

  // writing
  mutable std::mutex write_mutex_;
  frame_queue out_;
  bool full_ = false;                      // somebody was told so
  std::atomic<bool> writing_later_{false}; // the I/O role waits for room in the socket, or for the bell
  bool flush_posted_ = false;              // the I/O role writes in a moment what a burst has gathered
  bool gathered_ = false;                  // something since it did so last

  std::mutex end_mutex_;
  std::optional<error> end_; // the first reason wins
  std::atomic<bool> over_{false};
  bool finished_ = false; // on_closed was called; I/O role only
};

} // namespace mailroom
