#include <mailroom/transports/pipe_connection_posix.hpp>

#include <mailroom/runtime/thread_usage.hpp>
#include <mailroom/transports/burst.hpp>
#include <mailroom/transports/peer_end.hpp>

#include <algorithm>
#include <array>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <thread>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// How long one blocking `recv` may take before the deadline is looked at again.
constexpr std::chrono::milliseconds recv_slice{100};

/// Of the thread, not of a connection: one who writes to many peers in turn writes as much.
thread_local burst burst_of_this_thread;
thread_local thread_usage usage_of_this_thread;

/// Whether another thread has had this one's core since the last time, and this one did not give it away by itself: then it was none of its pauses.
bool lost_core() noexcept {
  auto now = thread_usage::now();
  if (!now)
    return false;
  auto before = std::exchange(usage_of_this_thread, *now);
  return now->interruptions != before.interruptions && now->waits == before.waits;
}

/// That are read on the I/O role before others have their turn.
constexpr int frames_of_a_round = 100;

} // namespace

/// Hears from the pidfd.
class pipe_connection::death_watch final : public io_handler {
public:
  explicit death_watch(std::weak_ptr<pipe_connection> owner) : owner_{std::move(owner)} {}
  void on_ready(std::uint32_t) override {
    if (auto owner = owner_.lock())
      owner->peer_died();
  }

private:
  std::weak_ptr<pipe_connection> owner_;
};

expected<std::shared_ptr<pipe_connection>> pipe_connection::make(io_loop_posix& loop, const transport_limits& limits,
                                                                 file_descriptor socket, peer_identity who,
                                                                 const sharing_policy& sharing) {
  timeval slice{};
  slice.tv_usec = std::chrono::microseconds{recv_slice}.count();
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice)) != 0)
    return tl::unexpected{system_failure("SO_RCVTIMEO", "connection")};
  // as much as the system allows: a large frame then takes fewer turns. Nothing depends on it
  constexpr int wanted = 1 << 20;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
  return std::make_shared<pipe_connection>(loop, limits, std::move(socket), who, sharing);
}

pipe_connection::pipe_connection(io_loop_posix& loop, const transport_limits& limits, file_descriptor socket,
                                 peer_identity who, const sharing_policy& sharing)
  : loop_{loop},
    limits_{limits},
    socket_{std::move(socket)},
    process_{socket_.get(), who.pid},
    who_{who},
    sharing_{sharing},
    out_{limits} {
  // nop
}

