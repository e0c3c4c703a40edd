#pragma once
// Cuts a stream of bytes into frames. It grows with what has arrived, never with what was announced, and gives large memory back.

#include <mailroom/runtime/frame.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

namespace mailroom {

/// What `cut_frames` did: bytes of whole frames, and the size of the frame that has only begun (0: not even its header is there).
struct cut_result {
  std::size_t taken = 0;
  std::size_t wanted = 0;
};

/// Calls `take` with each whole frame at the front of `bytes`, and stops early where it returns false. `done` hears of each frame's size
/// once it was taken. Fails where the bytes are no frames; nothing that follows can be trusted then.
template <class Take, class Done>
expected<cut_result> cut_frames(std::span<const std::byte> bytes, std::size_t max_body, Take take, Done done) {
  cut_result result;
  while (bytes.size() >= frame_header_size) {
    auto header = read_header(bytes, max_body);
    if (!header)
      return tl::unexpected{header.error()};
    auto size = frame_header_size + header->size;
    if (bytes.size() < size) {
      result.wanted = size;
      return result;
    }
    const frame_view frame{*header, bytes.subspan(frame_header_size, header->size)};
    auto more = take(frame);
    done(size);
    result.taken += size;
    if (!more)
      return result;
    bytes = bytes.subspan(size);
  }
  return result;
}

/// One reader at a time.
class frame_buffer {
public:
  static constexpr std::size_t usual_capacity = std::size_t{128} << 10;

  /// Room for more bytes; never empty. Fill it from the front and tell `commit` how much came.
  std::span<std::byte> space() {
    if (capacity_ - end_ < usual_capacity / 2)
      make_room();
    return {data_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t size) noexcept { end_ += size; }

  /// Calls `take` with each whole frame. Stops early where `take` returns false. Fails where the bytes are no frames; nothing that
  /// follows can be trusted then.
  template <class Take> expected<void> cut(std::size_t max_body, Take take) {
    auto outcome = cut_frames({data_.get() + begin_, end_ - begin_}, max_body, take, [this](std::size_t size) {
      begin_ += size;
      ++frames_;
    });
    if (!outcome)
      return tl::unexpected{outcome.error()};
    wanted_ = outcome->wanted;
    if (begin_ == end_)
      rewind();
    return {};
  }

  /// Forgets what is held.
  void clear() noexcept {
    begin_ = end_ = 0;
    wanted_ = 0;
  }

  /// How many bytes the frame that has begun still misses; for one whose header is not there, what the header misses.
  std::size_t missing() const noexcept { return (wanted_ > 0 ? wanted_ : frame_header_size) - (end_ - begin_); }

  /// Whether the bytes end within a frame.
  bool partial() const noexcept { return begin_ != end_; }

  /// Whether a whole frame is held, which `cut` has left there.
  bool whole() const noexcept {
    auto held = end_ - begin_;
    return wanted_ == 0 && held >= frame_header_size;
  }

  /// Frames so far, and the size of the one that has begun (0: its header is not there yet).
  std::uint64_t frames() const noexcept { return frames_; }
  std::size_t wanted() const noexcept { return wanted_; }

private:
  /// Everything was cut. Large memory stays while large frames come, since to map it anew costs more than to copy, and goes after a while
  /// of small ones.
  void rewind() {
    constexpr int patience = 64;
    auto much = end_ > capacity_ / 4;
    begin_ = end_ = 0;
    if (capacity_ <= 8 * usual_capacity || much)
      small_rounds_ = 0;
    else if (++small_rounds_ >= patience)
      resize(usual_capacity);
  }

  void make_room() {
    auto held = end_ - begin_;
    if (capacity_ == 0) {
      resize(usual_capacity);
    } else if (begin_ > 0 && capacity_ - held >= usual_capacity / 2) {
      std::memmove(data_.get(), data_.get() + begin_, held);
      begin_ = 0;
      end_ = held;
    } else {
      // at most twice what has arrived, and no more than the frame needs
      auto doubled = std::max(2 * capacity_, held + usual_capacity);
      resize(wanted_ > held ? std::min(doubled, wanted_ + usual_capacity) : doubled);
    }
  }

  void resize(std::size_t capacity) {
    auto held = end_ - begin_;
    auto data = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (held > 0)
      std::memcpy(data.get(), data_.get() + begin_, held);
    data_ = std::move(data);
    capacity_ = capacity;
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_ = 0;
  std::uint64_t frames_ = 0;
  int small_rounds_ = 0;
};

} // namespace mailroom
