#pragma once
// The hidden windows of one system and the thread that pumps for them, so that a program needs no message loop and one that has its own is not
// disturbed. What arrives is checked here and given to whoever issued its token; nothing that is posted to these windows means anything.

#include <mailroom/runtime/system_call_windows.hpp>
#include <mailroom/transports/copydata_fragment.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mailroom {

/// Takes what arrives for a token or at a named window. On the pump's thread: must not block, nor send.
class copydata_receiver {
public:
  virtual ~copydata_receiver() = default;
  virtual copydata_answer receive(const copydata_fragment& what) = 0;
};

class copydata_window {
public:
  /// Called with how many messages were dropped so far, at 1, 2, 4 and so on; on the pump's thread.
  using drop_handler = std::function<void(std::uint64_t)>;

  /// Starts the thread. Fails with `system_error`.
  static expected<std::shared_ptr<copydata_window>> open(drop_handler on_drop);

  explicit copydata_window(drop_handler on_drop);
  ~copydata_window();

  /// Tells senders that linger to end; theirs is the event, a HANDLE.
  void begin_to_stop() noexcept;
  void* stopping() const noexcept { return stopping_.get(); }

  /// Destroys the windows and joins the thread; what was to `settle` has run then. Not on the pump's thread.
  void stop();

  /// The window without a name, to which peers send.
  std::uint64_t number() const noexcept { return number_; }

  /// Another window, which can be found by its title; `who` gets what nobody has a token for yet. Returns its number.
  expected<std::uint64_t> listen(std::wstring title, std::shared_ptr<copydata_receiver> who);
  void end_listening(std::uint64_t window);

  /// Gives `who` what comes with the token.
  void expect(const copydata_token& token, std::weak_ptr<copydata_receiver> who);

  /// What comes late is no offence.
  void forget(const copydata_token& token);

  /// Runs `what` on the pump's thread, after everything that had been sent to us when this was called. Returns false once stopped.
  bool settle(std::function<void()> what);

  /// Messages that no connection of ours expected: malformed, forged or replayed.
  std::uint64_t dropped() const noexcept { return dropped_; }

private:
  struct procedure; // what the system calls
  struct entry {
    std::weak_ptr<copydata_receiver> who;
    std::optional<std::chrono::steady_clock::time_point> forgotten;
  };

  expected<std::uint64_t> make_window(const std::wstring& title);
  void pump();
  void run_jobs();
  std::intptr_t answer(std::uint64_t window, std::span<const std::byte> message);
  copydata_answer pass_on(std::uint64_t window, const copydata_fragment& what);
  void drop();

  drop_handler on_drop_;
  handle stopping_;
  std::uint64_t number_ = 0;
  std::thread thread_;
  unsigned long thread_id_ = 0;
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;
  bool stopped_ = false;
  bool ended_ = false; // nobody runs jobs any more
  std::vector<std::function<void()>> jobs_;
  std::map<copydata_token, entry> receivers_;
  std::map<std::uint64_t, std::shared_ptr<copydata_receiver>> listening_;
};

} // namespace mailroom
