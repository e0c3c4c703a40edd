#pragma once
// What waits for a session with a peer. Internal.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/bytes.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace mailroom {

/// A frame without a session to send it over.
struct waiting_frame {
  byte_buffer bytes;
  std::uint64_t request = 0;                     ///< the request that it is; 0 for everything else
  incarnation life;                              ///< known: only for this life of the process
  std::chrono::steady_clock::time_point until{}; ///< how long it waits for the process
};

/// In the order in which they were sent. One thread at a time.
class waiting_frames {
public:
  using time_point = std::chrono::steady_clock::time_point;

  bool empty() const noexcept { return all_.empty(); }
  auto begin() const noexcept { return all_.begin(); }
  auto end() const noexcept { return all_.end(); }

  /// Whether one more frame of `size` bytes stays within the bounds. Where nothing waits any one does.
  bool fits(std::size_t size, std::size_t max_bytes, std::size_t max_frames) const noexcept {
    return empty() || (bytes_ + size <= max_bytes && all_.size() < max_frames);
  }

  void push(waiting_frame what) {
    bytes_ += what.bytes.size();
    all_.push_back(std::move(what));
  }

  const waiting_frame& front() const { return all_.front(); }
  void pop() {
    bytes_ -= all_.front().bytes.size();
    all_.pop_front();
  }

  /// Takes out those that are `meant`, in their order.
  template <class Meant> std::vector<waiting_frame> take_if(Meant meant) {
    auto first =
      std::stable_partition(all_.begin(), all_.end(), [&](const waiting_frame& each) { return !meant(each); });
    std::vector<waiting_frame> result{std::move_iterator{first}, std::move_iterator{all_.end()}};
    all_.erase(first, all_.end());
    for (auto& each : result)
      bytes_ -= each.bytes.size();
    return result;
  }

  std::vector<waiting_frame> take_all() {
    return take_if([](const waiting_frame&) { return true; });
  }

  /// Until when the most patient waits; the epoch for none.
  time_point patience() const {
    time_point result{};
    for (auto& each : all_)
      result = std::max(result, each.until);
    return result;
  }

  /// From here on each waits until `then` at least.
  void be_patient(time_point then) {
    for (auto& each : all_)
      each.until = std::max(each.until, then);
  }

private:
  std::deque<waiting_frame> all_;
  std::size_t bytes_ = 0;
};

} // namespace mailroom
