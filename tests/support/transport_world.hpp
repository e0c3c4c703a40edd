#pragma once
// Two ends of a transport and everything around them: what the tests of all transports stand on. Each end has a loop of its own, as if
// it were a process of its own.

#include <mailroom/runtime/transport.hpp>

#include <support/catch.hpp>
#include <support/leak_check.hpp>
#include <support/temporary_directory.hpp>
#include <support/timing.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace test {

using namespace std::chrono_literals;

using clock = std::chrono::steady_clock;
using mailroom::byte_buffer;
using mailroom::send_mode;
using mailroom::send_result;

/// The transport itself, whatever the system.
std::unique_ptr<mailroom::transport> make_transport(mailroom::transport_kind kind, mailroom::io_loop& loop,
                                                    const mailroom::transport_limits& limits, mailroom::notice say);

/// A frame whose body depends on its id, so that a torn one shows.
inline byte_buffer frame(std::uint64_t id, std::size_t size = 8) {
  byte_buffer result;
  result.reserve(mailroom::frame_header_size + size);
  mailroom::frame_writer out{result, mailroom::frame_kind::message, id};
  result.resize(mailroom::frame_header_size + size);
  auto* body = result.data() + mailroom::frame_header_size;
  for (std::size_t i = 0; i < size; ++i)
    body[i] = static_cast<std::byte>(id * 37 + i + (i >> 8));
  out.finish();
  return result;
}

inline byte_buffer whole(const mailroom::frame_view& view) {
  byte_buffer result;
  mailroom::frame_writer out{result, view.header.kind, view.header.id, view.header.flags};
  out.raw(view.body);
  out.finish();
  return result;
}

