#pragma once
// Programs that are to be started: handed over by any thread, taken by the keeper's.

#include <mailroom/actors/child_process.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace mailroom {

/// `Image` is a program as the system takes it, `Child` what the user holds.
template <class Image, class Child> class start_queue {
public:
  struct request {
    process_spec what;
    expected<Image> image;
    child_events events;
    std::shared_ptr<Child> child;

    /// It was not started, or ended before.
    void end(expected<process_exit> how) {
      if (events.on_exit)
        events.on_exit(std::move(how));
    }
  };

  void push(request what) {
    std::lock_guard guard{mutex_};
    requests_.push_back(std::move(what));
  }

  /// From now on nothing is started.
  void close() {
    std::lock_guard guard{mutex_};
    is_closed_ = true;
  }

  /// Calls `start(request&)` for all that there are, or ends them where the queue is closed: then also those that are asked for meanwhile.
  /// Whether it is open.
  template <class Start> bool take(Start start) {
    for (;;) {
      std::vector<request> requests;
      auto closed = false;
      {
        std::lock_guard guard{mutex_};
        requests.swap(requests_);
        closed = is_closed_;
      }
      for (auto& each : requests) {
        if (closed)
          each.end(tl::unexpected{error{errc::shutting_down, each.what.program.string()}});
        else
          start(each);
      }
      if (!closed || requests.empty())
        return !closed;
    }
  }

private:
  std::mutex mutex_;
  std::vector<request> requests_;
  bool is_closed_ = false;
};

} // namespace mailroom
