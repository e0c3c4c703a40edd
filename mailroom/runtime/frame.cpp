#include <mailroom/runtime/frame.hpp>

#include <algorithm>
#include <cassert>

namespace mailroom {

byte_buffer& scratch_buffer() {
  // large memory stays while large frames come, and goes after a while of small ones
  constexpr std::size_t always_kept = std::size_t{1} << 20;
  constexpr int patience = 64;
  thread_local byte_buffer result;
  thread_local int small_rounds = 0;
  if (result.capacity() <= always_kept || result.size() > result.capacity() / 4)
    small_rounds = 0;
  else if (++small_rounds >= patience)
    byte_buffer{}.swap(result);
  result.clear();
  return result;
}

bool known(frame_kind kind) noexcept {
  return kind >= frame_kind::hello && kind <= frame_kind::goodbye;
}

expected<frame_header> read_header(std::span<const std::byte> data, std::size_t max_body) {
  body_reader in{data.first(frame_header_size)};
  frame_header result;
  result.size = in.u32();
  result.kind = static_cast<frame_kind>(in.u8());
  result.flags = in.u8();
  auto reserved = in.u16();
  result.id = in.u64();
  if (reserved != 0 || (result.flags & ~known_flags) != 0)
    return tl::unexpected{error{errc::undecodable, {}, "not a frame header"}};
  if (result.size > max_body)
    return tl::unexpected{error{errc::too_large,
                                {},
                                "a frame of " + std::to_string(result.size) + " bytes where at most "
                                  + std::to_string(max_body) + " are allowed"}};
  return result;
}

std::size_t frame_size(std::span<const std::byte> frames) noexcept {
  if (frames.size() < frame_header_size)
    return frames.size();
  return std::min(frame_header_size + body_reader{frames}.u32(), frames.size());
}

frame_writer::frame_writer(byte_buffer& target, frame_kind kind, std::uint64_t id, std::uint8_t flags)
  : target_{target}, begin_{target.size()} {
  // in one piece: it stands before each message
  std::array<std::byte, frame_header_size> header{};
  header[4] = static_cast<std::byte>(kind);
  header[5] = std::byte{flags};
  std::ranges::copy(detail::little_endian(id), header.begin() + 8);
  raw(header);
}

void frame_writer::text8(std::string_view value) {
  assert(value.size() <= 0xff);
  u8(static_cast<std::uint8_t>(value.size()));
  raw(std::as_bytes(std::span{value}));
}

void frame_writer::text16(std::string_view value) {
  value = value.substr(0, 0xffff);
  u16(static_cast<std::uint16_t>(value.size()));
  raw(std::as_bytes(std::span{value}));
}

void frame_writer::finish() noexcept {
  auto size = static_cast<std::uint32_t>(body_size());
  for (std::size_t i = 0; i < sizeof(size); ++i)
    target_[begin_ + i] = static_cast<std::byte>(size >> (8 * i));
}

std::span<const std::byte> body_reader::raw(std::size_t size) {
  if (size > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  auto result = rest_.first(size);
  rest_ = rest_.subspan(size);
  return result;
}

std::string_view body_reader::text(std::size_t size) {
  auto bytes = raw(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write(frame_writer& out, const mailbox_ref& target) {
  out.text16(target.name);
  if (target.name.empty())
    out.u64(target.number);
}

mailbox_ref read_mailbox_ref(body_reader& in) {
  mailbox_ref result;
  result.name = in.text16();
  if (result.name.empty())
    result.number = in.u64();
  return result;
}

void write(frame_writer& out, const envelope& head) {
  out.u64(head.sender);
  write(out, head.target);
}

std::optional<envelope> read_envelope(body_reader& in) {
  envelope result;
  result.sender = in.u64();
  result.target = read_mailbox_ref(in);
  if (!in.ok())
    return std::nullopt;
  return result;
}

} // namespace mailroom