expected<void> pipe_connection::start(std::shared_ptr<connection_events> events) {
  events_ = std::move(events);
  // silent until the handle is known, which `arm` needs
  auto added = loop_.add(socket_.get(), EPOLLET, shared_from_this());
  if (!added) {
    events_ = nullptr;
    return tl::unexpected{added.error()};
  }
  handle_ = *added;
  if (process_.native() >= 0) {
    death_watch_ = std::make_shared<death_watch>(weak_from_this());
    if (auto watched = loop_.add(process_.native(), EPOLLIN | EPOLLONESHOT, death_watch_))
      process_handle_ = *watched;
  }
  // the other end may be gone already, and the I/O role hears of it at once; what it heard too early it hears again
  started_ = true;
  {
    std::lock_guard guard{write_mutex_};
    arm(true);
  }
  if (peer_dead_)
    loop_.post([self = shared_from_this()] { self->on_ready(EPOLLIN); });
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

/// `owner`, where given, is the buffer of the frame, which the queue may take.
send_result pipe_connection::send(std::span<const std::byte> frame, send_mode mode, byte_buffer* owner) {
  std::unique_lock guard{write_mutex_};
  if (writes_shared_ && !over_)
    look_for_room(guard, frame.size());
  if (over_)
    return send_result::closed;
  auto gathers = !writes_shared_ && frame.size() <= frame_queue::small && belongs_to_burst_locked();
  if (out_.empty() && !gathers) {
    auto written = write_some(frame);
    if (written == frame.size())
      return send_result::sent;
    if (!written) {
      // the reading side finds out why, and hands over what the peer had written before
      guard.unlock();
      loop_.post([self = shared_from_this()] { self->on_ready(EPOLLIN); });
      return send_result::closed;
    }
    keep(frame, owner);
    out_.pop(*written);
    if (!flush_locked()) // where memory is shared that is to ask for the bell
      write_later_locked();
    return send_result::sent;
  }
  if (!writing_later_ && !out_.fits(frame.size(), mode) && !flush_locked())
    write_later_locked(); // what a burst has gathered fills no queue while the socket has room
  if (!out_.fits(frame.size(), mode)) {
    if (mode == send_mode::system) {
      guard.unlock();
      close({errc::overloaded, "connection", "overloaded: the peer does not read"});
      return send_result::closed;
    }
    full_ = true;
    return send_result::full;
  }
  keep(frame, owner);
  if (writing_later_)
    return send_result::sent; // the socket is full
  if (gathers && out_.bytes() < frame_queue::piece_size)
    flush_soon_locked();
  else if (!flush_locked())
    write_later_locked();
  return send_result::sent;
}

bool pipe_connection::belongs_to_burst_locked() const {
  if (!flush_posted_ || !burst_of_this_thread.is_on())
    return burst_of_this_thread.goes_on(clock::now(), lost_core);
  burst_of_this_thread.follow();
  return true;
}

/// Writes the front of `frame` at once, as much as fits; nothing where the socket is over. `write_mutex_` is held.
std::optional<std::size_t> pipe_connection::write_some(std::span<const std::byte> frame) {
  if (writes_shared_) {
    auto written = lane_->write(frame);
    if (written > 0)
      lane_->commit();
    return written;
  }
  auto written = ::send(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written < 0 && errno != EAGAIN && errno != EINTR)
    return std::nullopt;
  return written > 0 ? static_cast<std::size_t>(written) : 0;
}

/// Queues a frame. Small ones are copied, so that the caller's buffer stays warm.
void pipe_connection::keep(std::span<const std::byte> frame, byte_buffer* owner) {
  if (owner == nullptr || frame.size() <= frame_queue::small)
    out_.push(frame);
  else
    out_.push(std::exchange(*owner, out_.take_spare()));
}

/// There is no room: the I/O role goes on when there is, which the other side's bell tells where memory is shared.
void pipe_connection::write_later_locked() {
  writing_later_ = true;
  if (!writes_shared_)
    arm(!driven_);
}

/// What a burst gathers goes out by the hand of the sender once it is much, and by that of the I/O role once the burst is over.
void pipe_connection::flush_soon_locked() {
  gathered_ = true;
  if (!std::exchange(flush_posted_, true))
    loop_.post([self = shared_from_this()] { self->flush_gathered(); });
}

/// While the burst goes on the I/O role looks again in a while: to wake it for each few frames takes more time than the sender has for them.
void pipe_connection::flush_gathered() {
  constexpr std::chrono::microseconds a_while{200};
  bool again = false;
  {
    std::lock_guard guard{write_mutex_};
    again = std::exchange(gathered_, false) && !over_;
    flush_posted_ = again;
  }
  if (finished_)
    return;
  flush_and_tell_room();
  if (again)
    loop_.after(a_while, [self = shared_from_this()] { self->flush_gathered(); });
}

/// Writes what fits. Returns whether the queue is empty. `write_mutex_` is held.
bool pipe_connection::flush_locked() {
  if (writes_shared_)
    return flush_shared_locked();
  constexpr std::size_t most_at_once = 64;
  while (!out_.empty()) {
    std::array<iovec, most_at_once> pieces;
    std::size_t count = 0;
    auto skip = out_.offset();
    auto allowed = left_for_socket_ > 0 ? left_for_socket_ : out_.bytes();
    for (auto& each : out_.pieces()) {
      if (count == most_at_once || allowed == 0)
        break;
      auto size = std::min(each.bytes.size() - skip, allowed);
      pieces[count++] = {const_cast<std::byte*>(each.bytes.data()) + skip, size};
      allowed -= size;
      skip = 0;
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    auto written = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return false; // full for now, or over: reading finds out
    }
    auto size = static_cast<std::size_t>(written);
    out_.pop(size);
    if (left_for_socket_ > 0 && (left_for_socket_ -= size) == 0) {
      writes_shared_ = true;
      arm(!driven_);
      lane_->let_bells();
      return flush_shared_locked();
    }
  }
  return true;
}

bool pipe_connection::flushed() const {
  std::lock_guard guard{write_mutex_};
  return out_.empty();
}

/// Tells the I/O role what to wait for.
void pipe_connection::arm(bool reading) {
  auto events = static_cast<std::uint32_t>(EPOLLET | EPOLLRDHUP);
  if (reading)
    events |= EPOLLIN;
  if (writing_later_ && !writes_shared_)
    events |= EPOLLOUT;
  loop_.change(handle_, socket_.get(), events);
}

// -- reading ------------------------------------------------------------------------------------------------------------------

void pipe_connection::on_ready(std::uint32_t events) {
  if (finished_ || !started_)
    return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
    ending_ = true;
  if ((events & EPOLLOUT) != 0)
    flush_and_tell_room();
  if (over_) {
    finish();
    return;
  }
  if (((events & EPOLLIN) == 0 && !ending_) || round_posted_)
    return;
  // turned away, somebody else reads: he looks again when he sees that, or has left by now
  if (!receive() && !missed_.exchange(true))
    receive();
}

/// Reads what is there, on the I/O role. Returns false where somebody else has the reading role.
bool pipe_connection::receive() {
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  if (!reading)
    return false;
  // a peer that never pauses must not keep the role from the others, nor from those who handle what has come
  begin_round(frames_of_a_round);
  while (frames_left_ > 0) {
    auto outcome = read_some(MSG_DONTWAIT);
    if (outcome == progress::drained && reads_shared_)
      outcome = rest_or_stay_hot();
    if (outcome == progress::more)
      continue;
    reading.unlock();
    if (outcome == progress::over)
      finish();
    return true;
  }
  // one at a time, whatever edges there are meanwhile: of several each would go on, and none leave the others their turn
  round_posted_ = true;
  loop_.post([self = shared_from_this()] {
    self->round_posted_ = false;
    self->on_ready(EPOLLIN);
  });
  return true;
}

/// Writes what waits, and tells those who wait for room. Any thread.
void pipe_connection::flush_and_tell_room() {
  bool room = false;
  {
    std::lock_guard guard{write_mutex_};
    if (!flush_locked()) {
      if (!writing_later_)
        write_later_locked();
    } else if (writing_later_.exchange(false) && !writes_shared_) {
      arm(!driven_);
    }
    room = full_ && out_.roomy();
    full_ = full_ && !room;
  }
  if (room)
    events_->on_room();
}

/// One `recv` and the frames that it completes. `read_mutex_` is held.
pipe_connection::progress pipe_connection::read_some(int flags) {
  if (reads_shared_)
    return read_shared(flags);
  if (in_.whole()) // the last round ended before them
    return cut_frames() ? progress::more : progress::over;
  auto space = in_.space();
  auto may_stop_early = may_be_offered_; // a descriptor ends what one call reads
  auto got = read_socket(space, flags);
  if (got < 0) {
    if (errno == EINTR)
      return progress::more;
    if (errno == EAGAIN)
      return progress::drained;
    return hang_up(); // ECONNRESET: the peer left bytes of ours unread; what it wrote before was read
  }
  if (got == 0)
    return hang_up();
  in_.commit(static_cast<std::size_t>(got));
  if (!cut_frames())
    return progress::over;
  --frames_left_; // a frame that comes in many pieces takes its time too
  // a short read has emptied the socket, and the next bytes are a new edge; the end of file may have come with these
  auto emptied = static_cast<std::size_t>(got) < space.size() && !may_stop_early;
  return emptied && !ending_ && !in_.whole() ? progress::drained : progress::more;
}

bool pipe_connection::cut_frames() {
  expected<void> outcome;
  auto shared_before = reads_shared_.load();
  // the limit may change with a frame: `admit` is called from `on_frame`
  for (bool again = true; again && outcome;) {
    again = false;
    auto limit = max_body_.load();
    outcome = in_.cut(limit, [&](const frame_view& frame) {
      auto more = pass_on(frame) && round_goes_on();
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
    in_.clear(); // what else came through the socket are bells
  if (in_.partial() && !trickle_watched_)
    watch_for_trickle();
  return true;
}

/// Returns whether to go on with the bytes behind the frame.
bool pipe_connection::pass_on(const frame_view& frame) {
  count_frame(frame);
  if (frame.header.kind >= frame_kind::ring_offer)
    return on_sharing_frame(frame);
  may_be_offered_ = false;
  events_->on_frame(frame);
  return !over_;
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
    check_trickle_after(recv_slice, frames); // somebody drives: look again soon
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

bool pipe_connection::drive(clock::time_point deadline, const std::function<bool()>& done) {
  if (over_ || hung_up_ || loop_.here() || has_driver_.exchange(true))
    return done();
  {
    auto reading = take_reading_role();
    if (reading && reads_shared_)
      drive_shared(std::move(reading), deadline, done);
    else if (reading)
      drive_socket(std::move(reading), deadline, done);
  }
  has_driver_ = false;
  return done();
}

/// The I/O role lets go of it after a round, which is soon, unless another program has its core.
std::unique_lock<std::mutex> pipe_connection::take_reading_role() {
  constexpr std::chrono::milliseconds soon{5};
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  for (auto until = clock::now() + soon; !reading && clock::now() < until; std::this_thread::yield())
    reading = std::unique_lock{read_mutex_, std::try_to_lock};
  return reading;
}

void pipe_connection::drive_socket(std::unique_lock<std::mutex> reading, clock::time_point deadline,
                                   const std::function<bool()>& done) {
  driven_ = true;
  {
    std::lock_guard guard{write_mutex_};
    arm(false);
  }
  flush_and_tell_room(); // what a burst has gathered
  auto outcome = progress::more;
  while (outcome != progress::over && !done()) {
    auto now = clock::now();
    if (now >= deadline)
      break;
    bool writing = false;
    {
      std::lock_guard guard{write_mutex_};
      writing = !out_.empty();
    }
    begin_round(frames_of_a_round);
    if (in_.whole()) {
      outcome = read_some(MSG_DONTWAIT);
    } else if (writing || deadline - now < recv_slice) {
      if (!wait_readable(deadline))
        continue;
      outcome = read_some(MSG_DONTWAIT);
    } else {
      outcome = read_some(0);
    }
  }
  auto more = in_.whole() || (reads_shared_ && !lane_->sleep());
  driven_ = false;
  reading.unlock(); // before: the I/O role goes away from a lock that is held, and is not called again
  {
    std::lock_guard guard{write_mutex_};
    arm(!driven_);
  }
  if (more)
    loop_.post([self = shared_from_this()] { self->on_ready(EPOLLIN); });
  if (outcome == progress::over)
    loop_.post([self = shared_from_this()] { self->finish(); });
}

/// Waits for bytes until `deadline`, and writes meanwhile what waits to be written. Returns whether there may be bytes.
bool pipe_connection::wait_readable(clock::time_point deadline) {
  auto left = std::max(deadline - clock::now(), clock::duration::zero());
  left = std::min<clock::duration>(left, recv_slice);
  pollfd waiting{socket_.get(), POLLIN, 0};
  flush_and_tell_room();
  if (writing_later_)
    waiting.events |= POLLOUT;
  timespec time{};
  time.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(left).count();
  time.tv_nsec = (std::chrono::nanoseconds{left} - std::chrono::seconds{time.tv_sec}).count();
  ::ppoll(&waiting, 1, &time, nullptr);
  return (waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
}

// -- the end ------------------------------------------------------------------------------------------------------------------

void pipe_connection::close(error reason) {
  end(std::move(reason));
  // wakes a caller in `drive`, and tells the peer
  ::shutdown(socket_.get(), SHUT_RDWR);
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

/// On the I/O role, once whoever reads has let go.
void pipe_connection::finish() {
  if (finished_ || !over_ || !started_)
    return; // before the start: that makes the end known
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  if (!reading) {
    ::shutdown(socket_.get(), SHUT_RDWR);
    loop_.after(std::chrono::milliseconds{1}, [self = shared_from_this()] { self->finish(); });
    return;
  }
  finished_ = true;
  half_open_ = false;
  loop_.remove(handle_, socket_.get());
  if (process_handle_ != 0)
    loop_.remove(process_handle_, process_.native());
  ::shutdown(socket_.get(), SHUT_RDWR);
  std::vector<byte_buffer> unsent;
  {
    std::lock_guard guard{write_mutex_};
    unsent = out_.take_all();
    std::erase_if(unsent, lane_frames::are_these);
  }
  auto events = std::exchange(events_, nullptr);
  reading.unlock();
  events->on_closed(*end_, std::move(unsent));
}

/// The pidfd spoke: end of file may never come, since a child of the dead process can hold the socket. So it is made here, behind what is
/// left to read.
void pipe_connection::peer_died() {
  peer_dead_ = true;
  ending_ = true;
  ::shutdown(socket_.get(), SHUT_RD);
  on_ready(EPOLLIN);
}

/// End of file: once it is known whether the process died or only let go, the connection is over.
pipe_connection::progress pipe_connection::hang_up() {
  if (peer_dead_ || process_.has_ended()) {
    end(process_.why_gone());
  } else if (!hung_up_.exchange(true)) {
    loop_.after(grace_for_exit, [weak = weak_from_this()] {
      if (auto self = weak.lock()) {
        self->end(self->process_.why_gone());
        self->finish();
      }
    });
  }
  return progress::over;
}

} // namespace mailroom
