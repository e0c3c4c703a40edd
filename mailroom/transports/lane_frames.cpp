#include <mailroom/transports/lane_frames.hpp>

namespace mailroom::lane_frames {

byte_buffer offer(std::size_t capacity) {
  byte_buffer result;
  frame_writer out{result, frame_kind::ring_offer};
  out.u64(capacity);
  out.finish();
  return result;
}

byte_buffer offer(std::size_t capacity, std::uint64_t section) {
  byte_buffer result;
  frame_writer out{result, frame_kind::ring_offer};
  out.u64(capacity);
  out.u64(section);
  out.finish();
  return result;
}

byte_buffer begin() {
  byte_buffer result;
  frame_writer{result, frame_kind::ring_begin}.finish();
  return result;
}

byte_buffer refuse(std::string_view why) {
  byte_buffer result;
  frame_writer out{result, frame_kind::ring_refuse};
  out.text16(why.substr(0, max_hello / 2));
  out.finish();
  return result;
}

bool are_these(std::span<const std::byte> frame) noexcept {
  constexpr std::size_t kind_at = 4;
  return frame.size() >= frame_header_size && static_cast<frame_kind>(frame[kind_at]) >= frame_kind::ring_offer;
}

} // namespace mailroom::lane_frames
