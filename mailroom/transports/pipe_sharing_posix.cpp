// What shared memory adds to a connection: how the two sides agree on it over the socket, and how they write, read and wait once they have.

#include <mailroom/transports/pipe_connection_posix.hpp>

#include <cstring>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// How long one wait may take before the deadline is looked at again.
constexpr std::chrono::milliseconds slice{100};

/// That are read before others have their turn.
constexpr int frames_of_a_round = 100;

/// Room for a control message with one descriptor.
struct descriptor_space {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

bool send_with_descriptor(int socket, std::span<const std::byte> frame, int native) {
  iovec piece{const_cast<std::byte*>(frame.data()), frame.size()};
  descriptor_space space;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  auto* control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(control), &native, sizeof(native));
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size());
}

} // namespace

// -- agreeing -----------------------------------------------------------------------------------------------------------------

void pipe_connection::offer_sharing() {
  if (!sharing_.offers)
    return;
  auto segment = shared_segment::make(shared_segment::usual_capacity);
  if (!segment) {
    sharing_.say(level::warning, "no shared memory, the socket will do: " + to_string(segment.error()));
    return;
  }
  auto lane = std::make_unique<shared_lane>(std::move(*segment), true, socket_.get(), sharing_.longest_spin);
  // where the socket takes nothing the hello will not get through either
  if (send_with_descriptor(socket_.get(), lane_frames::offer(lane->capacity()), lane->native()))
    lane_ = std::move(lane);
  if (lane_)
    lane_->close_file();
}

/// Reads the socket, and keeps a descriptor that comes with an offer.
ssize_t pipe_connection::read_socket(std::span<std::byte> space, int flags) {
  if (!may_be_offered_)
    return ::recv(socket_.get(), space.data(), space.size(), flags);
  iovec piece{space.data(), space.size()};
  descriptor_space control_space;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control_space.bytes.data();
  message.msg_controllen = control_space.bytes.size();
  auto got = ::recvmsg(socket_.get(), &message, flags | MSG_CMSG_CLOEXEC);
  if (got < 0)
    return got;
  for (auto* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS)
      continue;
    auto count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int native = -1;
      std::memcpy(&native, CMSG_DATA(each) + i * sizeof(int), sizeof(native));
      file_descriptor received{native};
      if (!offered_file_) // others are closed: an offer comes with one
        offered_file_ = std::move(received);
    }
  }
  return got;
}

/// Returns whether to go on with the bytes behind the frame.
bool pipe_connection::on_sharing_frame(const frame_view& frame) {
  switch (frame.header.kind) {
    case frame_kind::ring_offer:
      return on_offer(frame);
    case frame_kind::ring_begin:
      return on_begin();
    case frame_kind::ring_refuse:
      return on_refusal(frame);
    default:
      return wrong_frame();
  }
}

bool pipe_connection::wrong_frame() {
  end({errc::undecodable, "connection", "protocol error: a frame about shared memory that nobody waits for"});
  return false;
}

/// The other side has opened the connection and made a segment.
bool pipe_connection::on_offer(const frame_view& frame) {
  body_reader in{frame.body};
  auto capacity = in.u64();
  if (!in.ok() || !std::exchange(may_be_offered_, false))
    return wrong_frame();
  if (!sharing_.accepts)
    return refuse_sharing("shared memory is not among its transports");
  if (!offered_file_)
    return refuse_sharing("no descriptor came with the offer");
  auto segment = shared_segment::adopt(std::move(offered_file_), static_cast<std::size_t>(capacity));
  if (!segment) {
    sharing_.say(level::warning, "no shared memory, the socket will do: " + to_string(segment.error()));
    return refuse_sharing(to_string(segment.error()));
  }
  {
    std::lock_guard guard{write_mutex_};
    lane_ = std::make_unique<shared_lane>(std::move(*segment), false, socket_.get(), sharing_.longest_spin);
    lane_->close_file();
    share_writing_locked();
  }
  flush_and_tell_room();
  return true;
}

bool pipe_connection::refuse_sharing(const std::string& why) {
  send(lane_frames::refuse(why), send_mode::system);
  return true;
}

/// What is sent from here on goes through the ring, behind the frame that says so; what waits already goes through the socket, by the flush
/// that must follow. `write_mutex_` is held.
void pipe_connection::share_writing_locked() {
  lane_->hold_bells();
  out_.push(lane_frames::begin());
  left_for_socket_ = out_.bytes();
}

