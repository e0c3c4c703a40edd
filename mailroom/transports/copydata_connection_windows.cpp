#include <mailroom/transports/copydata_connection_windows.hpp>

#include <algorithm>
#include <cstring>
#include <random>
#include <windows.h>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// That wait at the receiver; a sender keeps the rest.
constexpr std::size_t inbox_limit = copydata_max_payload;

/// How long one wait of a driver may take before he looks around again.
constexpr std::chrono::milliseconds wait_slice{100};

/// That are read on the I/O role before others have their turn.
constexpr int frames_of_a_round = 100;

/// From the system's own generator: nobody guesses it.
copydata_token fresh_token() {
  std::random_device source;
  copydata_token result;
  for (std::size_t at = 0; at < result.size(); at += sizeof(std::uint32_t)) {
    auto value = static_cast<std::uint32_t>(source());
    std::memcpy(&result[at], &value, sizeof(value));
  }
  return result;
}

} // namespace

expected<std::shared_ptr<copydata_connection>> copydata_connection::make(std::shared_ptr<copydata_home> home,
                                                                         copydata_sender::route to) {
  handle wake{::CreateEventW(nullptr, FALSE, FALSE, nullptr)};
  handle arrived{::CreateEventW(nullptr, FALSE, FALSE, nullptr)};
  if (!wake || !arrived)
    return tl::unexpected{system_failure("CreateEvent", "connection")};
  auto token = fresh_token();
  auto& window = home->window;
  auto sender = std::make_shared<copydata_sender>(window, copydata_introduction{window->number(), token}, std::move(to),
                                                  home->limits, std::move(wake));
  auto result = std::make_shared<copydata_connection>(home, sender, std::move(arrived), token);
  window->expect(token, result);
  try {
    home->senders.run([sender, weak = std::weak_ptr<copydata_owner>{result}] { sender->run(weak); });
  } catch (const std::system_error& what) {
    return tl::unexpected{
      system_failure("start a thread", "connection", static_cast<unsigned long>(what.code().value()))};
  }
  return result;
}

copydata_connection::copydata_connection(std::shared_ptr<copydata_home> home, std::shared_ptr<copydata_sender> sender,
                                         handle arrived, const copydata_token& token)
  : home_{std::move(home)},
    loop_{home_->loop},
    sender_{std::move(sender)},
    token_{token},
    arrived_{std::move(arrived)} {
  // nop
}

copydata_connection::~copydata_connection() {
  sender_->close(true);
  home_->window->forget(token_);
}

expected<void> copydata_connection::start(std::shared_ptr<connection_events> events) {
  events_ = std::move(events);
  started_ = true;
  loop_.keep(shared_from_this());
  std::lock_guard guard{inbox_mutex_};
  schedule();
  return {};
}

// -- half open ----------------------------------------------------------------------------------------------------------------

void copydata_connection::expect_hello() {
  half_open_ = true;
  loop_.after(home_->limits.handshake_timeout, [weak = weak_from_this()] {
    if (auto self = weak.lock(); self && self->half_open_)
      self->close({errc::timeout, "connection", "timeout: no hello within the handshake timeout"});
  });
}

void copydata_connection::admit(std::size_t max_body) {
  max_body_ = max_body;
  half_open_ = false;
}

// -- writing ------------------------------------------------------------------------------------------------------------------

send_result copydata_connection::send(std::span<const std::byte> frame, send_mode mode) {
  return send(frame, mode, nullptr);
}

send_result copydata_connection::send_buffer(byte_buffer& frame, send_mode mode) {
  return send(frame, mode, &frame);
}

send_result copydata_connection::send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner) {
  // whoever holds the I/O role waits for nobody
  auto by = loop_.here() ? copydata_sender::hand::thread : copydata_sender::hand::caller;
  auto result = sender_->send(frame, mode, owner, by);
  if (result != send_result::full || mode != send_mode::system)
    return result;
  close({errc::overloaded, "connection", "overloaded: the peer does not read"});
  return send_result::closed;
}

void copydata_connection::on_sender_room() {
  loop_.post([weak = weak_from_this()] {
    if (auto self = weak.lock(); self && self->started_ && !self->finished_)
      self->events_->on_room();
  });
}

// -- what has come ------------------------------------------------------------------------------------------------------------

copydata_answer copydata_connection::receive(const copydata_fragment& what) {
  auto next = reader::none;
  auto result = take(what, next);
  // outside the lock, which whoever is woken wants
  if (next == reader::driver)
    ::SetEvent(arrived_.get());
  else if (next == reader::role)
    loop_.post([self = shared_from_this()] { self->on_ready(); });
  return result;
}

