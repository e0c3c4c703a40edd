#pragma once
// The process at the other end of a socket.

#include <mailroom/runtime/error.hpp>
#include <mailroom/runtime/system_call_posix.hpp>

#include <cstdint>

namespace mailroom {

class peer_process {
public:
  /// That connected `socket`; `pid` is who it says it is.
  peer_process(int socket, std::uint32_t pid);

  /// Its pidfd, readable when it has ended; negative where there is none, since it may have been gone before anybody could watch it.
  int native() const noexcept { return pidfd_.get(); }

  bool has_ended() const;

  /// Why the connection with it is over: it has ended, or has let go.
  error why_gone() const;

private:
  file_descriptor pidfd_;
  std::uint32_t pid_;
};

} // namespace mailroom
