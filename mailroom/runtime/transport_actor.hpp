#pragma once
// The transport actor of one peer process: everything of this process that goes there passes through it. It looks the process up when first
// used, keeps what waits for the connection, knows the requests in flight and the mailboxes that are watched, and notices when the
// process is gone. It lives as long as anybody needs the peer; the sessions with it come and go.
//
// It is no caf::actor: its timers and its control must go on while every worker is busy in somebody's handler, so they run on the I/O role.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/pending_requests.hpp>
#include <mailroom/runtime/session.hpp>
#include <mailroom/runtime/waiting_frames.hpp>

#include <condition_variable>
#include <map>
#include <mutex>

namespace mailroom {

/// Where a message goes and from whom, but for its values.
struct outgoing {
  mailbox_ref target;
  incarnation life;         ///< known: only this life of the process
  std::uint64_t sender = 0; ///< number of the sending mailbox
  bool urgent = false;
};

class transport_actor : public std::enable_shared_from_this<transport_actor> {
public:
  using time_point = std::chrono::steady_clock::time_point;

  transport_actor(core& where, process_name peer);
  ~transport_actor();

  const process_name& peer() const noexcept { return peer_; }

  // -- to the peer: any thread, none blocks ------------------------------------------------------------------------------------

  /// A message. It is accepted, or the error says why not. `until`: how long to wait for a process that is not there (the configuration
  /// may say longer).
  expected<void> send(const outgoing& to, const payload& values, time_point until);

  /// A request: `who` gets one reply or error, unless this returns an error itself. Returns the id to `forget` it by.
  expected<std::uint64_t> request(const outgoing& to, const payload& values, requester who, time_point until);

  /// The caller gave up: a reply is late from here on.
  void forget(std::uint64_t id);

  /// Reads on this thread, where that is possible, until `done` or `deadline`; returns whether it was `done`.
  bool drive(time_point deadline, const std::function<bool()>& done);

  /// Blocks until the queue may have room, or `deadline`.
  void wait_for_room(time_point deadline);

  /// Tells `handle` once when the mailbox or the process is gone, and where `linked` is a number of ours, that mailbox there when we are. Where
  /// that is vain already, nothing is told and the reason is returned.
  std::optional<error> watch(caf::strong_actor_ptr handle, const address& target,
                             std::optional<std::uint64_t> linked = {});
  void unlink(const mailbox_ref& target, std::uint64_t from);
  void send_exit(const mailbox_ref& target, std::uint64_t from, const caf::error& reason);

  /// Says goodbye; what was accepted is still written. New sends fail with `shutting_down`.
  void leave();

  /// Whether nothing waits to be written.
  bool flushed();

  /// Ends the session, if any, and answers everything that is open.
  void close(const error& reason);

  /// Whether the peer has given a sign of life since `since`; asks for one, and looks for the process where there is no session. Fails
  /// where that is in vain for now.
  expected<bool> reach(time_point since);

  /// For `mailbox_probe`.
  std::uint64_t begin_probe();
  void probe(std::uint64_t id, const mailbox_ref& target);
  bool probed(std::uint64_t id);
  void end_probe(std::uint64_t id);

  /// Whether the actor can be forgotten: no session, nothing waiting.
  bool idle();

  // -- from its sessions -------------------------------------------------------------------------------------------------------

  /// A connection that the peer opened wants to be the session. Nothing: it is. Otherwise the refusal to send.
  std::optional<error> admit(const std::shared_ptr<session>& candidate);

  /// The peer has accepted our connection. Returns false where it is not wanted any more.
  bool established(const std::shared_ptr<session>& ours);

  /// The peer has refused our connection, or it never came about.
  void refused(const std::shared_ptr<session>& ours, const error& why);

  /// A session's connection is over.
  void closed(const std::shared_ptr<session>& which, const error& reason, std::vector<byte_buffer> unsent);

