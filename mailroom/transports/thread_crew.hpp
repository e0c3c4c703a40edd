#pragma once
// Threads that end by themselves and are joined by somebody else, so that none is detached and none waits for itself.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace mailroom {

class thread_crew {
public:
  thread_crew() = default;
  thread_crew(const thread_crew&) = delete;
  ~thread_crew() { join_all(); }

  /// Throws `std::system_error` where there is no thread to be had.
  void run(std::function<void()> what) {
    reap();
    auto ended = std::make_shared<std::atomic<bool>>(false);
    std::lock_guard guard{mutex_};
    members_.reserve(members_.size() + 1); // a thread that nobody joins ends the program
    members_.push_back({std::thread{[what = std::move(what), ended]() mutable {
                          std::exchange(what, {})();
                          *ended = true;
                        }},
                        ended});
  }

  /// Joins those that have ended.
  void reap() {
    std::lock_guard guard{mutex_};
    std::erase_if(members_, [](member& each) {
      if (!*each.ended)
        return false;
      each.thread.join();
      return true;
    });
  }

  /// Waits until all have ended. Not from one of them.
  void join_all() {
    std::vector<member> all;
    {
      std::lock_guard guard{mutex_};
      all.swap(members_);
    }
    for (auto& each : all)
      each.thread.join();
  }

private:
  struct member {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> ended;
  };

  std::mutex mutex_;
  std::vector<member> members_;
};

} // namespace mailroom