/// `next` is who must be woken.
copydata_answer copydata_connection::take(const copydata_fragment& what, reader& next) {
  using enum copydata_verdict;
  std::lock_guard guard{inbox_mutex_};
  if (what.kind == copydata_kind::probe)
    return {what.sequence < next_sequence_ ? seen : unseen, inbox_.size()};
  if (what.sequence != next_sequence_ && what.kind != copydata_kind::close)
    return {out_of_order};
  // who is closing may still have to be let in, to say what it had to say
  if (sender_over_ || (closed_here_ && what.kind != copydata_kind::accept))
    return {gone};
  switch (what.kind) {
    case copydata_kind::data:
      if (!take_data(what.payload, next))
        return {full, inbox_.size()};
      break;
    case copydata_kind::ask:
      room_wanted_ = !inbox_.empty();
      break;
    case copydata_kind::room:
      sender_->peer_has_room();
      break;
    case copydata_kind::close:
      sender_->peer_hung_up();
      break;
    default: // an answer to our call, where one is due
      if (auto peer = read_introduction(what.payload); !peer || !sender_->introduced(*peer))
        return {out_of_order};
      break;
  }
  ++next_sequence_;
  return {taken, inbox_.size()};
}

bool copydata_connection::take_data(std::span<const std::byte> payload, reader& next) {
  if (inbox_.size() >= inbox_limit) {
    room_wanted_ = true;
    return false;
  }
  inbox_.insert(inbox_.end(), payload.begin(), payload.end());
  if (driven_)
    next = reader::driver;
  else if (!std::exchange(scheduled_, true))
    next = reader::role;
  return true;
}

/// `inbox_mutex_` is held.
void copydata_connection::schedule() {
  if (!std::exchange(scheduled_, true))
    loop_.post([self = shared_from_this()] { self->on_ready(); });
}

// -- reading ------------------------------------------------------------------------------------------------------------------

/// There is something to read, or some other reason to look. On the I/O role.
void copydata_connection::on_ready() {
  {
    std::lock_guard guard{inbox_mutex_};
    scheduled_ = false;
  }
  if (finished_ || !started_)
    return;
  read_round();
  if (sender_over_)
    finish();
}

/// Nothing where somebody drives: he looks again before he leaves.
void copydata_connection::read_round() {
  lock reading{read_mutex_, std::try_to_lock};
  if (!reading)
    return;
  frames_left_ = frames_of_a_round;
  while (frames_left_ > 0)
    if (read_some() != progress::more)
      return;
  // a peer that never pauses must not keep the role from the others, nor from those who handle what has come
  std::lock_guard guard{inbox_mutex_};
  schedule();
}

/// Hands over what has come. `read_mutex_` is held.
copydata_connection::progress copydata_connection::read_some() {
  if (closed_here_)
    return progress::over;
  if (!in_.whole() && !take_inbox())
    return progress::drained;
  return cut_frames() ? progress::more : progress::over;
}

/// Returns whether there was anything.
bool copydata_connection::take_inbox() {
  bool tell = false;
  {
    std::lock_guard guard{inbox_mutex_};
    if (inbox_.empty())
      return false;
    taken_.swap(inbox_);
    tell = std::exchange(room_wanted_, false);
  }
  if (tell)
    sender_->tell_room();
  for (std::span<const std::byte> rest{taken_}; !rest.empty();) {
    auto space = in_.space();
    auto size = std::min(space.size(), rest.size());
    std::memcpy(space.data(), rest.data(), size);
    in_.commit(size);
    rest = rest.subspan(size);
  }
  taken_.clear();
  --frames_left_; // a frame that comes in many pieces takes its time too
  return true;
}

bool copydata_connection::cut_frames() {
  expected<void> outcome;
  // the limit may change with a frame: `admit` is called from `on_frame`
  for (bool again = true; again && outcome;) {
    again = false;
    auto limit = max_body_.load();
    outcome = in_.cut(limit, [&](const frame_view& frame) {
      auto more = pass_on(frame);
      again = more && limit != max_body_;
      return more && !again;
    });
  }
  if (!outcome) {
    close({outcome.error().code(), "connection", "protocol error: " + outcome.error().cause()});
    return false;
  }
  if (in_.partial() && !trickle_watched_)
    watch_for_trickle();
  return true;
}

/// Returns whether to go on with the bytes behind the frame.
bool copydata_connection::pass_on(const frame_view& frame) {
  // a large frame counts as many: who handles it should give its memory back before the next ones want theirs
  frames_left_ -= 1 + static_cast<int>(frame.body.size() >> 10);
  events_->on_frame(frame);
  return frames_left_ > 0 && !closed_here_;
}

