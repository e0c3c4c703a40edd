#include <mailroom/transports/shared_segment_posix.hpp>

#include <support/raw_lane.hpp>

#include <array>
#include <cstring>
#include <sys/socket.h>

namespace test {

using mailroom::shared_segment;

struct raw_segment::state {
  std::unique_ptr<shared_segment> segment;
};

raw_segment::raw_segment() : state_{std::make_unique<state>()} {
  auto made = shared_segment::make(capacity);
  if (!made)
    throw mailroom::failure{made.error()};
  state_->segment = std::move(*made);
}

raw_segment::~raw_segment() = default;

void raw_segment::offer_to(const raw_peer& other) const {
  auto bytes = mailroom::lane_frames::offer(capacity);
  iovec piece{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  auto* control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  auto native = state_->segment->native();
  std::memcpy(CMSG_DATA(control), &native, sizeof(native));
  if (::sendmsg(static_cast<int>(other.native_handle()), &message, MSG_NOSIGNAL) < 0)
    throw std::runtime_error{"sendmsg"};
}

mailroom::ring_memory raw_segment::from_maker() const {
  return state_->segment->from_maker();
}

mailroom::ring_memory raw_segment::from_adopter() const {
  return state_->segment->from_adopter();
}

} // namespace test
