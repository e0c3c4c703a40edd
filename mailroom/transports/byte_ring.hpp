#pragma once
// A stream of bytes through memory that two processes share, from one writer to one reader. Each side keeps its own position and believes
// nothing of what the other one writes but that much is there: a position that cannot be breaks the ring for good.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace mailroom {

/// The part of a ring that both sides write, at the front of its memory. All zero is an empty ring whose reader is awake.
struct ring_control {
  static constexpr std::size_t line =
    64; // of the processor's cache: what one side writes must not slow the other's reads

  alignas(line) std::atomic<std::uint64_t> written{0}; ///< bytes ever; by the writer, last of all, which is the commit
  alignas(line) std::atomic<std::uint64_t> taken{0};   ///< bytes ever; by the reader
  alignas(line) std::atomic<std::uint32_t> reader_sleeps{0};
  alignas(line) std::atomic<std::uint32_t> writer_waits{0};

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

/// The memory of one ring as this process sees it: `capacity` bytes at `data`, and the same bytes once more behind them, so that what wraps
/// around lies in one piece.
struct ring_memory {
  ring_control* control = nullptr;
  std::byte* data = nullptr;
  std::size_t capacity = 0;
};

/// One thread at a time.
class ring_writer {
public:
  explicit ring_writer(ring_memory where) noexcept : ring_{where} {}

  /// The reader's position is none: the other process is broken. Any thread.
  bool broken() const noexcept { return broken_; }

  /// Copies what fits and returns how much; the reader sees it after `commit`.
  std::size_t write(std::span<const std::byte> bytes) noexcept {
    auto size = has_room(bytes.size()) ? bytes.size() : std::min(bytes.size(), room());
    if (size > 0)
      std::memcpy(ring_.data + written_ % ring_.capacity, bytes.data(), size);
    written_ += size;
    if (size <= small)
      fetch_ahead(size);
    return size;
  }

  /// Shows the reader what was written. Returns whether it sleeps and must be woken, once.
  bool commit() noexcept {
    // in one order with the other side's `sleep`: either it sees the bytes, or this sees that it sleeps
    ring_.control->written.store(written_, std::memory_order_seq_cst);
    return ring_.control->reader_sleeps.load(std::memory_order_seq_cst) != 0
           && ring_.control->reader_sleeps.exchange(0, std::memory_order_seq_cst) != 0;
  }

  /// How many bytes fit now.
  std::size_t room() noexcept {
    auto taken = ring_.control->taken.load(std::memory_order_seq_cst);
    if (written_ - taken > ring_.capacity)
      broken_ = true;
    if (!broken_)
      taken_seen_ = taken;
    return broken_ ? 0 : known_room();
  }

  /// Whether `size` bytes fit. Where the last look at the reader's position says so, and that half of the ring is free, there is no other: the
  /// position lies in memory that the other processor changes all the time.
  bool has_room(std::size_t size) noexcept {
    auto known = known_room();
    return (!broken_ && size <= known && known > ring_.capacity / 2) || size <= room();
  }

  /// Asks to be woken when the reader has taken something. Look at `room` once more behind it.
  void wait_for_room() noexcept { ring_.control->writer_waits.store(1, std::memory_order_seq_cst); }

private:
  static constexpr std::size_t small = 1024;

  /// Asks for the memory of a small frame to come while the caller makes it: it lies in the other processor's cache, or in none.
  void fetch_ahead(std::size_t size) noexcept {
#ifdef __GNUC__
    constexpr std::size_t ahead = small;
    if (known_room() <= ahead + size)
      return; // the reader still wants what is there
    for (std::size_t i = 0; i < size; i += ring_control::line)
      __builtin_prefetch(ring_.data + (written_ + ahead + i) % ring_.capacity, 1);
#else
    static_cast<void>(size);
#endif
  }

  std::size_t known_room() const noexcept {
    return ring_.capacity - static_cast<std::size_t>(written_ - taken_seen_);
  }

  ring_memory ring_;
  std::uint64_t written_ = 0;
  std::uint64_t taken_seen_ = std::uint64_t{0} - ring_.capacity; // nothing is known of it
  std::atomic<bool> broken_{false};
};

/// One thread at a time.
class ring_reader {
public:
  explicit ring_reader(ring_memory where) noexcept : ring_{where} {}

  /// The writer's position is none: the other process is broken.
  bool broken() const noexcept { return broken_; }

  /// Bytes taken so far.
  std::uint64_t position() const noexcept { return taken_; }

  /// What is there, in one piece. The other process can change the bytes at any time: read each once.
  std::span<const std::byte> readable() noexcept {
    auto written = ring_.control->written.load(std::memory_order_seq_cst);
    auto there = written - taken_;
    broken_ = broken_ || there > ring_.capacity;
    if (!broken_)
      seen_ = written;
    return {ring_.data + taken_ % ring_.capacity, broken_ ? 0 : static_cast<std::size_t>(there)};
  }

  bool empty() noexcept { return readable().empty(); }

  /// Bytes that are not taken yet, as far as the last look at them knows.
  std::size_t held() const noexcept { return static_cast<std::size_t>(seen_ - taken_); }

  /// Takes the front of it; the writer sees the room after `give_back`.
  void take(std::size_t size) noexcept { taken_ += size; }

  void give_back() noexcept {
    given_back_ = taken_;
    ring_.control->taken.store(taken_, std::memory_order_seq_cst);
  }

  /// Bytes taken that the writer does not know of.
  std::size_t kept_back() const noexcept { return static_cast<std::size_t>(taken_ - given_back_); }

  /// Whether the writer waits for room and must be woken, once: to be asked after `give_back`.
  bool writer_waits() noexcept {
    return ring_.control->writer_waits.load(std::memory_order_seq_cst) != 0
           && ring_.control->writer_waits.exchange(0, std::memory_order_seq_cst) != 0;
  }

  /// Asks to be woken when something comes. Returns false where there is something to look at already.
  bool sleep() noexcept {
    ring_.control->reader_sleeps.store(1, std::memory_order_seq_cst);
    return empty() && !broken_;
  }

  /// Spares the writer the trouble: this side looks by itself.
  void stay_awake() noexcept { ring_.control->reader_sleeps.store(0, std::memory_order_seq_cst); }

private:
  ring_memory ring_;
  std::uint64_t seen_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t given_back_ = 0;
  bool broken_ = false;
};

} // namespace mailroom
