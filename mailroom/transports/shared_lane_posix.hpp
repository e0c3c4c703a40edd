#pragma once
// One side's view of a shared segment: the ring that it writes, the ring that it reads, and the bell, a byte on the socket, by which a sleeping side
// is woken. The socket stays what tells of the other side's death.

#include <mailroom/transports/adaptive_spin.hpp>
#include <mailroom/transports/shared_segment_posix.hpp>

#include <mailroom/runtime/frame.hpp>

#include <memory>

namespace mailroom {

/// The writing half and the reading half are each for one thread at a time.
class shared_lane {
public:
  shared_lane(std::unique_ptr<shared_segment> segment, bool maker, int socket, std::chrono::microseconds longest_spin)
    : segment_{std::move(segment)},
      writer_{maker ? segment_->from_maker() : segment_->from_adopter()},
      reader_{maker ? segment_->from_adopter() : segment_->from_maker()},
      spin_{longest_spin},
      socket_{socket} {}

  int native() const noexcept { return segment_->native(); }
  std::size_t capacity() const noexcept { return segment_->capacity(); }

  /// The mapping needs the descriptor no longer.
  void close_file() noexcept { segment_->close_file(); }

  // -- writing -----------------------------------------------------------------------------------------------------------------

  /// Writes the front of `bytes`, and no part of what would fit into an empty ring whole; returns how much. Seen after `commit`.
  std::size_t write(std::span<const std::byte> bytes) noexcept {
    return bytes.size() > capacity() || writer_.room() >= bytes.size() ? writer_.write(bytes) : 0;
  }

  /// Shows the other side what was written, and wakes it where it sleeps.
  void commit() noexcept {
    if (writer_.commit())
      ring_bell();
  }

  /// Asks for the bell when there is room for `size` more bytes, or for any where so many never fit. Returns whether there is by now.
  bool wait_for_room(std::size_t size) noexcept {
    writer_.wait_for_room();
    return writer_.room() >= (size > capacity() ? 1 : size);
  }

  // -- reading -----------------------------------------------------------------------------------------------------------------

  std::span<const std::byte> readable() noexcept { return reader_.readable(); }
  bool empty() noexcept { return reader_.empty(); }

  /// Bytes taken so far.
  std::uint64_t position() const noexcept { return reader_.position(); }

  void take(std::size_t size) noexcept { reader_.take(size); }

  /// Wakes the other side where it waits for room, once half of the ring is free: it then writes much at a time.
  void tell_room() noexcept {
    if (reader_.held() <= capacity() / 2 && reader_.writer_waits())
      ring_bell();
  }

  bool sleep() noexcept { return reader_.sleep(); }
  void stay_awake() noexcept { reader_.stay_awake(); }

  adaptive_spin& spin() noexcept { return spin_; }

  // -- bells: while frames still go through the socket, a bell among them would be taken for one --------------------------------

  void hold_bells() noexcept { quiet_ = true; }

  /// What would have rung meanwhile rings now.
  void let_bells() noexcept {
    quiet_ = false;
    ring_bell();
  }

  // -- both --------------------------------------------------------------------------------------------------------------------

  /// The other side has written a position that cannot be: nothing is to be trusted any more.
  bool reading_broken() const noexcept { return reader_.broken(); }
  bool writing_broken() const noexcept { return writer_.broken(); }

private:
  void ring_bell() noexcept;

  std::unique_ptr<shared_segment> segment_;
  ring_writer writer_;
  ring_reader reader_;
  adaptive_spin spin_;
  int socket_;
  std::atomic<bool> quiet_{false};
};

/// The frames by which two sides agree on a segment; they never leave the transport.
namespace lane_frames {

/// The maker's offer: the descriptor goes with it.
byte_buffer offer(std::size_t capacity);

/// What follows from this side comes through the ring, and each byte on the socket is a bell.
byte_buffer begin();

/// The offer is not taken, and why.
byte_buffer refuse(std::string_view why);

/// Whether `frame` is one of these.
bool are_these(std::span<const std::byte> frame) noexcept;

} // namespace lane_frames

} // namespace mailroom
