#pragma once
// The opening side of a connection through shared memory, by hand: it can write what it likes into the rings.

#include <mailroom/transports/byte_ring.hpp>
#include <mailroom/transports/lane_frames.hpp>

#include <support/raw_peer.hpp>
#include <support/transport_world.hpp>

namespace test {

/// A segment of the system's own kind.
class raw_segment {
public:
  /// Bytes of each ring.
  static constexpr std::size_t capacity = std::size_t{64} << 10;

  /// Throws where there is no memory.
  raw_segment();
  ~raw_segment();
  raw_segment(const raw_segment&) = delete;

  /// Offers it to who is at the other end.
  void offer_to(const raw_peer& other) const;

  mailroom::ring_memory from_maker() const;
  mailroom::ring_memory from_adopter() const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Who listens takes segments, and admits everybody.
struct shared_world : transport_world {
  shared_world() : shared_world{usual_limits()} {}
  explicit shared_world(const mailroom::transport_limits& limits)
    : transport_world{mailroom::transport_kind::shared_memory, limits} {
    on_accept([](const end& fresh) {
      fresh.link->admit(admitted);
      return true;
    });
  }
};

/// An opener whose segment was taken.
class raw_lane {
public:
  /// Throws where it is not.
  raw_lane(const std::filesystem::path& directory, const std::string& process)
    : peer_{std::in_place, directory, process} {
    memory_.offer_to(*peer_);
    if (peer_->read_frame().header.kind != mailroom::frame_kind::ring_begin)
      throw std::runtime_error{"the segment was not taken"};
    peer_->write(mailroom::lane_frames::begin());
  }

  const raw_peer& peer() const { return *peer_; }
  void hang_up() { peer_.reset(); }
  void bell() const { peer_->write({std::byte{0}}); }

  /// The ring that this side writes, and the one that it reads.
  mailroom::ring_memory there() const { return memory_.from_maker(); }
  mailroom::ring_memory back() const { return memory_.from_adopter(); }

private:
  std::optional<raw_peer> peer_;
  raw_segment memory_;

public:
  mailroom::ring_writer writer{memory_.from_maker()};
};

} // namespace test
