#include <mailroom/transports/pipe_connection_windows.hpp>

#include <mailroom/transports/burst.hpp>
#include <mailroom/transports/lane_frames.hpp>
#include <mailroom/transports/peer_end.hpp>
#include <mailroom/transports/peer_process_windows.hpp>

#include <algorithm>
#include <array>
#include <thread>
#include <windows.h>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// How long one wait of a driver may take before he looks around again.
constexpr std::chrono::milliseconds wait_slice{100};

/// Of one write: a peer that stops in the middle leaves no more than this in doubt.
constexpr std::size_t most_of_a_write = std::size_t{1} << 20;

/// Of the thread, not of a connection: one who writes to many peers in turn writes as much.
thread_local burst burst_of_this_thread{burst::gap_after_write};

/// How long nobody need read between two drivers who follow each other closely.
constexpr std::chrono::milliseconds without_reader{1};

/// That are read on the I/O role before others have their turn.
constexpr int frames_of_a_round = 100;

/// An event with this bit set is signalled without a word to the completion port.
void* without_port(void* event) {
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(event) | 1);
}

OVERLAPPED* overlapped(io_operation& which) {
  return reinterpret_cast<OVERLAPPED*>(&which);
}

} // namespace

/// A read or a write under way. It keeps itself, and the connection whose memory it uses, until the completion port has told of it.
struct pipe_connection::operation : io_operation {
  std::shared_ptr<pipe_connection> owner;
  std::shared_ptr<operation> self;
  void (pipe_connection::*then)() = nullptr;

  static void ended(io_operation& which) {
    auto& mine = static_cast<operation&>(which);
    auto kept = std::move(mine.self);
    auto owner = std::move(mine.owner);
    (owner.get()->*mine.then)();
  }

  static std::shared_ptr<operation> make() {
    auto result = std::make_shared<operation>();
    result->done = &ended;
    return result;
  }

  void wait_for_port(std::shared_ptr<pipe_connection> whose, const std::shared_ptr<operation>& me,
                     void (pipe_connection::*what)()) {
    owner = std::move(whose);
    self = me;
    then = what;
  }

  void forget_port() noexcept {
    self.reset();
    owner.reset();
  }
};

expected<std::shared_ptr<pipe_connection>> pipe_connection::make(io_loop_windows& loop, const transport_limits& limits,
                                                                 handle pipe, peer_identity who,
                                                                 const sharing_policy& sharing) {
  handle event{::CreateEventW(nullptr, TRUE, FALSE, nullptr)};
  handle nudge{::CreateEventW(nullptr, FALSE, FALSE, nullptr)};
  if (!event || !nudge)
    return tl::unexpected{system_failure("CreateEvent", "connection")};
  return std::make_shared<pipe_connection>(loop, limits, std::move(pipe), std::move(event), std::move(nudge), who,
                                           sharing);
}

pipe_connection::pipe_connection(io_loop_windows& loop, const transport_limits& limits, handle pipe, handle event,
                                 handle nudge, peer_identity who, const sharing_policy& sharing)
  : loop_{loop},
    limits_{limits},
    pipe_{std::move(pipe)},
    read_event_{std::move(event)},
    nudge_{std::move(nudge)},
    process_{::OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, who.pid)},
    who_{who},
    sharing_{sharing},
    out_{limits} {
  // nop
}

pipe_connection::~pipe_connection() = default;

expected<void> pipe_connection::start(std::shared_ptr<connection_events> events) {
  events_ = std::move(events);
  started_ = true;
  loop_.keep(shared_from_this());
  loop_.post([self = shared_from_this()] { self->on_ready(); });
  return {};
}

// -- half open ----------------------------------------------------------------------------------------------------------------

void pipe_connection::expect_hello() {
  half_open_ = true;
  may_be_offered_ = true;
  loop_.after(limits_.handshake_timeout, [weak = weak_from_this()] {
    if (auto self = weak.lock(); self && self->half_open_)
      self->close({errc::timeout, "connection", "timeout: no hello within the handshake timeout"});
  });
}

void pipe_connection::admit(std::size_t max_body) {
  max_body_ = max_body;
  half_open_ = false;
}

// -- writing ------------------------------------------------------------------------------------------------------------------

send_result pipe_connection::send(std::span<const std::byte> frame, send_mode mode) {
  return send(frame, mode, nullptr);
}

send_result pipe_connection::send_buffer(byte_buffer& frame, send_mode mode) {
  return send(frame, mode, &frame);
}