  void on_reply(std::uint64_t id, std::span<const std::byte> values);
  void on_failure(std::uint64_t id, const caf::error& why);
  void on_down(const mailbox_ref& target, const caf::error& why);
  void on_probed(std::uint64_t id);
  void on_room();

  /// A sign of life.
  void heard() noexcept {
    heard_.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }

private:
  enum class state : std::uint8_t {
    idle,       ///< nobody knows whether the process is there
    waiting,    ///< it is not; messages wait for it
    connecting, ///< our connection is in its handshake
    crossed,    ///< the peer's own connection is on its way and wins
    settling, ///< there is a session; the process has just started, and a mailbox that a message waits for is not there yet
    open,     ///< there is a session
    closing ///< the session is over but its last frames are still read; what is sent now waits for the next one
  };

  /// What is left to do after the lock: to tell, to answer and to bury may call anything.
  struct aftermath {
    std::vector<requester> unanswered;
    std::vector<caf::strong_actor_ptr> handles;
    std::vector<byte_buffer> unsent;
    std::optional<error> why;
  };

  time_point patience(time_point until) const;
  expected<std::shared_ptr<session>> route(std::unique_lock<std::mutex>& lock, const outgoing& to, std::size_t size,
                                           time_point until);
  expected<void> connect_locked();
  expected<void> enter_locked(time_point until);
  expected<void> queue_locked(waiting_frame frame);
  bool queue_for_next(const std::shared_ptr<session>& over, waiting_frame frame);
  void control(byte_buffer frame, bool connect);
  void resume_after_loss();
  void retry_later_locked(std::chrono::milliseconds delay);
  void retry();
  void begin_locked(const std::shared_ptr<session>& with);
  void flush_waiting_locked();
  void settle_next_locked();
  void look_for_mailbox_locked(const mailbox_ref& target);
  template <class Meant> void drop_locked(aftermath& after, Meant meant);
  void fail_stale_locked(aftermath& after);
  void drop_waiting_locked(aftermath& after, const error& why, bool all);
  aftermath lose_locked(const error& why);
  void settle(aftermath after);
  void fail(const requester& who, const error& why);
  std::optional<requester> take(std::uint64_t id);
  void bury_frame(std::span<const std::byte> frame, const error& why);
  bool awaited_locked() const { return !pending_.empty() || !watched_.empty(); }
  void tick_later_locked();
  void tick();

  core& core_;
  process_name peer_;

  std::mutex mutex_;
  std::condition_variable room_;
  state state_ = state::idle;
  std::shared_ptr<session> session_; // connecting and open
  bool leaving_ = false;

  waiting_frames waiting_;
  std::chrono::milliseconds retry_delay_{0};

  time_point blocked_until_{}; // after a refusal that another try would not change
  std::optional<error> blocked_by_;

  std::atomic<std::uint64_t> last_id_{0};
  pending_requests pending_;
  std::map<address, caf::strong_actor_ptr> watched_;

  bool ticking_ = false;
  time_point awaited_since_{};
  time_point tick_due_{};
  time_point asked_for_life_{};
  std::map<std::uint64_t, bool> probes_; // and whether each has found its mailbox
  std::uint64_t settling_probe_ = 0; // the one that `settling` waits for, its mailbox, and whether it has found that
  std::string settling_mailbox_;
  bool settling_found_ = false;
  std::atomic<std::chrono::steady_clock::rep> heard_{0};
};

/// A question whether a mailbox is there, asked again and again until it is. The answer to any time is good.
class mailbox_probe {
public:
  explicit mailbox_probe(transport_actor& peer) : peer_{peer}, id_{peer.begin_probe()} {}
  ~mailbox_probe() { peer_.end_probe(id_); }
  mailbox_probe(const mailbox_probe&) = delete;
  mailbox_probe& operator=(const mailbox_probe&) = delete;

  void ask(const mailbox_ref& target) { peer_.probe(id_, target); }
  bool found() { return peer_.probed(id_); }

private:
  transport_actor& peer_;
  std::uint64_t id_;
};

} // namespace mailroom
