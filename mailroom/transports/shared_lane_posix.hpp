#pragma once
// The lane of a shared segment, whose bell is a byte on the socket. The socket stays what tells of the other side's death.

#include <mailroom/transports/lane_frames.hpp>
#include <mailroom/transports/ring_lane.hpp>
#include <mailroom/transports/shared_segment_posix.hpp>

#include <memory>

namespace mailroom {

class shared_lane final : public ring_lane {
public:
  shared_lane(std::unique_ptr<shared_segment> segment, bool maker, int socket, std::chrono::microseconds longest_spin)
    : ring_lane{maker ? segment->from_maker() : segment->from_adopter(),
                maker ? segment->from_adopter() : segment->from_maker(), longest_spin},
      segment_{std::move(segment)},
      socket_{socket} {}

  int native() const noexcept { return segment_->native(); }

  /// The mapping needs the descriptor no longer.
  void close_file() noexcept { segment_->close_file(); }

private:
  void wake_other_side() noexcept override;

  std::unique_ptr<shared_segment> segment_;
  int socket_;
};

} // namespace mailroom
