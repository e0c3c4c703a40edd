#include <mailroom/transports/shared_segment_windows.hpp>

#include <support/raw_lane.hpp>

namespace test {

using mailroom::shared_segment;

struct raw_segment::state {
  std::unique_ptr<shared_segment> segment;
  mailroom::handle section;
};

raw_segment::raw_segment() : state_{std::make_unique<state>()} {
  auto made = shared_segment::make(capacity);
  if (!made)
    throw mailroom::failure{made.error()};
  state_->segment = std::move(*made);
  state_->section = state_->segment->take_section();
}

raw_segment::~raw_segment() = default;

void raw_segment::offer_to(const raw_peer& other) const {
  other.write(mailroom::lane_frames::offer(capacity, reinterpret_cast<std::uintptr_t>(state_->section.get())));
}

mailroom::ring_memory raw_segment::from_maker() const {
  return state_->segment->from_maker();
}

mailroom::ring_memory raw_segment::from_adopter() const {
  return state_->segment->from_adopter();
}

} // namespace test