/// A frame that has begun must end in time.
void copydata_connection::watch_for_trickle() {
  trickle_watched_ = true;
  check_trickle_after(home_->limits.max_trickle + std::chrono::seconds{in_.wanted() >> 20}, in_.frames());
}

void copydata_connection::check_trickle_after(std::chrono::milliseconds delay, std::uint64_t frames) {
  loop_.after(delay, [weak = weak_from_this(), frames] {
    if (auto self = weak.lock(); self && !self->over_)
      self->check_trickle(frames);
  });
}

/// `frames` were complete when the watch began.
void copydata_connection::check_trickle(std::uint64_t frames) {
  lock reading{read_mutex_, std::try_to_lock};
  if (!reading) {
    check_trickle_after(wait_slice, frames); // somebody drives: look again soon
    return;
  }
  trickle_watched_ = false;
  if (!in_.partial())
    return;
  if (in_.frames() != frames) {
    watch_for_trickle();
    return;
  }
  close({errc::undecodable, "connection", "protocol error: a frame took too long to arrive"});
}

// -- a caller who reads -------------------------------------------------------------------------------------------------------

bool copydata_connection::drive(clock::time_point deadline, const std::function<bool()>& done) {
  if (over_ || loop_.here() || has_driver_.exchange(true))
    return done();
  if (auto reading = take_reading_role())
    drive_reading(std::move(reading), deadline, done);
  has_driver_ = false;
  return done();
}

/// The I/O role lets go of it after a round, which is soon.
copydata_connection::lock copydata_connection::take_reading_role() {
  constexpr std::chrono::milliseconds soon{5}; // under Wine a system call is a message to its server
  lock reading{read_mutex_, std::try_to_lock};
  for (auto until = clock::now() + soon; !reading && clock::now() < until; std::this_thread::yield())
    reading = lock{read_mutex_, std::try_to_lock};
  return reading;
}

void copydata_connection::drive_reading(lock reading, clock::time_point deadline, const std::function<bool()>& done) {
  {
    std::lock_guard guard{inbox_mutex_};
    driven_ = true;
  }
  auto outcome = progress::more;
  while (outcome != progress::over && !over_ && !done() && clock::now() < deadline) {
    frames_left_ = frames_of_a_round;
    outcome = read_some();
    if (outcome == progress::drained && !over_)
      wait_for_data(deadline);
  }
  auto more = in_.whole();
  reading.unlock();
  std::lock_guard guard{inbox_mutex_};
  driven_ = false;
  if (more || !inbox_.empty() || sender_over_)
    schedule(); // what is left is the I/O role's
}

void copydata_connection::wait_for_data(clock::time_point deadline) {
  auto left = std::clamp<clock::duration>(deadline - clock::now(), clock::duration::zero(), wait_slice);
  auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  ::WaitForSingleObject(arrived_.get(), static_cast<DWORD>(milliseconds));
}

// -- the end ------------------------------------------------------------------------------------------------------------------

void copydata_connection::close(error reason) {
  {
    std::lock_guard guard{inbox_mutex_};
    closed_here_ = true;
    if (!end_)
      end_ = std::move(reason);
    over_ = true;
  }
  ::SetEvent(arrived_.get());
  sender_->close(true);
}

void copydata_connection::abandon() noexcept {
  sender_->close(false);
}

/// The sender has nothing more to say: what is in the inbox is all.
void copydata_connection::on_sender_over(error why) {
  std::lock_guard guard{inbox_mutex_};
  if (!end_)
    end_ = std::move(why);
  over_ = true;
  sender_over_ = true;
  ::SetEvent(arrived_.get());
  schedule();
}

/// `inbox_mutex_` and `read_mutex_` are held.
bool copydata_connection::has_more() const {
  return !closed_here_ && (!inbox_.empty() || in_.whole());
}

/// On the I/O role, once whoever reads has let go.
void copydata_connection::finish() {
  if (finished_)
    return;
  lock reading{read_mutex_, std::try_to_lock};
  if (!reading) {
    ::SetEvent(arrived_.get());
    loop_.after(std::chrono::milliseconds{1}, [self = shared_from_this()] { self->finish(); });
    return;
  }
  {
    std::lock_guard guard{inbox_mutex_};
    if (has_more()) {
      schedule();
      return;
    }
  }
  finished_ = true;
  half_open_ = false;
  auto events = std::exchange(events_, nullptr);
  reading.unlock();
  home_->window->forget(token_);
  home_->senders.reap();
  loop_.let_go(*this);
  events->on_closed(*end_, sender_->take_unsent());
}

} // namespace mailroom
