#pragma once
// Cuts a stream of bytes into frames. It grows with what has arrived, never with what was announced, and gives large memory back.

#include <mailroom/runtime/frame.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

namespace mailroom {

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
    while (end_ - begin_ >= frame_header_size) {
      auto header = read_header({data_.get() + begin_, end_ - begin_}, max_body);
      if (!header)
        return tl::unexpected{header.error()};
      auto size = frame_header_size + header->size;
      if (end_ - begin_ < size) {
        wanted_ = size;
        return {};
      }
      frame_view frame{*header, {data_.get() + begin_ + frame_header_size, header->size}};
      begin_ += size;
      wanted_ = 0;
      ++frames_;
      if (!take(frame))
        return {};
    }
    if (begin_ == end_)
      rewind();
    return {};
  }

  /// Whether the bytes end within a frame.
  bool partial() const noexcept { return begin_ != end_; }

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