bool pipe_connection::on_begin() {
  if (!lane_ || reads_shared_)
    return wrong_frame();
  {
    std::lock_guard guard{write_mutex_};
    if (!writes_shared_ && left_for_socket_ == 0)
      share_writing_locked();
  }
  flush_and_tell_room();
  reads_shared_ = true;
  return false; // what else came through the socket are bells
}

bool pipe_connection::on_refusal(const frame_view& frame) {
  body_reader in{frame.body};
  std::string why{in.text16()};
  if (!in.ok() || !lane_ || reads_shared_)
    return wrong_frame();
  {
    std::lock_guard guard{write_mutex_};
    if (!writes_shared_ && left_for_socket_ == 0)
      lane_.reset();
  }
  if (lane_)
    return wrong_frame();
  sharing_.say(level::info, "no shared memory, the socket will do: the other process says: " + why);
  return true;
}

// -- writing ------------------------------------------------------------------------------------------------------------------

/// Where a large frame finds no room in the ring, looks for some for a moment, since to queue it costs one more copy. `guard` holds `write_mutex_`,
/// but for the time between the looks.
void pipe_connection::look_for_room(std::unique_lock<std::mutex>& guard, std::size_t size) {
  if (size <= frame_queue::small || size > lane_->capacity())
    return;
  lane_->room_spin().wait_unlocked(
    guard, [&] { return over_ || lane_->writing_broken() || (flush_shared_locked() && lane_->has_room(size)); });
}

/// Writes what fits. Returns whether the queue is empty; where not, the bell will say when to go on. `write_mutex_` is held.
bool pipe_connection::flush_shared_locked() {
  for (;;) {
    std::span<const std::byte> rest;
    auto wrote = false;
    while (!out_.empty()) {
      rest = std::span<const std::byte>{out_.pieces().front().bytes}.subspan(out_.offset());
      auto count = lane_->write(rest);
      if (count == 0)
        break;
      wrote = true;
      out_.pop(count);
    }
    if (wrote)
      lane_->commit();
    if (out_.empty())
      return true;
    if (lane_->writing_broken()) {
      loop_.post([self = shared_from_this()] { self->on_ready(EPOLLIN); }); // the reading side ends the connection
      return false;
    }
    if (!lane_->wait_for_room(rest.size()))
      return false;
  }
}

// -- reading ------------------------------------------------------------------------------------------------------------------

/// What is in the ring; but first the end of file where there is one, since one who lives could go on writing to the ring for ever.
pipe_connection::progress pipe_connection::look_into_ring() {
  if (ending_)
    if (auto outcome = read_bells(MSG_DONTWAIT); outcome != progress::drained)
      return outcome;
  return drain_ring();
}

/// What is in the ring, else what the socket says.
pipe_connection::progress pipe_connection::read_shared(int flags) {
  auto outcome = look_into_ring();
  if (outcome != progress::drained)
    return outcome;
  auto waits = (flags & MSG_DONTWAIT) == 0;
  if (waits && !lane_->sleep())
    return progress::more;
  return read_bells(flags);
}

/// Hands over the frames that are in the ring now.
pipe_connection::progress pipe_connection::drain_ring() {
  auto there = lane_->readable();
  if (lane_->reading_broken() || lane_->writing_broken()) {
    end({errc::undecodable, "connection", "protocol error: a position in shared memory that cannot be"});
    return progress::over;
  }
  if (there.empty())
    return progress::drained;
  auto fine = in_.partial() ? assemble(there) : cut_in_place(there);
  lane_->tell_room();
  return fine ? progress::more : progress::over;
}

/// Decodes frames where they lie. Only the beginning of a frame, whose rest did not fit or is not there yet, is put aside.
bool pipe_connection::cut_in_place(std::span<const std::byte> there) {
  auto limit = max_body_.load();
  auto outcome = mailroom::cut_frames(
    there, limit,
    [&](const frame_view& frame) {
      count_frame(frame);
      events_->on_frame(frame);
      return round_goes_on() && limit == max_body_;
    },
    [&](std::size_t size) { lane_->take(size); });
  if (!outcome) {
    end({outcome.error().code(), "connection", "protocol error: " + outcome.error().cause()});
    return false;
  }
  if (over_)
    return false;
  return outcome->taken > 0 || assemble(there);
}