/// `owner`, where given, is the buffer of the frame, which the queue may take. All that is written lies in the queue first, since the system may
/// go on reading it after the call.
send_result pipe_connection::send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner) {
  std::unique_lock guard{write_mutex_};
  if (writes_shared_ && !over_)
    look_for_room(guard, frame.size());
  if (over_)
    return send_result::closed;
  if (writes_shared_ && out_.empty())
    return send_shared_locked(frame, owner);
  auto gathers = !writes_shared_ && frame.size() <= frame_queue::small && burst_of_this_thread.goes_on();
  if (!out_.fits(frame.size(), mode))
    flush_locked(); // what a burst has gathered fills no queue while the pipe has room
  if (!out_.fits(frame.size(), mode)) {
    if (mode == send_mode::system) {
      guard.unlock();
      close({errc::overloaded, "connection", "overloaded: the peer does not read"});
      return send_result::closed;
    }
    full_ = true;
    return send_result::full;
  }
  if (owner == nullptr || frame.size() <= frame_queue::small)
    out_.push(frame);
  else
    out_.push(std::exchange(*owner, out_.take_spare()));
  if (gathers && out_.bytes() < frame_queue::piece_size)
    flush_soon_locked();
  else
    flush_locked();
  burst_of_this_thread.wrote();
  return send_result::sent;
}

/// What a burst gathers goes out by the hand of the sender once it is much, and by that of the I/O role once the burst is over.
void pipe_connection::flush_soon_locked() {
  if (std::exchange(flush_posted_, true))
    return;
  loop_.post([self = shared_from_this()] {
    {
      std::lock_guard guard{self->write_mutex_};
      self->flush_posted_ = false;
    }
    if (!self->finished_)
      self->flush_and_tell_room();
  });
}

/// Writes what the pipe takes; what it does not take at once is under way then. Returns whether the queue is empty. `write_mutex_` is held.
bool pipe_connection::flush_locked() {
  while (!out_.empty()) {
    if (writes_shared_)
      return flush_shared_locked();
    if (write_)
      return false;
    auto rest = std::span<const std::byte>{out_.pieces().front().bytes}.subspan(out_.offset());
    auto allowed = left_for_pipe_ > 0 ? std::min(left_for_pipe_, most_of_a_write) : most_of_a_write;
    auto size = static_cast<DWORD>(std::min(rest.size(), allowed));
    auto fresh = operation::make();
    fresh->wait_for_port(shared_from_this(), fresh, &pipe_connection::on_written);
    DWORD written = 0;
    if (::WriteFile(pipe_.get(), rest.data(), size, &written, overlapped(*fresh))) {
      fresh->forget_port();
      pop_locked(written);
    } else if (::GetLastError() == ERROR_IO_PENDING) {
      write_ = std::move(fresh);
    } else {
      fresh->forget_port();
      return false; // the other end is closed: reading finds out
    }
  }
  return true;
}

/// On the I/O role.
void pipe_connection::on_written() {
  {
    std::lock_guard guard{write_mutex_};
    DWORD written = 0;
    ::GetOverlappedResult(pipe_.get(), overlapped(*write_), &written, FALSE);
    write_.reset();
    pop_locked(written);
  }
  if (over_)
    finish();
  else
    flush_and_tell_room();
}

/// The pipe took so much. The last of it before this side goes on through its ring is followed by a bell. `write_mutex_` is held.
void pipe_connection::pop_locked(std::size_t size) {
  out_.pop(size);
  if (left_for_pipe_ > 0 && (left_for_pipe_ -= size) == 0) {
    writes_shared_ = true;
    lane_->let_bells();
  }
}

/// Writes a byte that says no more than: look. By whoever holds the write mutex or the reading role, or by the I/O role.
void pipe_connection::ring_bell() noexcept {
  static constexpr char bell = 0;
  std::lock_guard guard{bell_mutex_};
  if (bell_) { // the other side may have seen it by now, and what has come since it may not have
    rings_again_ = true;
    return;
  }
  auto fresh = operation::make();
  fresh->wait_for_port(shared_from_this(), fresh, &pipe_connection::on_bell_written);
  DWORD ignored = 0;
  if (!::WriteFile(pipe_.get(), &bell, sizeof(bell), &ignored, overlapped(*fresh))
      && ::GetLastError() == ERROR_IO_PENDING)
    bell_ = std::move(fresh);
  else
    fresh->forget_port(); // where it failed the other end is closed: reading finds out
}

