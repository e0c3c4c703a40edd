#include <mailroom/transports/shared_lane_posix.hpp>

#include <sys/socket.h>

namespace mailroom {

void shared_lane::wake_other_side() noexcept {
  // where the socket is full the other side has bells enough; where it is over its reader finds out
  char bell = 0;
  [[maybe_unused]] auto sent = ::send(socket_, &bell, sizeof(bell), MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace mailroom
