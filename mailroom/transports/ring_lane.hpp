#pragma once
// One side's view of two rings: the one that it writes, the one that it reads, and the bell by which a sleeping side is woken. How to ring is
// the connection's business that the rings belong to; it also tells of the other side's death.

#include <mailroom/transports/adaptive_spin.hpp>
#include <mailroom/transports/byte_ring.hpp>

namespace mailroom {

/// The writing half and the reading half are each for one thread at a time.
class ring_lane {
public:
  ring_lane(ring_memory writes, ring_memory reads, std::chrono::microseconds longest_spin)
    : capacity_{writes.capacity}, writer_{writes}, reader_{reads}, spin_{longest_spin}, room_spin_{longest_spin} {}

  virtual ~ring_lane() = default;
  ring_lane(const ring_lane&) = delete;
  ring_lane& operator=(const ring_lane&) = delete;

  /// Bytes of each ring.
  std::size_t capacity() const noexcept { return capacity_; }

  // -- writing -----------------------------------------------------------------------------------------------------------------

  /// Writes the front of `bytes`, and no part of what would fit into an empty ring whole; returns how much. Seen after `commit`.
  std::size_t write(std::span<const std::byte> bytes) noexcept {
    return bytes.size() > capacity() || writer_.has_room(bytes.size()) ? writer_.write(bytes) : 0;
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

  /// Whether a frame of `size` bytes goes in at once.
  bool has_room(std::size_t size) noexcept { return writer_.has_room(size); }

  /// For one who would rather look for room than queue.
  adaptive_spin& room_spin() noexcept { return room_spin_; }

  // -- reading -----------------------------------------------------------------------------------------------------------------

  std::span<const std::byte> readable() noexcept { return reader_.readable(); }
  bool empty() noexcept { return reader_.empty(); }

  /// Bytes taken so far.
  std::uint64_t position() const noexcept { return reader_.position(); }

  /// The writer sees the room of many small frames at once: at the latest with `tell_room`.
  void take(std::size_t size) noexcept {
    constexpr std::size_t much = std::size_t{16} << 10;
    reader_.take(size);
    if (reader_.kept_back() >= much)
      reader_.give_back();
  }

  /// After what was there was read. Wakes the other side where it waits for room, once there is so much that it pays: it then writes much at a time.
  void tell_room() noexcept {
    if (reader_.kept_back() > 0)
      reader_.give_back();
    if (reader_.held() <= capacity() - worth_a_bell() && reader_.writer_waits())
      ring_bell();
  }

  /// Asks for the bell when something comes. Returns false where there is something to look at already.
  bool sleep() noexcept { return reader_.sleep(); }
  void stay_awake() noexcept { reader_.stay_awake(); }

  adaptive_spin& spin() noexcept { return spin_; }

  // -- bells: while frames still go another way, a bell among them would be taken for one ---------------------------------------

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
  std::size_t worth_a_bell() const noexcept { return std::min(capacity_ / 2, std::size_t{1} << 20); }

  void ring_bell() noexcept {
    if (!quiet_)
      wake_other_side();
  }

  /// Called by whoever writes and by whoever reads, which may be two threads at once.
  virtual void wake_other_side() noexcept = 0;

  std::size_t capacity_;
  ring_writer writer_;
  ring_reader reader_;
  adaptive_spin spin_;
  adaptive_spin room_spin_; // the writing half's
  std::atomic<bool> quiet_{false};
};

} // namespace mailroom