/// On the I/O role.
void pipe_connection::on_bell_written() {
  auto again = false;
  {
    std::lock_guard guard{bell_mutex_};
    bell_.reset();
    again = std::exchange(rings_again_, false);
  }
  if (over_)
    finish();
  else if (again)
    ring_bell();
}

/// Writes what waits, and tells those who wait for room. Any thread.
void pipe_connection::flush_and_tell_room() {
  bool room = false;
  {
    std::lock_guard guard{write_mutex_};
    waits_for_room_ = false; // only here: a sender who finds room empties the queue too, but tells nobody
    if (!over_)
      flush_locked();
    room = full_ && out_.roomy();
    full_ = full_ && !room;
  }
  if (room)
    events_->on_room();
}

bool pipe_connection::flushed() const {
  std::lock_guard guard{write_mutex_};
  return out_.empty();
}

// -- reading ------------------------------------------------------------------------------------------------------------------

/// A read has ended. On the I/O role.
void pipe_connection::on_read() {
  if (!left_to_driver_ || reads_shared_ || over_)
    on_ready();
}

/// There may be something to read. On the I/O role.
void pipe_connection::on_ready() {
  if (finished_ || !started_)
    return;
  if (over_) {
    finish();
    return;
  }
  if (round_posted_)
    return;
  // turned away, a driver reads: he calls the I/O role when he sees that, or has left by now
  if (!receive() && !missed_.exchange(true))
    receive();
}

/// Reads what is there, on the I/O role. Returns false where somebody else has the reading role.
bool pipe_connection::receive() {
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  if (!reading)
    return false;
  if (hung_up_)
    return true;
  // a peer that never pauses must not keep the role from the others, nor from those who handle what has come
  frames_left_ = frames_of_a_round;
  while (frames_left_ > 0) {
    auto outcome = read_some(told::role);
    if (outcome == progress::more)
      continue;
    reading.unlock();
    if (outcome == progress::over)
      finish();
    return true;
  }
  // one at a time, whatever bells there are meanwhile: of several each would go on, and none leave the others their turn
  round_posted_ = true;
  loop_.post([self = shared_from_this()] {
    self->round_posted_ = false;
    self->on_ready();
  });
  return true;
}

/// Hands over what has come; where there is nothing, a read is under way then. `read_mutex_` is held.
pipe_connection::progress pipe_connection::read_some(told whom) {
  if (reads_shared_)
    return read_shared();
  if (in_.whole()) // the last round ended before them
    return cut_frames() ? progress::more : progress::over;
  return read_ ? take_read() : begin_read(whom);
}

pipe_connection::progress pipe_connection::begin_read(told whom) {
  auto space = reads_shared_ ? std::span<std::byte>{bells_} : in_.space();
  auto fresh = operation::make();
  fresh->event = whom == told::role ? read_event_.get() : without_port(read_event_.get());
  if (whom == told::role)
    fresh->wait_for_port(shared_from_this(), fresh, &pipe_connection::on_read);
  DWORD got = 0;
  if (::ReadFile(pipe_.get(), space.data(), static_cast<DWORD>(space.size()), &got, overlapped(*fresh))) {
    fresh->forget_port();
    return commit(got);
  }
  if (::GetLastError() == ERROR_IO_PENDING) {
    read_ = std::move(fresh);
    return progress::drained;
  }
  fresh->forget_port();
  return hang_up();
}

/// What the read that is under way has brought by now.
pipe_connection::progress pipe_connection::take_read() {
  DWORD got = 0;
  if (::GetOverlappedResult(pipe_.get(), overlapped(*read_), &got, FALSE)) {
    read_.reset();
    return commit(got);
  }
  auto why = ::GetLastError();
  if (why == ERROR_IO_INCOMPLETE)
    return progress::drained;
  read_.reset();
  return why == ERROR_OPERATION_ABORTED ? progress::more : hang_up();
}

pipe_connection::progress pipe_connection::commit(std::size_t size) {
  if (reads_shared_)
    return on_bells();
  in_.commit(size);
  --frames_left_; // a frame that comes in many pieces takes its time too
  return cut_frames() ? progress::more : progress::over;
}

/// Ends a read of a driver, who is about to leave; what it has brought meanwhile is handed over.
pipe_connection::progress pipe_connection::cancel_read() {
  ::CancelIoEx(pipe_.get(), overlapped(*read_));
  DWORD got = 0;
  auto fine = ::GetOverlappedResult(pipe_.get(), overlapped(*read_), &got, TRUE);
  read_.reset();
  return fine ? commit(got) : progress::more;
}

