#pragma once
// The sending half of a `copydata` connection, with a thread of its own: to send a message is to wait for the other process, and one that hangs costs
// its own connection its patience and nobody else anything. The same thread watches whether the other process lives. A lone frame its sender sends
// himself, which saves two changes of threads; he waits for a moment only, and leaves the rest to the thread.

#include <mailroom/transports/copydata_peer_windows.hpp>
#include <mailroom/transports/copydata_window_windows.hpp>
#include <mailroom/transports/frame_queue.hpp>

namespace mailroom {

/// Hears from a sender.
class copydata_owner {
public:
  virtual ~copydata_owner() = default;

  /// There is room again after `send_result::full`. On the sender's thread.
  virtual void on_sender_room() = 0;

  /// Last of all, after everything that the peer had sent; why, where the owner did not close. On the pump's thread.
  virtual void on_sender_over(error why) = 0;
};

class copydata_sender {
public:
  /// Who called knows the window with the name, who was called the token of the caller.
  struct route {
    copydata_peer peer;
    std::optional<copydata_token> token{};
  };

  /// `us` is where the peer shall send to.
  copydata_sender(std::shared_ptr<copydata_window> here, const copydata_introduction& us, route to,
                  const transport_limits& limits, handle wake);

  /// All that the thread does; tells `owner` of the end.
  void run(std::weak_ptr<copydata_owner> owner);

  /// Whose hand sends where nothing waits before a frame: the caller's, who can wait for a moment, or that of the sender's own thread.
  enum class hand { caller, thread };

  /// As in `connection`; `owner`, where given, is the buffer of the frame, which the queue may take.
  send_result send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner, hand by);
  bool flushed() const;

  /// Sends what the peer takes without making us wait, where `patient`, and says that it was the last.
  void close(bool patient);

  /// What was not given to the peer whole. Once over.
  std::vector<byte_buffer> take_unsent();

  std::uint32_t pid() const noexcept { return peer_.pid; }

  // -- what the peer says; on the pump's thread --------------------------------------------------------------------------------

  /// Who was called answers. Returns false where that is not due.
  bool introduced(const copydata_introduction& peer);

  /// The peer has read everything.
  void peer_has_room();

  /// The peer closed.
  void peer_hung_up();

  /// We have read everything, and the peer waits for that.
  void tell_room();

private:
  using clock = std::chrono::steady_clock;
  enum class fate { going_on, closed, lost, hung };
  using lock = std::unique_lock<std::mutex>;

  fate knock();
  fate step();
  bool may_send_data() const;
  bool has_work() const;
  void send_by_own_hand(lock guard);
  fate send_data(lock guard);
  fate settle_doubt(lock guard);
  void settle_data(const copydata_outcome& outcome, std::size_t size, std::uint64_t rooms);
  void count(const copydata_outcome& outcome, copydata_kind kind);
  fate send_room(lock guard);
  fate send_ask(lock guard);
  fate sleep(lock guard);
  bool say_goodbye();
  void linger();

  copydata_outcome deliver(copydata_kind kind, std::span<const std::byte> payload);
  copydata_outcome insist(copydata_kind kind, bool in_doubt = false);
  fate fate_of(const copydata_outcome& outcome) const;
  fate fate_of_data(const copydata_outcome& outcome) const;
  error why_over(fate outcome) const;

  bool fits(std::size_t size, send_mode mode) const;
  bool roomy() const;
  bool wants_to_ask() const;
  std::size_t load() const;
  void wake();

  std::shared_ptr<copydata_window> here_;
  copydata_introduction us_;
  copydata_peer peer_;
  transport_limits limits_;
  handle wake_;

  mutable std::mutex mutex_;
  frame_queue out_;
  std::optional<copydata_token> token_; // of the peer, once it is known
  std::uint64_t peer_window_;
  std::size_t unread_ = 0; // of what the peer took, as far as we know
  std::uint64_t rooms_ = 0;
  std::optional<std::uint64_t> blocked_at_; // the peer took no more when `rooms_` was this
  bool asked_ = false;
  bool full_ = false; // somebody was told so
  bool owes_room_ = false;
  bool knocked_ = false;
  bool asleep_ = false;
  bool hung_up_ = false;
  bool over_ = false;
  bool closing_ = false;
  bool patient_ = false;
  clock::time_point give_up_at_{}; // while closing

  // what became of a frame that somebody sent himself, for the thread
  fate fate_by_hand_ = fate::going_on;
  std::size_t doubtful_ = 0; // bytes of the data in `message_`, where the peer said nothing in time: did they arrive?

  // of who sends: he holds `sending_mutex_`, which is taken before `mutex_`, or tried
  std::mutex sending_mutex_;
  byte_buffer message_;
  std::uint64_t sequence_ = 0;

  std::weak_ptr<copydata_owner> owner_; // the thread's
};

} // namespace mailroom