/// Moves what a frame misses out of the ring.
bool pipe_connection::assemble(std::span<const std::byte> there) {
  auto space = in_.space();
  auto count = std::min({there.size(), space.size(), in_.missing()});
  std::memcpy(space.data(), there.data(), count);
  --frames_left_; // a frame that comes in many pieces takes its time too
  in_.commit(count);
  lane_->take(count);
  return cut_frames();
}

/// Bells say no more than that there is something to look at: to read, or room to write. The end of file comes behind all that was written.
pipe_connection::progress pipe_connection::read_bells(int flags) {
  std::array<std::byte, 64> bells;
  --frames_left_; // who only rings takes time too
  auto got = ::recv(socket_.get(), bells.data(), bells.size(), flags);
  if (got > 0) {
    if (writing_later_)
      flush_and_tell_room(); // after the bell is gone: what it told is seen, and the next one is for what comes after
    return progress::more;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return progress::drained;
  // what is there now: one who lives could go on writing for ever
  auto last = lane_->position() + lane_->readable().size();
  auto outcome = progress::more;
  while (outcome == progress::more && lane_->position() < last) {
    begin_round(frames_of_a_round);
    outcome = drain_ring();
  }
  return outcome == progress::over ? outcome : hang_up();
}

// -- waiting ------------------------------------------------------------------------------------------------------------------

/// On the I/O role, with nothing left to read: looks for more by itself for a while, or waits for the bell.
pipe_connection::progress pipe_connection::rest_or_stay_hot() {
  if (!ending_ && lane_->spin().worth_it()) {
    lane_->stay_awake();
    loop_.keep_hot(shared_from_this(), lane_->spin().longest());
    return progress::drained;
  }
  return lane_->sleep() ? progress::drained : progress::more;
}

bool pipe_connection::poll() {
  if (finished_ || over_)
    return false;
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  if (!reading)
    return false; // somebody drives
  begin_round(frames_of_a_round);
  auto outcome = drain_ring();
  if (outcome == progress::more)
    lane_->spin().paid();
  reading.unlock();
  if (outcome == progress::over)
    finish();
  return outcome != progress::drained;
}

bool pipe_connection::cool() {
  if (finished_ || over_)
    return false;
  {
    std::unique_lock reading{read_mutex_, std::try_to_lock};
    if (!reading)
      return false; // who drives asks for the bell when he leaves
    lane_->spin().failed();
    if (lane_->sleep())
      return false;
  }
  on_ready(EPOLLIN);
  return true;
}

/// Like `drive`, by the rings.
void pipe_connection::drive_shared(std::unique_lock<std::mutex> reading, clock::time_point deadline,
                                   const std::function<bool()>& done) {
  lane_->stay_awake();
  auto outcome = progress::more;
  while (outcome != progress::over && !done()) {
    begin_round(frames_of_a_round);
    outcome = look_into_ring();
    if (outcome == progress::over || (outcome == progress::more && clock::now() < deadline))
      continue;
    if (lane_->spin().wait([this] { return !lane_->empty() || lane_->reading_broken(); }) && clock::now() < deadline)
      continue;
    if (clock::now() >= deadline)
      break;
    if (!driven_.exchange(true)) { // else each bell would wake the I/O role too
      std::lock_guard guard{write_mutex_};
      arm(false);
    }
    outcome = sleep_shared(deadline);
    lane_->stay_awake();
  }
  auto more = outcome != progress::over && !lane_->sleep();
  auto disarmed = driven_.exchange(false);
  reading.unlock();
  if (disarmed) {
    std::lock_guard guard{write_mutex_};
    arm(!driven_);
  }
  if (missed_.exchange(false) || more)
    loop_.post([self = shared_from_this()] { self->on_ready(EPOLLIN); });
  if (outcome == progress::over)
    loop_.post([self = shared_from_this()] { self->finish(); });
}

/// Sleeps until the bell, the end, `deadline` or a while has passed.
pipe_connection::progress pipe_connection::sleep_shared(clock::time_point deadline) {
  if (!lane_->sleep())
    return progress::more;
  auto left = deadline - clock::now();
  if (left >= slice)
    return read_bells(0);
  left = std::max(left, clock::duration::zero());
  pollfd waiting{socket_.get(), POLLIN, 0};
  timespec time{};
  time.tv_nsec = std::chrono::nanoseconds{left}.count();
  if (::ppoll(&waiting, 1, &time, nullptr) <= 0)
    return progress::drained;
  return read_bells(MSG_DONTWAIT);
}

} // namespace mailroom