bool pipe_connection::cut_frames() {
  expected<void> outcome;
  auto shared_before = reads_shared_.load();
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
    end({outcome.error().code(), "connection", "protocol error: " + outcome.error().cause()});
    return false;
  }
  if (over_)
    return false;
  if (reads_shared_ != shared_before)
    in_.clear(); // what else came through the pipe are bells
  if (in_.partial() && !trickle_watched_)
    watch_for_trickle();
  return true;
}

/// Returns whether to go on with the bytes behind the frame.
bool pipe_connection::pass_on(const frame_view& frame) {
  // a large frame counts as many: who handles it should give its memory back before the next ones want theirs
  frames_left_ -= 1 + static_cast<int>(frame.body.size() >> 10);
  if (frame.header.kind >= frame_kind::ring_offer)
    return on_sharing_frame(frame) && frames_left_ > 0;
  may_be_offered_ = false;
  events_->on_frame(frame);
  return frames_left_ > 0 && !over_;
}

/// A frame that has begun must end in time.
void pipe_connection::watch_for_trickle() {
  trickle_watched_ = true;
  check_trickle_after(limits_.max_trickle + std::chrono::seconds{in_.wanted() >> 20}, in_.frames());
}

void pipe_connection::check_trickle_after(std::chrono::milliseconds delay, std::uint64_t frames) {
  loop_.after(delay, [weak = weak_from_this(), frames] {
    if (auto self = weak.lock(); self && !self->over_)
      self->check_trickle(frames);
  });
}

/// `frames` were complete when the watch began.
void pipe_connection::check_trickle(std::uint64_t frames) {
  std::unique_lock reading{read_mutex_, std::try_to_lock};
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
  end({errc::undecodable, "connection", "protocol error: a frame took too long to arrive"});
  reading.unlock();
  finish();
}

// -- a caller who reads -------------------------------------------------------------------------------------------------------

bool pipe_connection::drive(clock::time_point deadline, const std::function<bool()>& done) {
  if (over_ || hung_up_ || loop_.here())
    return done();
  if (has_driver_.exchange(true)) {
    turned_away_ = true;
    return done();
  }
  if (auto reading = take_reading_role())
    drive_reading(std::move(reading), deadline, done);
  has_driver_ = false;
  if (turned_away_.exchange(false) && left_to_driver_)
    loop_.post([self = shared_from_this()] { self->on_ready(); });
  return done();
}

/// The I/O role lets go of it after a round, which is soon.
std::unique_lock<std::mutex> pipe_connection::take_reading_role() {
  constexpr std::chrono::milliseconds soon{5}; // under Wine a system call is a message to its server
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  for (auto until = clock::now() + soon; !reading && clock::now() < until; std::this_thread::yield())
    reading = std::unique_lock{read_mutex_, std::try_to_lock};
  return reading;
}

void pipe_connection::drive_reading(std::unique_lock<std::mutex> reading, clock::time_point deadline,
                                    const std::function<bool()>& done) {
  flush_and_tell_room(); // what a burst has gathered
  auto outcome = progress::more;
  while (outcome != progress::over && !over_ && !done() && clock::now() < deadline) {
    if (reads_shared_)
      return drive_shared(std::move(reading), deadline, done);
    frames_left_ = frames_of_a_round;
    ++reads_of_drivers_;
    outcome = read_some(told::driver);
    if (outcome == progress::drained)
      wait_for_read(deadline);
  }
  // a read that the completion port does not tell of must not outlive the driver
  if (read_ && !read_->owner)
    outcome = cancel_read();
  // what comes next is the I/O role's: by a read that is under way, or by what is there already; but for a driver who is near
  if (reads_shared_ && outcome != progress::over) {
    outcome = await_bell();
  } else {
    if (next_driver_is_near())
      leave_to_next_driver();
    if (outcome == progress::more && !over_ && !in_.whole() && !read_)
      outcome = left_to_driver_ ? progress::drained : begin_read(told::role);
  }
  reading.unlock();
  if (missed_.exchange(false) || outcome != progress::drained)
    loop_.post([self = shared_from_this()] { self->on_ready(); });
}

void pipe_connection::wait_for_read(clock::time_point deadline) {
  auto left = std::clamp<clock::duration>(deadline - clock::now(), clock::duration::zero(), wait_slice);
  std::array<HANDLE, 2> waiting{read_event_.get(), nudge_.get()};
  auto milliseconds = static_cast<DWORD>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
  ::WaitForMultipleObjects(static_cast<DWORD>(waiting.size()), waiting.data(), FALSE, milliseconds);
}

