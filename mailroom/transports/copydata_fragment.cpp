#include <mailroom/transports/copydata_fragment.hpp>

#include <algorithm>
#include <cstring>

namespace mailroom {

namespace {

// kind, three zeros, size of the payload, token, sequence; numbers are little endian
constexpr std::size_t size_at = 4;
constexpr std::size_t token_at = 8;
constexpr std::size_t sequence_at = 24;
static_assert(sequence_at + sizeof(std::uint64_t) == copydata_header_size);

// so that an answer fits into 32 bits, whatever the system
constexpr int verdict_bits = 4;
constexpr std::size_t most_unread = std::size_t{1} << 26;

template <class Number> void write_number(std::byte* out, Number value) {
  for (std::size_t i = 0; i < sizeof(value); ++i)
    out[i] = static_cast<std::byte>(value >> (8 * i));
}

template <class Number> Number read_number(const std::byte* in) {
  Number result = 0;
  for (std::size_t i = 0; i < sizeof(result); ++i)
    result |= static_cast<Number>(std::to_integer<Number>(in[i]) << (8 * i));
  return result;
}

} // namespace

void write_fragment(byte_buffer& out, const copydata_fragment& what) {
  out.assign(copydata_header_size, std::byte{0});
  out[0] = static_cast<std::byte>(what.kind);
  write_number(&out[size_at], static_cast<std::uint32_t>(what.payload.size()));
  std::ranges::copy(what.token, &out[token_at]);
  write_number(&out[sequence_at], what.sequence);
  out.insert(out.end(), what.payload.begin(), what.payload.end());
}

std::optional<copydata_fragment> read_fragment(std::span<const std::byte> message) {
  if (message.size() < copydata_header_size)
    return std::nullopt;
  copydata_fragment result;
  result.kind = static_cast<copydata_kind>(message[0]);
  result.payload = message.subspan(copydata_header_size);
  auto known = result.kind >= copydata_kind::connect && result.kind <= copydata_kind::close;
  auto zeros = std::ranges::all_of(message.subspan(1, size_at - 1), [](auto each) { return each == std::byte{0}; });
  auto size = read_number<std::uint32_t>(&message[size_at]);
  if (!known || !zeros || size != result.payload.size() || size > copydata_max_payload)
    return std::nullopt;
  std::memcpy(result.token.data(), &message[token_at], result.token.size());
  result.sequence = read_number<std::uint64_t>(&message[sequence_at]);
  auto introduces = result.kind == copydata_kind::connect || result.kind == copydata_kind::accept;
  auto fits = result.kind == copydata_kind::data ? size > 0 : size == (introduces ? copydata_introduction_size : 0);
  return fits ? std::optional{result} : std::nullopt;
}

std::array<std::byte, copydata_introduction_size> write_introduction(const copydata_introduction& what) {
  std::array<std::byte, copydata_introduction_size> result{};
  write_number(result.data(), what.window);
  std::ranges::copy(what.token, result.begin() + sizeof(what.window));
  return result;
}

std::optional<copydata_introduction> read_introduction(std::span<const std::byte> payload) {
  if (payload.size() != copydata_introduction_size)
    return std::nullopt;
  copydata_introduction result;
  result.window = read_number<std::uint64_t>(payload.data());
  std::memcpy(result.token.data(), &payload[sizeof(result.window)], result.token.size());
  return result;
}

std::intptr_t pack(const copydata_answer& what) noexcept {
  auto unread = std::min(what.unread, most_unread);
  return static_cast<std::intptr_t>(unread << verdict_bits | static_cast<std::size_t>(what.verdict));
}

copydata_answer unpack(std::intptr_t result) noexcept {
  auto bits = static_cast<std::size_t>(result);
  auto verdict = bits & ((std::size_t{1} << verdict_bits) - 1);
  auto unread = bits >> verdict_bits;
  if (verdict > static_cast<std::size_t>(copydata_verdict::unseen) || unread > most_unread)
    return {};
  return {static_cast<copydata_verdict>(verdict), unread};
}

} // namespace mailroom
