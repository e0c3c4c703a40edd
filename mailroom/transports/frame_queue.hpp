#pragma once
// The frames that wait for a peer to read, bounded in bytes and in number.

#include <mailroom/runtime/transport.hpp>

#include <deque>
#include <utility>
#include <vector>

namespace mailroom {

/// Guarded by its owner.
class frame_queue {
public:
  explicit frame_queue(const transport_limits& limits) : limits_{limits} {}

  bool empty() const noexcept { return frames_.empty(); }
  std::size_t bytes() const noexcept { return bytes_; }
  const std::deque<byte_buffer>& frames() const noexcept { return frames_; }

  /// How much of the first frame is gone already.
  std::size_t offset() const noexcept { return offset_; }

  /// Whether `size` more bytes fit. An empty queue takes any one frame; `system` frames may exceed the bounds once over.
  bool fits(std::size_t size, send_mode mode) const noexcept {
    auto factor = mode == send_mode::system ? std::size_t{2} : std::size_t{1};
    return frames_.empty()
           || (bytes_ + size <= factor * limits_.max_queued_bytes
               && frames_.size() < factor * limits_.max_queued_messages);
  }

  /// Takes what is left of a frame of which `written` bytes are gone.
  void push(byte_buffer frame, std::size_t written = 0) {
    if (frames_.empty())
      offset_ = written;
    bytes_ += frame.size() - written;
    frames_.push_back(std::move(frame));
  }
  void push(std::span<const std::byte> frame, std::size_t written = 0) {
    push(byte_buffer{frame.begin(), frame.end()}, written);
  }

  /// Drops `count` bytes at the front.
  void pop(std::size_t count) {
    bytes_ -= count;
    offset_ += count;
    while (!frames_.empty() && offset_ >= frames_.front().size()) {
      offset_ -= frames_.front().size();
      keep(std::move(frames_.front()));
      frames_.pop_front();
    }
  }

  /// Takes the first frame, of which nothing is gone.
  byte_buffer pop_front() {
    auto result = std::move(frames_.front());
    bytes_ -= result.size();
    frames_.pop_front();
    return result;
  }

  /// The buffer of a large frame that is gone, to be used again: to map its memory anew costs more than to copy. May be empty.
  byte_buffer take_spare() noexcept { return std::exchange(spare_, {}); }

  /// Half empty: time to tell those who wait for room.
  bool roomy() const noexcept {
    return bytes_ <= limits_.max_queued_bytes / 2 && frames_.size() <= limits_.max_queued_messages / 2;
  }

  /// Everything that was not given away whole.
  std::vector<byte_buffer> take_all() {
    std::vector<byte_buffer> result{std::make_move_iterator(frames_.begin()), std::make_move_iterator(frames_.end())};
    frames_.clear();
    bytes_ = offset_ = 0;
    return result;
  }

private:
  void keep(byte_buffer gone) noexcept {
    constexpr std::size_t least = std::size_t{64} << 10;
    constexpr std::size_t most = std::size_t{4} << 20;
    if (gone.capacity() >= least && gone.capacity() <= most && gone.capacity() > spare_.capacity())
      spare_ = std::move(gone);
  }

  transport_limits limits_;
  std::deque<byte_buffer> frames_;
  std::size_t bytes_ = 0;
  std::size_t offset_ = 0;
  byte_buffer spare_;
};

} // namespace mailroom
