#pragma once
// One connected named pipe: the bytes of `pipe` on Windows. One read and one write are under way at a time, each overlapped. A read that the I/O role
// has begun may end in the hands of a caller in `drive`, who waits for its event: whoever holds the reading role takes what is there. Two sides that
// agree on a shared segment go on through its rings, and the pipe is then the bell and the sign of life; what that adds stands in
// pipe_sharing_windows.cpp.

#include <mailroom/transports/frame_buffer.hpp>
#include <mailroom/transports/frame_queue.hpp>
#include <mailroom/transports/io_loop_windows.hpp>
#include <mailroom/transports/ring_lane.hpp>
#include <mailroom/transports/sharing_policy.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <optional>

namespace mailroom {

class pipe_connection final : public connection,
                              public io_resource,
                              public hot_handler,
                              public std::enable_shared_from_this<pipe_connection> {
public:
  /// Takes the connected pipe, which the loop has adopted.
  static expected<std::shared_ptr<pipe_connection>> make(io_loop_windows& loop, const transport_limits& limits,
                                                         handle pipe, peer_identity who, const sharing_policy& sharing);

  pipe_connection(io_loop_windows& loop, const transport_limits& limits, handle pipe, handle event, handle nudge,
                  peer_identity who, const sharing_policy& sharing);
  ~pipe_connection() override;

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

  void abandon() noexcept override;
  bool poll() override;
  bool cool() override;

private:
  struct operation;
  class shared_lane;
  enum class progress { more, drained, over };
  enum class told { role, driver }; // who hears of the end of a read

  send_result send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner);
  bool flush_locked();
  void flush_soon_locked();
  void flush_and_tell_room();
  void on_written();
  void pop_locked(std::size_t size);
  void ring_bell() noexcept;
  void on_bell_written();

  void on_read();
  void on_ready();
  bool receive();
  progress read_some(told whom);
  progress begin_read(told whom);
  progress take_read();
  progress commit(std::size_t size);
  progress cancel_read();
  bool cut_frames();
  bool pass_on(const frame_view& frame);
  void watch_for_trickle();
  void check_trickle_after(std::chrono::milliseconds delay, std::uint64_t frames);
  void check_trickle(std::uint64_t frames);
  std::unique_lock<std::mutex> take_reading_role();
  void drive_reading(std::unique_lock<std::mutex> reading, std::chrono::steady_clock::time_point deadline,
                     const std::function<bool()>& done);
  void wait_for_read(std::chrono::steady_clock::time_point deadline);
  bool next_driver_is_near();
  void leave_to_next_driver();
  void look_for_drivers_after(std::uint64_t reads);

  // through shared memory
  bool on_sharing_frame(const frame_view& frame);
  bool on_offer(const frame_view& frame);
  bool on_begin();
  bool on_refusal(const frame_view& frame);
  bool refuse_sharing(const std::string& why);
  bool wrong_frame();
  void share_writing_locked();
  send_result send_shared_locked(std::span<const std::byte> frame, byte_buffer* owner);
  void look_for_room(std::unique_lock<std::mutex>& guard, std::size_t size);
  bool flush_shared_locked();
  progress read_shared();
  progress look_into_ring();
  progress drain_ring();
  progress drain_last();
  bool cut_in_place(std::span<const std::byte> there);
  bool assemble(std::span<const std::byte> there);
  progress on_bells();
  progress await_bell();
  progress rest_or_stay_hot();
  void drive_shared(std::unique_lock<std::mutex> reading, std::chrono::steady_clock::time_point deadline,
                    const std::function<bool()>& done);

  void end(error reason);
  void finish();
  bool operations_ended();
  progress hang_up();

  io_loop_windows& loop_;
  transport_limits limits_;
  handle pipe_;
  handle read_event_;
  handle nudge_;   // wakes a driver
  handle process_; // the peer's; may be missing
  peer_identity who_;
  std::atomic<bool> started_{false};
  std::atomic<bool> hung_up_{false}; // the other end is closed; why will be known in a moment
  std::atomic<bool> half_open_{false};

  // reading: the holder of `read_mutex_` has the reading role
  std::mutex read_mutex_;
  std::shared_ptr<connection_events> events_;
  frame_buffer in_;
  std::shared_ptr<operation> read_; // under way, or ended and not looked at
  std::atomic<std::size_t> max_body_{max_hello};
  bool trickle_watched_ = false;
  int frames_left_ = 0;       // of this round; the others and who handles the frames come first then
  bool round_posted_ = false; // the I/O role's: the next round is on its way
  std::atomic<bool> has_driver_{false};
  std::atomic<bool> turned_away_{false}; // another one was, and waits for a reply
  std::atomic<bool> missed_{false};      // the I/O role was turned away by whoever reads, who calls it when he leaves
  std::atomic<std::uint64_t> reads_of_drivers_{0};
  std::chrono::steady_clock::time_point last_drive_{}; // its end
  int close_drives_ = 0;                               // so many in a row
  std::atomic<bool> left_to_driver_{false};            // the I/O role reads once no driver comes any more

  // sharing: the lane is there from the offer on, and each direction uses it from its `ring_begin` on
  sharing_policy sharing_;
  bool may_be_offered_ = false; // until the first frame of who opened the connection; the reading role's
  handle offered_section_;      // until the other side has fetched it
  std::unique_ptr<ring_lane> lane_;
  std::array<std::byte, 64> bells_{};
  std::atomic<bool> reads_shared_{false};   // set by the reading role
  std::atomic<bool> waits_for_room_{false}; // in the ring: the bell will tell
  bool writes_shared_ = false;              // guarded by `write_mutex_`
  std::size_t left_for_pipe_ = 0;           // of what waits; the rest goes through the ring

  // the bell: the last lock of all
  std::mutex bell_mutex_;
  std::shared_ptr<operation> bell_; // under way
  bool rings_again_ = false;        // once that has ended

  // writing
  mutable std::mutex write_mutex_;
  frame_queue out_;
  std::shared_ptr<operation> write_; // under way, of the front of `out_`
  bool full_ = false;                // somebody was told so
  bool flush_posted_ = false;        // the I/O role writes in a moment what a burst has gathered

  std::mutex end_mutex_;
  std::optional<error> end_; // the first reason wins
  std::atomic<bool> over_{false};
  bool finished_ = false; // on_closed was called; I/O role only
};

} // namespace mailroom
