#pragma once
// A piece of memory that two processes share, with a ring for each direction: an anonymous file (memfd), sealed so that neither side can shrink
// it under the other's feet, whose descriptor travels over the socket.

#include <mailroom/transports/byte_ring.hpp>

#include <mailroom/runtime/system_call_posix.hpp>

#include <memory>

namespace mailroom {

/// Unmapped with the object.
class shared_segment {
public:
  /// Bytes of each ring. A frame that fits is decoded where it lies; a larger one is put together elsewhere.
  static constexpr std::size_t usual_capacity = std::size_t{4} << 20;

  /// Makes one, with all its memory, so that no later access can fail. `capacity`: a multiple of the page size.
  static expected<std::unique_ptr<shared_segment>> make(std::size_t capacity);

  /// Maps the one behind `file`, which another process made: fails where it is no memory file sealed against shrinking and growing, or
  /// not of exactly the size that two rings of `capacity` take.
  static expected<std::unique_ptr<shared_segment>> adopt(file_descriptor file, std::size_t capacity);

  ~shared_segment();
  shared_segment(const shared_segment&) = delete;
  shared_segment& operator=(const shared_segment&) = delete;

  int native() const noexcept { return file_.get(); }

  /// The memory stays mapped.
  void close_file() noexcept { file_.reset(); }
  std::size_t capacity() const noexcept { return capacity_; }

  /// The ring from the maker to the adopter, and the one back.
  ring_memory from_maker() const noexcept { return ring(0); }
  ring_memory from_adopter() const noexcept { return ring(1); }

private:
  shared_segment(file_descriptor file, std::size_t capacity) noexcept : file_{std::move(file)}, capacity_{capacity} {}

  expected<void> map();
  ring_memory ring(std::size_t index) const noexcept;

  file_descriptor file_;
  std::size_t capacity_;
  void* control_ = nullptr;
  std::byte* data_[2]{};
};

} // namespace mailroom
