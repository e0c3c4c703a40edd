#pragma once
// The frames that wait for a peer to read, bounded in bytes and in number. Small ones are gathered, so that many cost no allocation each and
// leave in one piece.

#include <mailroom/runtime/transport.hpp>

#include <deque>
#include <utility>
#include <vector>

namespace mailroom {

/// Guarded by its owner.
class frame_queue {
public:
  /// Frames up to this size are gathered in pieces of about that one.
  static constexpr std::size_t small = std::size_t{16} << 10;
  static constexpr std::size_t piece_size = std::size_t{64} << 10;

  /// Bytes of large buffers that are kept for the next frames, and after how many pieces of small ones they go.
  static constexpr std::size_t most_spare = std::size_t{8} << 20;
  static constexpr int spare_rounds = 64;

  /// Some whole frames, one behind the other.
  struct piece {
    byte_buffer bytes;
    std::size_t frames = 0;
  };

  explicit frame_queue(const transport_limits& limits) : limits_{limits} {}

  bool empty() const noexcept { return pieces_.empty(); }
  std::size_t bytes() const noexcept { return bytes_; }

  /// How many frames wait; those of a piece count until all of it is gone.
  std::size_t size() const noexcept { return frames_; }
  const std::deque<piece>& pieces() const noexcept { return pieces_; }

  /// How much of the first piece is gone already.
  std::size_t offset() const noexcept { return offset_; }

  /// Whether `size` more bytes fit. An empty queue takes any one frame; `system` frames may exceed the bounds once over.
  bool fits(std::size_t size, send_mode mode) const noexcept {
    auto factor = mode == send_mode::system ? std::size_t{2} : std::size_t{1};
    return pieces_.empty()
           || (bytes_ + size <= factor * limits_.max_queued_bytes && frames_ < factor * limits_.max_queued_messages);
  }

  /// Takes a frame by its buffer.
  void push(byte_buffer frame) {
    bytes_ += frame.size();
    ++frames_;
    pieces_.push_back({std::move(frame), 1});
  }

  /// Takes a copy.
  void push(std::span<const std::byte> frame) {
    if (frame.size() > small) {
      push(byte_buffer{frame.begin(), frame.end()});
      return;
    }
    if (pieces_.empty() || pieces_.back().bytes.capacity() < piece_size
        || pieces_.back().bytes.size() + frame.size() > piece_size) {
      pieces_.push_back({std::exchange(small_spare_, {}), 0});
      pieces_.back().bytes.clear();
      pieces_.back().bytes.reserve(piece_size);
    }
    auto& last = pieces_.back();
    last.bytes.insert(last.bytes.end(), frame.begin(), frame.end());
    ++last.frames;
    bytes_ += frame.size();
    ++frames_;
  }

  /// Drops `count` bytes at the front.
  void pop(std::size_t count) {
    bytes_ -= count;
    offset_ += count;
    while (!pieces_.empty() && offset_ >= pieces_.front().bytes.size()) {
      offset_ -= pieces_.front().bytes.size();
      frames_ -= pieces_.front().frames;
      keep(std::move(pieces_.front().bytes));
      pieces_.pop_front();
    }
  }

  /// Takes the first piece, of which nothing is gone.
  byte_buffer pop_front() {
    auto result = std::move(pieces_.front());
    bytes_ -= result.bytes.size();
    frames_ -= result.frames;
    pieces_.pop_front();
    return std::move(result.bytes);
  }

  /// The buffer of a large frame that is gone, to be used again: to map its memory anew costs more than to copy. May be empty.
  byte_buffer take_spare() noexcept {
    if (spares_.empty())
      return {};
    auto result = std::move(spares_.back());
    spares_.pop_back();
    spare_bytes_ -= result.capacity();
    small_rounds_ = 0;
    return result;
  }

  /// Half empty: time to tell those who wait for room.
  bool roomy() const noexcept {
    return bytes_ <= limits_.max_queued_bytes / 2 && frames_ <= limits_.max_queued_messages / 2;
  }

  /// Every frame that was not given away whole, one buffer each.
  std::vector<byte_buffer> take_all() {
    std::vector<byte_buffer> result;
    auto gone = std::exchange(offset_, 0);
    for (auto& each : pieces_) {
      std::span<const std::byte> rest{each.bytes};
      while (!rest.empty()) {
        auto size = frame_size(rest);
        if (gone < size)
          result.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
        gone -= std::min(gone, size);
        rest = rest.subspan(size);
      }
    }
    pieces_.clear();
    bytes_ = frames_ = 0;
    return result;
  }

private:
  /// As many as leave the queue until whoever waits for room writes again, at most; none after a while of small frames.
  void keep(byte_buffer gone) {
    if (gone.capacity() > piece_size) {
      if (spare_bytes_ + gone.capacity() <= most_spare) {
        spare_bytes_ += gone.capacity();
        spares_.push_back(std::move(gone));
      }
      return;
    }
    if (gone.capacity() == piece_size)
      small_spare_ = std::move(gone);
    if (!spares_.empty() && ++small_rounds_ >= spare_rounds) {
      spares_.clear();
      spare_bytes_ = 0;
      small_rounds_ = 0;
    }
  }

  transport_limits limits_;
  std::deque<piece> pieces_;
  std::size_t bytes_ = 0;
  std::size_t frames_ = 0;
  std::size_t offset_ = 0;
  std::vector<byte_buffer> spares_;
  std::size_t spare_bytes_ = 0;
  int small_rounds_ = 0;
  byte_buffer small_spare_;
};

} // namespace mailroom
