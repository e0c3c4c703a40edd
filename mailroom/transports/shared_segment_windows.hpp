#pragma once
// A piece of memory that two processes share, with a ring for each direction: a section of the paging file without a name, which can neither shrink
// nor be found by anybody else. Who adopts it fetches it from its maker's process, so that a lie about it yields what is the liar's.

#include <mailroom/transports/byte_ring.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <memory>

namespace mailroom {

/// Unmapped with the object.
class shared_segment {
public:
  /// Bytes of each ring. A frame that fits is decoded where it lies; a larger one is put together elsewhere.
  static constexpr std::size_t usual_capacity = std::size_t{4} << 20;

  /// Makes one, with all its memory, so that no later access can fail. `capacity`: a multiple of 64 KiB.
  static expected<std::unique_ptr<shared_segment>> make(std::size_t capacity);

  /// Maps the section that has the number `section` in process `maker`, which is who the system says it is. Fails where that is no
  /// section of committed memory of the paging file, or not of exactly the size that two rings of `capacity` take.
  static expected<std::unique_ptr<shared_segment>> adopt(std::uint32_t maker, std::uint64_t section,
                                                         std::size_t capacity);

  ~shared_segment();
  shared_segment(const shared_segment&) = delete;
  shared_segment& operator=(const shared_segment&) = delete;

  /// The section, which is to stay open until the other side has fetched it; the memory stays mapped without it. Once, on the maker's side.
  handle take_section() noexcept { return std::move(section_); }

  std::size_t capacity() const noexcept { return capacity_; }

  /// The ring from the maker to the adopter, and the one back.
  ring_memory from_maker() const noexcept { return ring(0); }
  ring_memory from_adopter() const noexcept { return ring(1); }

private:
  explicit shared_segment(std::size_t capacity) noexcept : capacity_{capacity} {}

  static expected<std::unique_ptr<shared_segment>> map(void* section, std::size_t capacity);
  bool map_twice(void* section, std::size_t index) noexcept;
  ring_memory ring(std::size_t index) const noexcept;

  std::size_t capacity_;
  handle section_; // the maker's
  void* control_ = nullptr;
  std::byte* data_[2]{};
};

} // namespace mailroom
