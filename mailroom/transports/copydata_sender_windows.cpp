#include <mailroom/transports/copydata_sender_windows.hpp>

#include <mailroom/transports/burst.hpp>
#include <mailroom/transports/peer_end.hpp>
#include <mailroom/transports/peer_process_windows.hpp>

#include <algorithm>
#include <array>
#include <windows.h>

namespace mailroom {

namespace {

/// How long one attempt waits for the answer: so long may a closing connection have to wait for a peer that hangs.
constexpr std::chrono::milliseconds attempt{250};

/// How long one waits who sends a frame himself, and only once while nobody knows whether that one arrived. Windows rounds it up to its clock's ticks of
/// 16 ms.
constexpr std::chrono::milliseconds attempt_by_hand{10};

/// How long all of them wait: what Windows itself takes for hanging.
constexpr std::chrono::seconds patience{5};

/// How long a closing connection waits to be let in, so that what was sent to a peer that is alive arrives.
constexpr std::chrono::seconds patience_of_closing{1};

/// Of the thread, not of a connection: one who writes to many peers in turn writes as much.
thread_local burst burst_of_this_thread{burst::gap_after_write};

} // namespace

copydata_sender::copydata_sender(std::shared_ptr<copydata_window> here, const copydata_introduction& us, route to,
                                 const transport_limits& limits, handle wake)
  : here_{std::move(here)},
    us_{us},
    peer_{std::move(to.peer)},
    limits_{limits},
    wake_{std::move(wake)},
    out_{limits},
    token_{to.token},
    peer_window_{peer_.window} {
  // nop
}

// -- what others ask for ------------------------------------------------------------------------------------------------------

/// What waits here and at the peer; a large frame of which a part is gone counts whole.
std::size_t copydata_sender::load() const {
  auto gone = !out_.empty() && out_.pieces().front().frames == 1 ? out_.offset() : 0;
  return out_.bytes() + gone + unread_;
}

bool copydata_sender::fits(std::size_t size, send_mode mode) const {
  auto factor = mode == send_mode::system ? std::size_t{2} : std::size_t{1};
  return (out_.empty() && unread_ <= limits_.max_queued_bytes / 2)
         || (load() + size <= factor * limits_.max_queued_bytes && out_.size() < factor * limits_.max_queued_messages);
}

bool copydata_sender::roomy() const {
  return load() <= limits_.max_queued_bytes / 2 && out_.size() <= limits_.max_queued_messages / 2;
}

/// Nothing else will tell us what the peer has read meanwhile.
bool copydata_sender::wants_to_ask() const {
  return out_.empty() && unread_ > 0 && !asked_ && (full_ || unread_ > limits_.max_queued_bytes / 2);
}

send_result copydata_sender::send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner, hand by) {
  lock guard{mutex_};
  if (closing_ || over_)
    return send_result::closed;
  auto lone = !burst_of_this_thread.goes_on() && out_.empty();
  if (!fits(frame.size(), mode)) {
    full_ = true;
    wake();
    return send_result::full;
  }
  if (owner == nullptr || frame.size() <= frame_queue::small)
    out_.push(frame);
  else
    out_.push(std::exchange(*owner, out_.take_spare()));
  lock sending{sending_mutex_, std::defer_lock};
  if (by == hand::caller && lone && frame.size() <= copydata_max_payload && may_send_data() && sending.try_lock())
    send_by_own_hand(std::move(guard));
  else
    wake();
  burst_of_this_thread.wrote();
  return send_result::sent;
}

/// Whether the peer has let us in and takes data. Not while its last answer is due.
bool copydata_sender::may_send_data() const {
  return knocked_ && token_ && !hung_up_ && doubtful_ == 0 && fate_by_hand_ == fate::going_on && blocked_at_ != rooms_;
}

/// Whether the thread must look after what somebody else has sent.
bool copydata_sender::has_work() const {
  return doubtful_ > 0 || fate_by_hand_ != fate::going_on || !out_.empty() || (full_ && roomy()) || wants_to_ask();
}

