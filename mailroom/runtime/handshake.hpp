#pragma once
// Who are you, which version do you speak, and may you? A pure state machine without I/O: frames go in, a verdict comes out.
//
// The connecting side says hello; the accepting side answers welcome or refuse. After a welcome both are ready.

#include <mailroom/runtime/frame.hpp>

#include <variant>

namespace mailroom {

/// What each side says of itself.
struct introduction {
  std::uint16_t version = protocol_version;
  std::uint32_t features = 0; ///< bit 0: chunks, bit 1: credit; none of them so far
  incarnation life;
  std::uint32_t pid = 0;
  std::uint64_t max_message = 0; ///< the largest message it takes
  std::string process;           ///< its own name
  std::string wanted;            ///< hello: the name that it wants to reach; empty in a welcome

  friend bool operator==(const introduction&, const introduction&) = default;
};

/// Builds a hello or a welcome, or a refusal with its reason, as one whole frame.
byte_buffer write_introduction(frame_kind kind, const introduction& who);
byte_buffer write_refusal(const error& why);

class handshake {
public:
  enum class role : std::uint8_t { connecting, accepting };

  /// The peer is who it should be. An accepting side still decides whether it wants the connection, and answers.
  struct ready {
    introduction peer;
  };

  /// It ends here. `answer` is what to tell the peer before closing; empty for nothing.
  struct failed {
    error why;
    byte_buffer answer;
  };

  using verdict = std::variant<ready, failed>;

  /// `mine` is what this side says of itself; a connecting side puts the name that it wants into `mine.wanted`.
  handshake(role which, introduction mine) : role_{which}, mine_{std::move(mine)} {}

  /// The frame to begin with; empty for the accepting side.
  byte_buffer opening() const;

  /// Takes the peer's first frame. Anything after it belongs to the session.
  verdict next(const frame_view& frame) const;

private:
  verdict on_introduction(const frame_view& frame) const;

  role role_;
  introduction mine_;
};

} // namespace mailroom