/// Opens once; many can wait for it.
class gate {
public:
  void open() {
    std::lock_guard guard{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  bool wait(clock::duration most = 20s) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, most, [this] { return open_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// Hears what a connection tells, and remembers it.
class recorder final : public mailroom::connection_events {
public:
  explicit recorder(mailroom::io_loop& loop) : loop_{loop} {}

  void on_frame(const mailroom::frame_view& view) override {
    std::function<void(const mailroom::frame_view&)> hook;
    {
      std::lock_guard guard{mutex_};
      late_ += closings_;
      frames_.push_back(whole(view));
      threads_.push_back(std::this_thread::get_id());
      hook = hook_;
      changed_.notify_all();
    }
    if (hook)
      hook(view);
  }

  void on_room() override {
    std::lock_guard guard{mutex_};
    late_ += closings_;
    ++rooms_;
    changed_.notify_all();
  }

  void on_closed(const mailroom::error& reason, std::vector<byte_buffer> unsent) override {
    std::lock_guard guard{mutex_};
    late_ += closings_;
    ++closings_;
    on_role_ = loop_.here();
    reason_ = reason;
    unsent_ = std::move(unsent);
    closed_at_ = clock::now();
    changed_.notify_all();
  }

  /// Called with each frame from now on, on the thread that reads.
  void hook(std::function<void(const mailroom::frame_view&)> what) {
    std::lock_guard guard{mutex_};
    hook_ = std::move(what);
  }

  bool wait_frames(std::size_t count, clock::duration most = 20s) {
    return wait([&] { return frames_.size() >= count; }, most);
  }
  bool wait_rooms(int count, clock::duration most = 20s) {
    return wait([&] { return rooms_ >= count; }, most);
  }
  bool wait_closed(clock::duration most = 20s) {
    return wait([&] { return closings_ > 0; }, most);
  }

  std::vector<byte_buffer> frames() const { return get(frames_); }
  std::size_t count() const {
    std::lock_guard guard{mutex_};
    return frames_.size();
  }
  std::vector<std::thread::id> threads() const { return get(threads_); }
  int rooms() const { return get(rooms_); }
  bool closed() const { return get(closings_) > 0; }
  std::vector<byte_buffer> unsent() const { return get(unsent_); }
  clock::time_point closed_at() const { return get(closed_at_); }

  /// Why it ended. Checks that the end was told once, on the I/O role, and last of all.
  mailroom::error reason() const {
    std::lock_guard guard{mutex_};
    REQUIRE(reason_);
    CHECK(closings_ == 1);
    CHECK(late_ == 0);
    CHECK(on_role_);
    return *reason_;
  }

private:
  template <class T> T get(const T& field) const {
    std::lock_guard guard{mutex_};
    return field;
  }
  template <class Condition> bool wait(Condition condition, clock::duration most) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, most, condition);
  }

  mailroom::io_loop& loop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(const mailroom::frame_view&)> hook_;
  std::vector<byte_buffer> frames_;
  std::vector<std::thread::id> threads_;
  int rooms_ = 0;
  int closings_ = 0;
  int late_ = 0;
  bool on_role_ = false;
  std::optional<mailroom::error> reason_;
  std::vector<byte_buffer> unsent_;
  clock::time_point closed_at_;
};

/// One end of a connection, with what it heard.
struct end {
  std::shared_ptr<mailroom::connection> link;
  std::shared_ptr<recorder> heard;

  send_result send(const byte_buffer& frame, send_mode mode = send_mode::bounded) const {
    return link->send(frame, mode);
  }

  /// Waits for room as often as needed. Any thread.
  bool send_patiently(const byte_buffer& frame) const {
    for (;;) {
      auto rooms = heard->rooms();
      auto result = send(frame);
      if (result != send_result::full)
        return result == send_result::sent;
      if (!heard->wait_rooms(rooms + 1))
        return false;
    }
  }

  bool drive(clock::duration most, const std::function<bool()>& done) const {
    return link->drive(clock::now() + most, done);
  }

  /// Tries again where another thread reads, for as long as that does.
  bool drive_patiently(clock::duration most, const std::function<bool()>& done) const {
    auto deadline = clock::now() + most;
    while (!link->drive(deadline, done)) {
      if (clock::now() >= deadline || heard->closed())
        return false;
      std::this_thread::sleep_for(1ms); // the other thread's turn
    }
    return true;
  }

  /// Each frame that arrives goes back.
  void echo() const {
    heard->hook([link = link.get()](const mailroom::frame_view& view) { link->send(whole(view), send_mode::system); });
  }
};

/// Two loops, a transport on each, and the connections between them.
class transport_world {
public:
  static constexpr std::size_t admitted = std::size_t{64} << 20;

  /// Roomy and patient; a test that looks at a limit sets it.
  static mailroom::transport_limits usual_limits() { return {std::size_t{64} << 20, 100'000, 20s}; }

  /// In a directory of its own, where none is given.
  explicit transport_world(mailroom::transport_kind kind, mailroom::transport_limits limits = usual_limits(),
                           const std::filesystem::path& directory = {})
    : directory_{*mailroom::runtime_directory::open(directory.empty() ? parent_.path() / "run" : directory)},
      here_{make_transport(kind, *here_loop_, limits, [](auto, auto) {})},
      there_{make_transport(kind, *there_loop_, limits, [this](mailroom::level, std::string text) {
        std::lock_guard guard{mutex_};
        notices_.push_back(std::move(text));
      })} {
    // nop
  }

  ~transport_world() {
    listener_.reset();
    for (auto& each : connected_)
      finish(each);
    std::vector<end> accepted;
    {
      std::lock_guard guard{mutex_};
      accepted.assign(all_accepted_.begin(), all_accepted_.end());
    }
    for (auto& each : accepted)
      finish(each);
    here_loop_->stop();
    there_loop_->stop();
  }

  mailroom::endpoint at(std::string_view name) const { return {directory_, *mailroom::process_name::parse(name)}; }
  const std::filesystem::path& path() const { return directory_->path(); }
  mailroom::transport& here() { return *here_; }
  mailroom::transport& there() { return *there_; }
  mailroom::io_loop& here_loop() { return *here_loop_; }
  mailroom::io_loop& there_loop() { return *there_loop_; }

  /// What the accepting side does with each connection before it starts it; returns whether to start.
  void on_accept(std::function<bool(const end&)> what) {
    std::lock_guard guard{mutex_};
    on_accept_ = std::move(what);
  }

  void listen() {
    auto result = there_->listen(at("bank"), accept_handler());
    INFO((result ? "" : to_string(result.error())));
    REQUIRE(result);
    listener_ = std::move(*result);
  }

  mailroom::accept_handler accept_handler() {
    return [this](std::shared_ptr<mailroom::connection> link) {
      end fresh{std::move(link), std::make_shared<recorder>(*there_loop_)};
      std::function<bool(const end&)> decide;
      {
        std::lock_guard guard{mutex_};
        decide = on_accept_;
      }
      accepted_on_role_ = there_loop_->here();
      if ((!decide || decide(fresh)) && !fresh.link->start(fresh.heard))
        return;
      std::lock_guard guard{mutex_};
      accepted_.push_back(fresh);
      all_accepted_.push_back(fresh);
      changed_.notify_all();
    };
  }

  void stop_listening() { listener_.reset(); }

  /// A started connection to who listens, not admitted.
  end connect() {
    auto link = here_->connect(at("bank"));
    INFO((link ? "" : to_string(link.error())));
    REQUIRE(link);
    end result{*link, std::make_shared<recorder>(*here_loop_)};
    connected_.push_back(result);
    REQUIRE(result.link->start(result.heard));
    return result;
  }

  /// The next connection that the other side accepted.
  end accepted() {
    std::unique_lock guard{mutex_};
    REQUIRE(changed_.wait_for(guard, 20s, [this] { return !accepted_.empty(); }));
    auto result = accepted_.front();
    accepted_.pop_front();
    return result;
  }

  struct two {
    end caller;
    end called;
  };

  /// Both ends, admitted.
  two pair() {
    if (!listener_)
      listen();
    auto caller = connect();
    auto called = accepted();
    caller.link->admit(admitted);
    called.link->admit(admitted);
    return {caller, called};
  }

  bool accepted_on_role() const { return accepted_on_role_; }
  std::vector<std::string> notices() const {
    std::lock_guard guard{mutex_};
    return notices_;
  }

  /// Lets go of an end: its descriptors should be gone now.
  void forget_all() {
    connected_.clear();
    std::lock_guard guard{mutex_};
    accepted_.clear();
    all_accepted_.clear();
  }

private:
  static void finish(const end& which) {
    which.link->close({mailroom::errc::cancelled, "test"});
    which.heard->wait_closed(1s); // some were never started
  }

  static std::unique_ptr<mailroom::io_loop> make_loop() {
    auto result = mailroom::io_loop::make();
    REQUIRE(result);
    return std::move(*result);
  }

  leak_check leaks_;
  temporary_directory parent_;
  std::shared_ptr<const mailroom::runtime_directory> directory_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notices_;
  std::function<bool(const end&)> on_accept_;
  std::atomic<bool> accepted_on_role_{false};
  std::unique_ptr<mailroom::io_loop> here_loop_ = make_loop();
  std::unique_ptr<mailroom::io_loop> there_loop_ = make_loop();
  std::unique_ptr<mailroom::transport> here_;
  std::unique_ptr<mailroom::transport> there_;
  std::unique_ptr<mailroom::listener> listener_;
  std::vector<end> connected_;
  std::deque<end> accepted_;
  std::deque<end> all_accepted_;
};

} // namespace test