/// Whether plain threads' requests follow each other so closely that the next one will come before long. Where several threads wait for replies,
/// it may be another's turn to get one meanwhile. `read_mutex_` is held.
bool pipe_connection::next_driver_is_near() {
  constexpr int several = 4;
  auto now = clock::now();
  auto close = now - last_drive_ < 2 * without_reader && !turned_away_;
  last_drive_ = now;
  close_drives_ = close ? std::min(close_drives_ + 1, several) : 0;
  return close_drives_ == several;
}

/// The I/O role would be woken for each reply, which the next driver takes: it leaves them to him until drivers stay away. `read_mutex_` is held.
void pipe_connection::leave_to_next_driver() {
  if (!left_to_driver_.exchange(true))
    look_for_drivers_after(reads_of_drivers_);
}

/// Drivers have looked `reads` times so far.
void pipe_connection::look_for_drivers_after(std::uint64_t reads) {
  loop_.after(without_reader, [weak = weak_from_this(), reads] {
    auto self = weak.lock();
    if (!self)
      return;
    if (self->reads_of_drivers_ != reads) {
      self->look_for_drivers_after(self->reads_of_drivers_);
      return;
    }
    self->left_to_driver_ = false; // first, so that a driver who leaves now sees this, or that we were turned away
    self->on_ready();
  });
}

// -- the end ------------------------------------------------------------------------------------------------------------------

void pipe_connection::close(error reason) {
  end(std::move(reason));
  ::SetEvent(nudge_.get());
  loop_.post([self = shared_from_this()] { self->finish(); });
}

void pipe_connection::end(error reason) {
  {
    std::lock_guard guard{end_mutex_};
    if (!end_)
      end_ = std::move(reason);
  }
  std::lock_guard guard{write_mutex_};
  over_ = true;
}

/// Whether nothing uses our memory any more; else that ends now, and tells. `read_mutex_` is held.
bool pipe_connection::operations_ended() {
  std::lock_guard guard{write_mutex_};
  DWORD ignored = 0;
  if (read_
      && (::GetOverlappedResult(pipe_.get(), overlapped(*read_), &ignored, FALSE)
          || ::GetLastError() != ERROR_IO_INCOMPLETE))
    read_.reset();
  std::lock_guard bell_guard{bell_mutex_};
  if (!read_ && !write_ && !bell_)
    return true;
  ::CancelIoEx(pipe_.get(), nullptr);
  return false;
}

/// On the I/O role, once whoever reads has let go.
void pipe_connection::finish() {
  if (finished_ || !over_ || !started_)
    return; // before the start: that makes the end known
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  if (!reading || !operations_ended()) {
    ::SetEvent(nudge_.get());
    loop_.after(std::chrono::milliseconds{1}, [self = shared_from_this()] { self->finish(); });
    return;
  }
  finished_ = true;
  half_open_ = false;
  std::vector<byte_buffer> unsent;
  {
    std::lock_guard guard{write_mutex_};
    unsent = out_.take_all();
    std::erase_if(unsent, lane_frames::are_these);
    pipe_.reset();
  }
  auto events = std::exchange(events_, nullptr);
  reading.unlock();
  loop_.let_go(*this);
  events->on_closed(*end_, std::move(unsent));
}

void pipe_connection::abandon() noexcept {
  for (auto* each : {&read_, &write_, &bell_}) {
    if (!*each)
      continue;
    auto& which = overlapped(**each)[0];
    DWORD ignored = 0;
    ::CancelIoEx(pipe_.get(), &which);
    while (!::GetOverlappedResult(pipe_.get(), &which, &ignored, FALSE) && ::GetLastError() == ERROR_IO_INCOMPLETE)
      ::Sleep(1);
    (*each)->forget_port();
    each->reset();
  }
}

/// The other end is closed: once it is known whether the process died or only let go, the connection is over.
pipe_connection::progress pipe_connection::hang_up() {
  if (reads_shared_ && drain_last() == progress::over)
    return progress::over;
  if (has_ended(process_)) {
    end(why_gone(process_));
  } else if (!hung_up_.exchange(true)) {
    loop_.after(grace_for_exit, [weak = weak_from_this()] {
      if (auto self = weak.lock()) {
        self->end(why_gone(self->process_));
        self->finish();
      }
    });
  }
  return progress::over;
}

} // namespace mailroom