/// The one frame in the queue. `sending_mutex_` is held.
void copydata_sender::send_by_own_hand(lock guard) {
  std::span<const std::byte> frame{out_.pieces().front().bytes};
  auto size = frame.size();
  auto rooms = rooms_;
  write_fragment(message_, {copydata_kind::data, *token_, sequence_, frame});
  peer_.window = peer_window_;
  guard.unlock();
  auto outcome = send_copydata(peer_, us_.window, message_, attempt_by_hand);
  count(outcome, copydata_kind::data);
  guard.lock();
  if (outcome.what == copydata_outcome::silent) {
    doubtful_ = size;
  } else {
    settle_data(outcome, size, rooms);
    fate_by_hand_ = fate_of_data(outcome);
  }
  if (has_work())
    wake();
}

bool copydata_sender::flushed() const {
  std::lock_guard guard{mutex_};
  return out_.empty();
}

void copydata_sender::close(bool patient) {
  std::lock_guard guard{mutex_};
  if (!std::exchange(closing_, true)) {
    patient_ = patient;
    give_up_at_ = clock::now() + patience_of_closing;
  }
  patient_ = patient_ && patient;
  wake();
}

std::vector<byte_buffer> copydata_sender::take_unsent() {
  std::lock_guard guard{mutex_};
  return out_.take_all();
}

bool copydata_sender::introduced(const copydata_introduction& peer) {
  std::lock_guard guard{mutex_};
  if (token_ || !belongs_to(peer.window, peer_.pid))
    return false;
  token_ = peer.token;
  peer_window_ = peer.window;
  wake();
  return true;
}

void copydata_sender::peer_has_room() {
  std::lock_guard guard{mutex_};
  ++rooms_;
  unread_ = 0;
  asked_ = false;
  wake();
}

void copydata_sender::peer_hung_up() {
  std::lock_guard guard{mutex_};
  hung_up_ = true;
  wake();
}

void copydata_sender::tell_room() {
  std::lock_guard guard{mutex_};
  owes_room_ = true;
  wake();
}

/// `mutex_` is held.
void copydata_sender::wake() {
  if (std::exchange(asleep_, false))
    ::SetEvent(wake_.get());
}

// -- the thread ---------------------------------------------------------------------------------------------------------------

void copydata_sender::run(std::weak_ptr<copydata_owner> owner) {
  owner_ = owner;
  auto outcome = knock();
  while (outcome == fate::going_on)
    outcome = step();
  bool told = false;
  {
    lock sending{sending_mutex_}; // nobody sends any more
    told = outcome == fate::lost || say_goodbye();
    lock guard{mutex_};
    over_ = true;
    out_.pop(std::exchange(doubtful_, 0)); // it was given to the system
  }
  auto why = why_over(outcome);
  auto tell = [owner, why] {
    if (auto who = owner.lock())
      who->on_sender_over(why);
  };
  if (!here_->settle(tell))
    tell();
  if (!told)
    linger();
}

/// A peer that hangs must hear of the end once it hangs no more: it would take its own end for a good one, and refuse to talk anew.
void copydata_sender::linger() {
  std::array<HANDLE, 2> waiting{here_->stopping(), peer_.process.get()};
  do {
    auto woken = ::WaitForMultipleObjects(static_cast<DWORD>(waiting.size()), waiting.data(), FALSE,
                                          static_cast<DWORD>(attempt.count()));
    if (woken != WAIT_TIMEOUT)
      return;
  } while (!say_goodbye());
}

/// The first message.
copydata_sender::fate copydata_sender::knock() {
  lock sending{sending_mutex_};
  lock guard{mutex_};
  if (closing_)
    return fate::closed;
  auto called = token_.has_value();
  guard.unlock();
  auto outcome = deliver(called ? copydata_kind::accept : copydata_kind::connect, write_introduction(us_));
  guard.lock();
  knocked_ = true;
  guard.unlock();
  return fate_of(outcome);
}

