#include <mailroom/runtime/handshake.hpp>

namespace mailroom {

namespace {

constexpr std::uint64_t magic = 0x4d4f4f524c49414d; // "MAILROOM" in the order of its bytes

error protocol_error(std::string what) {
  return {errc::undecodable, {}, "protocol error: " + std::move(what)};
}

/// Both versions in one line, from the side that reads it.
error version_mismatch(const std::string& who, std::uint16_t speaks, const std::string& other,
                       std::uint16_t other_speaks) {
  return {errc::version_mismatch,
          {},
          "version mismatch: " + who + " speaks protocol " + std::to_string(speaks) + ", " + other + " "
            + std::to_string(other_speaks)};
}

std::variant<introduction, error> read_introduction(const frame_view& frame) {
  body_reader in{frame.body};
  introduction result;
  if (in.u64() != magic)
    return protocol_error("not a hello");
  result.version = in.u16();
  // what follows the version belongs to it
  if (in.ok() && result.version != protocol_version)
    return result;
  result.features = in.u32();
  result.life.high = in.u64();
  result.life.low = in.u64();
  result.pid = in.u32();
  result.max_message = in.u64();
  result.process = in.text8();
  result.wanted = in.text8();
  if (!in.ok() || !in.rest().empty() || !result.life.known() || !process_name::parse(result.process))
    return protocol_error("a malformed hello");
  return result;
}

/// A refusal names its reason; one that cannot be read is a protocol error.
error read_refusal(const frame_view& frame) {
  body_reader in{frame.body};
  auto code = in.u8();
  std::string cause{in.text16()};
  if (!in.ok() || code < static_cast<std::uint8_t>(errc::invalid_address)
      || code > static_cast<std::uint8_t>(errc::shutting_down))
    return protocol_error("a malformed refusal");
  return {static_cast<errc>(code), {}, std::move(cause)};
}

} // namespace

byte_buffer write_introduction(frame_kind kind, const introduction& who) {
  byte_buffer result;
  frame_writer out{result, kind};
  out.u64(magic);
  out.u16(who.version);
  out.u32(who.features);
  out.u64(who.life.high);
  out.u64(who.life.low);
  out.u32(who.pid);
  out.u64(who.max_message);
  out.text8(who.process);
  out.text8(who.wanted);
  out.finish();
  return result;
}

byte_buffer write_refusal(const error& why) {
  byte_buffer result;
  frame_writer out{result, frame_kind::refuse};
  out.u8(static_cast<std::uint8_t>(why.code()));
  out.text16(std::string_view{why.cause()}.substr(0, 1000));
  out.finish();
  return result;
}

byte_buffer handshake::opening() const {
  return role_ == role::connecting ? write_introduction(frame_kind::hello, mine_) : byte_buffer{};
}

handshake::verdict handshake::next(const frame_view& frame) const {
  auto awaited = role_ == role::connecting ? frame_kind::welcome : frame_kind::hello;
  if (frame.header.kind == awaited)
    return on_introduction(frame);
  if (role_ == role::connecting && frame.header.kind == frame_kind::refuse)
    return failed{read_refusal(frame), {}};
  return failed{protocol_error("no hello"), {}};
}

handshake::verdict handshake::on_introduction(const frame_view& frame) const {
  auto read = read_introduction(frame);
  if (auto* why = std::get_if<error>(&read))
    return failed{*why, {}}; // a stranger who speaks something else gets no answer
  auto& peer = std::get<introduction>(read);
  if (peer.version != protocol_version) {
    auto why = version_mismatch("the other process", peer.version, "this one", protocol_version);
    auto answer = version_mismatch(mine_.process, protocol_version, "this process", peer.version);
    return failed{std::move(why), role_ == role::accepting ? write_refusal(answer) : byte_buffer{}};
  }
  if (role_ == role::connecting) {
    if (peer.process != mine_.wanted)
      return failed{protocol_error("the process calls itself " + peer.process), {}};
    return ready{std::move(peer)};
  }
  if (peer.wanted != mine_.process) {
    error why{errc::no_such_process, peer.wanted, "no such process: this is " + mine_.process};
    auto answer = write_refusal(why);
    return failed{std::move(why), std::move(answer)};
  }
  if (peer.process == mine_.process) {
    error why{errc::name_taken, peer.process};
    auto answer = write_refusal(why);
    return failed{std::move(why), std::move(answer)};
  }
  return ready{std::move(peer)};
}

} // namespace mailroom
