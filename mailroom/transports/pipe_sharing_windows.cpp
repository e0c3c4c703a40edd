// What shared memory adds to a connection: how the two sides agree on it over the pipe, and how they write, read and wait once they have.

#include <mailroom/transports/pipe_connection_windows.hpp>

#include <mailroom/transports/lane_frames.hpp>
#include <mailroom/transports/shared_segment_windows.hpp>

#include <algorithm>
#include <cstring>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// That are read before others have their turn.
constexpr int frames_of_a_round = 100;

std::uint64_t number_of(const handle& section) {
  return reinterpret_cast<std::uintptr_t>(section.get());
}

} // namespace

/// Its bell is a byte on the pipe: the read that is always under way there ends by it, for the completion port and for a caller in `drive` alike.
class pipe_connection::shared_lane final : public ring_lane {
public:
  shared_lane(pipe_connection& owner, std::unique_ptr<shared_segment> segment, bool maker)
    : ring_lane{maker ? segment->from_maker() : segment->from_adopter(),
                maker ? segment->from_adopter() : segment->from_maker(), owner.sharing_.longest_spin},
      segment_{std::move(segment)},
      owner_{owner} {}

private:
  void wake_other_side() noexcept override { owner_.ring_bell(); }

  std::unique_ptr<shared_segment> segment_;
  pipe_connection& owner_;
};

// -- agreeing -----------------------------------------------------------------------------------------------------------------

void pipe_connection::offer_sharing() {
  if (!sharing_.offers)
    return;
  auto segment = shared_segment::make(shared_segment::usual_capacity);
  if (!segment) {
    sharing_.say(level::warning, "no shared memory, the pipe will do: " + to_string(segment.error()));
    return;
  }
  offered_section_ = (*segment)->take_section();
  auto offer = lane_frames::offer((*segment)->capacity(), number_of(offered_section_));
  lane_ = std::make_unique<shared_lane>(*this, std::move(*segment), true);
  send(offer, send_mode::system);
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
  auto section = in.u64();
  if (!in.ok() || !std::exchange(may_be_offered_, false))
    return wrong_frame();
  if (!sharing_.accepts)
    return refuse_sharing("shared memory is not among its transports");
  auto segment = shared_segment::adopt(who_.pid, section, static_cast<std::size_t>(capacity));
  if (!segment) {
    sharing_.say(level::warning, "no shared memory, the pipe will do: " + to_string(segment.error()));
    return refuse_sharing(to_string(segment.error()));
  }
  {
    std::lock_guard guard{write_mutex_};
    lane_ = std::make_unique<shared_lane>(*this, std::move(*segment), false);
    share_writing_locked();
  }
  flush_and_tell_room();
  return true;
}

bool pipe_connection::refuse_sharing(const std::string& why) {
  send(lane_frames::refuse(why), send_mode::system);
  return true;
}

/// What is sent from here on goes through the ring, behind the frame that says so; what waits already goes through the pipe, by the flush
/// that must follow. `write_mutex_` is held.
void pipe_connection::share_writing_locked() {
  lane_->hold_bells();
  out_.push(lane_frames::begin());
  left_for_pipe_ = out_.bytes();
}

bool pipe_connection::on_begin() {
  if (!lane_ || reads_shared_)
    return wrong_frame();
  {
    std::lock_guard guard{write_mutex_};
    if (!writes_shared_ && left_for_pipe_ == 0)
      share_writing_locked();
  }
  offered_section_.reset();
  flush_and_tell_room();
  reads_shared_ = true;
  return false; // what else came through the pipe are bells
}

bool pipe_connection::on_refusal(const frame_view& frame) {
  body_reader in{frame.body};
  std::string why{in.text16()};
  if (!in.ok() || !lane_ || reads_shared_)
    return wrong_frame();
  {
    std::lock_guard guard{write_mutex_};
    if (!writes_shared_ && left_for_pipe_ == 0)
      lane_.reset();
  }
  if (lane_)
    return wrong_frame();
  offered_section_.reset();
  sharing_.say(level::info, "no shared memory, the pipe will do: the other process says: " + why);
  return true;
}

// -- writing ------------------------------------------------------------------------------------------------------------------

/// Straight from the caller's buffer, as much as fits; nothing waits before it. `write_mutex_` is held.
send_result pipe_connection::send_shared_locked(std::span<const std::byte> frame, byte_buffer* owner) {
  auto written = lane_->write(frame);
  if (written > 0)
    lane_->commit();
  if (written == frame.size())
    return send_result::sent;
  if (owner == nullptr || frame.size() <= frame_queue::small)
    out_.push(frame);
  else
    out_.push(std::exchange(*owner, out_.take_spare()));
  out_.pop(written);
  flush_shared_locked(); // or asks for the bell
  return send_result::sent;
}

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
      loop_.post([self = shared_from_this()] { self->on_ready(); }); // the reading side ends the connection
      return false;
    }
    if (!lane_->wait_for_room(rest.size())) {
      waits_for_room_ = true;
      return false;
    }
  }
}