copydata_sender::fate copydata_sender::step() {
  lock sending{sending_mutex_};
  lock guard{mutex_};
  if (full_ && roomy()) {
    full_ = false;
    guard.unlock();
    if (auto who = owner_.lock())
      who->on_sender_room();
    return fate::going_on;
  }
  if (hung_up_)
    return fate::lost;
  if (closing_ && !patient_)
    return fate::closed;
  if (fate_by_hand_ != fate::going_on)
    return fate_by_hand_;
  if (doubtful_ > 0)
    return settle_doubt(std::move(guard));
  if (token_) {
    if (owes_room_)
      return send_room(std::move(guard));
    if (!out_.empty() && blocked_at_ != rooms_)
      return send_data(std::move(guard));
    if (wants_to_ask() && !closing_)
      return send_ask(std::move(guard));
  }
  if (closing_ && (token_ || clock::now() >= give_up_at_))
    return fate::closed;
  sending.unlock();
  return sleep(std::move(guard));
}

copydata_sender::fate copydata_sender::send_data(lock guard) {
  auto rest = std::span<const std::byte>{out_.pieces().front().bytes}.subspan(out_.offset());
  auto size = std::min(rest.size(), copydata_max_payload);
  auto rooms = rooms_;
  write_fragment(message_, {copydata_kind::data, *token_, sequence_, rest.first(size)});
  guard.unlock();
  auto outcome = insist(copydata_kind::data);
  guard.lock();
  settle_data(outcome, size, rooms);
  guard.unlock();
  return fate_of_data(outcome);
}

/// Somebody has sent a frame himself, and heard nothing.
copydata_sender::fate copydata_sender::settle_doubt(lock guard) {
  auto rooms = rooms_;
  guard.unlock();
  auto outcome = insist(copydata_kind::data, true);
  guard.lock();
  settle_data(outcome, std::exchange(doubtful_, 0), rooms);
  guard.unlock();
  return fate_of_data(outcome);
}

/// `size` bytes of data were sent when `rooms_` was `rooms`. `mutex_` is held.
void copydata_sender::settle_data(const copydata_outcome& outcome, std::size_t size, std::uint64_t rooms) {
  auto& answer = outcome.answer;
  auto heard = outcome.what == copydata_outcome::answered;
  if (heard && answer.verdict == copydata_verdict::full) {
    blocked_at_ = rooms;
    unread_ = answer.unread;
  } else if (outcome.what == copydata_outcome::silent || (heard && answer.verdict == copydata_verdict::taken)) {
    // whether a peer that says nothing took it cannot be known: it was given to the system
    out_.pop(size);
    unread_ = answer.unread;
    asked_ = false;
  }
}

copydata_sender::fate copydata_sender::send_room(lock guard) {
  owes_room_ = false;
  guard.unlock();
  return fate_of(deliver(copydata_kind::room, {}));
}

copydata_sender::fate copydata_sender::send_ask(lock guard) {
  auto rooms = rooms_;
  guard.unlock();
  auto outcome = deliver(copydata_kind::ask, {});
  guard.lock();
  if (rooms_ == rooms) { // else what we heard may be older than what we know
    unread_ = outcome.answer.unread;
    asked_ = unread_ > 0;
  }
  guard.unlock();
  return fate_of(outcome);
}

copydata_sender::fate copydata_sender::sleep(lock guard) {
  asleep_ = true;
  auto longest = INFINITE;
  if (closing_)
    longest = static_cast<DWORD>(
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(give_up_at_ - clock::now()).count(), 0));
  guard.unlock();
  std::array<HANDLE, 2> waiting{wake_.get(), peer_.process.get()};
  auto woken = ::WaitForMultipleObjects(static_cast<DWORD>(waiting.size()), waiting.data(), FALSE, longest);
  guard.lock();
  asleep_ = false;
  return woken == WAIT_OBJECT_0 + 1 ? fate::lost : fate::going_on;
}

