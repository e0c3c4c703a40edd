#pragma once
// One connection by WM_COPYDATA: the receiving half, and the contract around both. The window procedure puts the bytes that have come into the inbox;
// whoever has the reading role, the I/O role or a caller in `drive`, takes them from there.

#include <mailroom/transports/copydata_sender_windows.hpp>
#include <mailroom/transports/frame_buffer.hpp>
#include <mailroom/transports/io_loop_windows.hpp>
#include <mailroom/transports/thread_crew.hpp>

namespace mailroom {

/// What the connections of a system share.
struct copydata_home {
  copydata_home(io_loop_windows& its_loop, const transport_limits& its_limits,
                std::shared_ptr<copydata_window> its_window)
    : loop{its_loop}, limits{its_limits}, window{std::move(its_window)} {}

  io_loop_windows& loop;
  transport_limits limits;
  std::shared_ptr<copydata_window> window;
  thread_crew senders;
};

class copydata_connection final : public connection,
                                  public copydata_receiver,
                                  public copydata_owner,
                                  public io_resource,
                                  public std::enable_shared_from_this<copydata_connection> {
public:
  /// Begins to shake hands: with who listens there, or, where its token is known, with who called.
  static expected<std::shared_ptr<copydata_connection>> make(std::shared_ptr<copydata_home> home,
                                                             copydata_sender::route to);

  copydata_connection(std::shared_ptr<copydata_home> home, std::shared_ptr<copydata_sender> sender, handle arrived,
                      const copydata_token& token);
  ~copydata_connection() override;

  /// Is half open from here to `admit` or the end, and is closed when that takes too long.
  void expect_hello();
  bool half_open() const noexcept { return half_open_; }

  /// Its last words go out, but nothing that waits.
  void abandon() noexcept override;

  // -- connection --------------------------------------------------------------------------------------------------------------

  expected<void> start(std::shared_ptr<connection_events> events) override;
  send_result send(std::span<const std::byte> frame, send_mode mode) override;
  send_result send_buffer(byte_buffer& frame, send_mode mode) override;
  bool drive(std::chrono::steady_clock::time_point deadline, const std::function<bool()>& done) override;
  void admit(std::size_t max_body) override;
  void close(error reason) override;
  bool flushed() const override { return sender_->flushed(); }
  peer_identity peer() const override { return {sender_->pid()}; }
  transport_kind kind() const override { return transport_kind::copydata; }

  // -- what the halves hear of -------------------------------------------------------------------------------------------------

  copydata_answer receive(const copydata_fragment& what) override;
  void on_sender_room() override;
  void on_sender_over(error why) override;

private:
  enum class progress { more, drained, over };
  enum class reader { none, role, driver }; // who is to be woken
  using lock = std::unique_lock<std::mutex>;

  send_result send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner);

  copydata_answer take(const copydata_fragment& what, reader& next);
  bool take_data(std::span<const std::byte> payload, reader& next);
  void schedule();
  void on_ready();
  void read_round();
  progress read_some();
  bool take_inbox();
  bool cut_frames();
  bool pass_on(const frame_view& frame);
  void watch_for_trickle();
  void check_trickle_after(std::chrono::milliseconds delay, std::uint64_t frames);
  void check_trickle(std::uint64_t frames);
  lock take_reading_role();
  void drive_reading(lock reading, std::chrono::steady_clock::time_point deadline, const std::function<bool()>& done);
  void wait_for_data(std::chrono::steady_clock::time_point deadline);

  void finish();
  bool has_more() const;

  std::shared_ptr<copydata_home> home_;
  io_loop_windows& loop_;
  std::shared_ptr<copydata_sender> sender_;
  copydata_token token_; // that the peer sends to us with
  handle arrived_;       // wakes a driver
  std::atomic<bool> started_{false};
  std::atomic<bool> half_open_{false};

  // what has come
  mutable std::mutex inbox_mutex_;
  byte_buffer inbox_;
  std::uint64_t next_sequence_ = 0;
  bool room_wanted_ = false;             // the peer waits for us to read
  bool driven_ = false;                  // somebody is in `drive`, and looks into the inbox before he leaves
  bool scheduled_ = false;               // the I/O role will look
  std::optional<error> end_;             // the first reason wins
  std::atomic<bool> over_{false};        // there is one: nobody drives any more
  std::atomic<bool> closed_here_{false}; // what has come since is not read
  std::atomic<bool> sender_over_{false}; // nothing follows what is in the inbox

  // reading: the holder of `read_mutex_` has the reading role
  std::mutex read_mutex_;
  std::shared_ptr<connection_events> events_;
  byte_buffer taken_; // the inbox of before, whose memory serves again
  frame_buffer in_;
  std::atomic<std::size_t> max_body_{max_hello};
  bool trickle_watched_ = false;
  int frames_left_ = 0; // of this round; the others and who handles the frames come first then
  std::atomic<bool> has_driver_{false};

  bool finished_ = false; // on_closed was called; I/O role only
};

} // namespace mailroom