// -- reading ------------------------------------------------------------------------------------------------------------------

/// What is in the ring; where nothing is left there, what comes will be heard of. On the I/O role.
pipe_connection::progress pipe_connection::read_shared() {
  auto outcome = look_into_ring();
  if (outcome != progress::drained)
    return outcome;
  // each bell wakes the I/O role, also where a caller in `drive` has seen to it: not to look any longer then spares both of them
  return frames_left_ == frames_of_a_round ? await_bell() : rest_or_stay_hot();
}

/// What is in the ring; but first what the pipe says, since one whose end is closed could go on writing to the ring for ever. To look at a read that is
/// under way takes no system call.
pipe_connection::progress pipe_connection::look_into_ring() {
  auto outcome = read_ ? take_read() : begin_read(told::role);
  return outcome == progress::over ? outcome : drain_ring();
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

/// The other end is closed: hands over what is there now, and no more.
pipe_connection::progress pipe_connection::drain_last() {
  auto last = lane_->position() + lane_->readable().size();
  auto outcome = progress::more;
  while (outcome == progress::more && lane_->position() < last) {
    frames_left_ = frames_of_a_round;
    outcome = drain_ring();
  }
  return outcome;
}

/// Decodes frames where they lie. Only the beginning of a frame, whose rest did not fit or is not there yet, is put aside.
bool pipe_connection::cut_in_place(std::span<const std::byte> there) {
  auto limit = max_body_.load();
  auto outcome = mailroom::cut_frames(
    there, limit, [&](const frame_view& frame) { return pass_on(frame) && limit == max_body_; },
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

/// Bells say no more than that there is something to look at: to read, or room to write.
pipe_connection::progress pipe_connection::on_bells() {
  --frames_left_; // who only rings takes time too
  if (waits_for_room_)
    flush_and_tell_room(); // after the bell is gone: what it told is seen, and the next one is for what comes after
  return progress::more;
}

// -- waiting ------------------------------------------------------------------------------------------------------------------

/// Asks for the bell. Where this returns `drained` a read is under way that ends by it.
pipe_connection::progress pipe_connection::await_bell() {
  if (auto outcome = read_ ? progress::drained : begin_read(told::role); outcome != progress::drained)
    return outcome;
  return lane_->sleep() ? progress::drained : progress::more;
}

/// On the I/O role, with nothing left to read: looks for more by itself for a while, or waits for the bell.
pipe_connection::progress pipe_connection::rest_or_stay_hot() {
  if (!lane_->spin().worth_it())
    return await_bell();
  lane_->stay_awake();
  loop_.keep_hot(shared_from_this(), lane_->spin().longest());
  return progress::drained;
}

bool pipe_connection::poll() {
  if (finished_ || over_ || hung_up_)
    return false;
  std::unique_lock reading{read_mutex_, std::try_to_lock};
  if (!reading)
    return false; // somebody drives
  frames_left_ = frames_of_a_round;
  auto outcome = look_into_ring();
  if (outcome == progress::more)
    lane_->spin().paid();
  reading.unlock();
  if (outcome == progress::over)
    finish();
  return outcome != progress::drained;
}

bool pipe_connection::cool() {
  if (finished_ || over_ || hung_up_)
    return false;
  {
    std::unique_lock reading{read_mutex_, std::try_to_lock};
    if (!reading)
      return false; // who drives asks for the bell when he leaves
    lane_->spin().failed();
    if (await_bell() == progress::drained)
      return false;
  }
  on_ready();
  return true;
}

/// Like `drive`, by the rings.
void pipe_connection::drive_shared(std::unique_lock<std::mutex> reading, clock::time_point deadline,
                                   const std::function<bool()>& done) {
  lane_->stay_awake();
  auto outcome = progress::more;
  while (outcome != progress::over && !over_ && !done()) {
    frames_left_ = frames_of_a_round;
    missed_ = false; // whatever the I/O role was turned away from is looked at now
    outcome = look_into_ring();
    if (outcome == progress::over || (outcome == progress::more && clock::now() < deadline))
      continue;
    if (lane_->spin().wait([this] { return !lane_->empty() || lane_->reading_broken(); }) && clock::now() < deadline)
      continue;
    if (clock::now() >= deadline)
      break;
    outcome = await_bell();
    if (outcome == progress::drained)
      wait_for_read(deadline);
    lane_->stay_awake();
  }
  if (outcome != progress::over && !over_)
    outcome = await_bell();
  reading.unlock();
  if (missed_.exchange(false) || outcome != progress::drained)
    loop_.post([self = shared_from_this()] { self->on_ready(); });
}

} // namespace mailroom