/// Returns whether there is nobody left to tell.
bool copydata_sender::say_goodbye() {
  std::optional<copydata_token> token;
  {
    std::lock_guard guard{mutex_};
    token = token_;
    peer_.window = peer_window_;
  }
  if (!token)
    return true;
  write_fragment(message_, {copydata_kind::close, *token, sequence_});
  return send_copydata(peer_, us_.window, message_, attempt).what != copydata_outcome::silent;
}

// -- one message --------------------------------------------------------------------------------------------------------------

copydata_outcome copydata_sender::deliver(copydata_kind kind, std::span<const std::byte> payload) {
  {
    std::lock_guard guard{mutex_};
    write_fragment(message_, {kind, token_.value_or(copydata_token{}), sequence_, payload});
  }
  return insist(kind);
}

/// Sends what `message_` holds until there is an answer, or no more hope. Where it may have arrived already, asks first.
copydata_outcome copydata_sender::insist(copydata_kind kind, bool in_doubt) {
  auto give_up_at = clock::now() + patience;
  auto token = read_fragment(message_)->token;
  byte_buffer probe;
  write_fragment(probe, {copydata_kind::probe, token, sequence_});
  std::span<const std::byte> next{in_doubt ? probe : message_};
  {
    std::lock_guard guard{mutex_};
    peer_.window = peer_window_;
  }
  for (;;) {
    auto begin = clock::now();
    auto outcome = send_copydata(peer_, us_.window, next, attempt);
    if (outcome.what == copydata_outcome::answered) {
      auto& verdict = outcome.answer.verdict;
      if (verdict == copydata_verdict::unseen) {
        next = message_;
        continue;
      }
      if (verdict == copydata_verdict::seen)
        verdict = copydata_verdict::taken;
      count(outcome, kind);
      return outcome;
    }
    if (outcome.what == copydata_outcome::gone || has_ended(peer_.process))
      return {copydata_outcome::gone, {}};
    if (clock::now() >= give_up_at)
      return outcome;
    // it may still arrive, so ask before it is sent again; whoever is called knows a caller by the token
    if (kind != copydata_kind::connect)
      next = probe;
    lock guard{mutex_};
    if (closing_)
      return outcome;
    // the system says at once that a window hangs
    if (auto rest = attempt - (clock::now() - begin); rest > rest.zero()) {
      asleep_ = true;
      guard.unlock();
      ::WaitForSingleObject(wake_.get(),
                            static_cast<DWORD>(std::chrono::ceil<std::chrono::milliseconds>(rest).count()));
    }
  }
}

/// The next message has the next number, where this one had one.
void copydata_sender::count(const copydata_outcome& outcome, copydata_kind kind) {
  auto taken = outcome.what == copydata_outcome::answered && outcome.answer.verdict == copydata_verdict::taken;
  if (taken && kind != copydata_kind::connect)
    ++sequence_;
}

/// A peer without room will have some. `mutex_` is not held where the peer was silent.
copydata_sender::fate copydata_sender::fate_of_data(const copydata_outcome& outcome) const {
  auto full = outcome.what == copydata_outcome::answered && outcome.answer.verdict == copydata_verdict::full;
  return full ? fate::going_on : fate_of(outcome);
}

/// `mutex_` is not held where the peer was silent.
copydata_sender::fate copydata_sender::fate_of(const copydata_outcome& outcome) const {
  if (outcome.what == copydata_outcome::silent) {
    std::lock_guard guard{mutex_};
    return closing_ ? fate::closed : fate::hung;
  }
  auto fine = outcome.what == copydata_outcome::answered && outcome.answer.verdict == copydata_verdict::taken;
  return fine ? fate::going_on : fate::lost;
}

/// Waits a moment for the exit code of a process that is on its way out.
error copydata_sender::why_over(fate outcome) const {
  if (outcome == fate::hung)
    return error{errc::process_down, {}, "process down: it takes no messages"}.because(down_cause::hung);
  auto waits = outcome == fate::lost && !peer_.is_this_process();
  return why_gone(peer_.process, waits ? grace_for_exit : std::chrono::milliseconds{0});
}

} // namespace mailroom
