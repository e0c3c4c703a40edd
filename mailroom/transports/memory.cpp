#include <mailroom/transports/memory.hpp>

#include <mailroom/transports/frame_queue.hpp>
#include <mailroom/transports/peer_end.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// One end. What it sends goes into the inbox of the other end, whose loop, or a caller that drives it, hands it over.
class memory_connection final : public connection, public std::enable_shared_from_this<memory_connection> {
public:
  memory_connection(io_loop& loop, const transport_limits& limits) : loop_{loop}, inbox_{limits} {}

  ~memory_connection() override {
    if (auto other = other_.lock())
      other->finish_with(connection_lost());
  }

  void join(const std::shared_ptr<memory_connection>& other) { other_ = other; }

  expected<void> start(std::shared_ptr<connection_events> events) override {
    std::lock_guard guard{mutex_};
    events_ = std::move(events);
    if (!inbox_.empty() || end_)
      schedule();
    return {};
  }

  send_result send(std::span<const std::byte> frame, send_mode mode) override {
    auto other = other_.lock();
    {
      std::lock_guard guard{mutex_};
      if (end_ || !other)
        return send_result::closed;
    }
    auto result = other->receive(frame, mode);
    if (result == send_result::full && mode == send_mode::system) {
      close({errc::overloaded, "connection", "overloaded: the peer does not read"});
      return send_result::closed;
    }
    return result;
  }

  bool drive(clock::time_point deadline, const std::function<bool()>& done) override {
    std::unique_lock reading{read_mutex_, std::try_to_lock};
    if (!reading || loop_.here())
      return done();
    while (!done() && clock::now() < deadline) {
      if (hand_over_one())
        continue;
      std::unique_lock guard{mutex_};
      driven_ = true;
      auto more = arrived_.wait_until(guard, deadline, [this] { return !inbox_.empty() || end_.has_value(); });
      driven_ = false;
      if (!more || inbox_.empty())
        break;
    }
    reading.unlock();
    std::lock_guard guard{mutex_};
    if (!inbox_.empty() || end_)
      schedule();
    return done();
  }

  void admit(std::size_t max_body) override {
    max_body_ = max_body;
    admitted_ = true;
  }

  bool admitted() const noexcept { return admitted_; }

  void close(error reason) override {
    finish_with(std::move(reason));
    if (auto other = other_.lock())
      other->finish_with(connection_lost());
  }

  bool flushed() const override {
    auto other = other_.lock();
    if (!other)
      return true;
    std::lock_guard guard{other->mutex_};
    return other->inbox_.empty();
  }

  peer_identity peer() const override { return {}; }
  transport_kind kind() const override { return transport_kind::memory; }

private:
  send_result receive(std::span<const std::byte> frame, send_mode mode) {
    std::lock_guard guard{mutex_};
    if (end_)
      return send_result::closed;
    if (!inbox_.fits(frame.size(), mode)) {
      full_ = true;
      return send_result::full;
    }
    auto first = inbox_.empty();
    inbox_.push(byte_buffer{frame.begin(), frame.end()});
    if (driven_)
      arrived_.notify_one();
    else if (first && events_)
      schedule();
    return send_result::sent;
  }

  /// One round at a time: of several each would go on, and none leave the others their turn. `mutex_` is held.
  void schedule() {
    if (!std::exchange(scheduled_, true))
      loop_.post([self = shared_from_this()] { self->on_ready(); });
  }

  void on_ready() {
    {
      std::lock_guard guard{mutex_};
      scheduled_ = false;
    }
    std::unique_lock reading{read_mutex_, std::try_to_lock};
    if (!reading)
      return; // whoever reads looks again before it leaves
    // a peer that never pauses must not keep the role from the others
    constexpr int most_at_once = 256;
    for (int i = 0; i < most_at_once; ++i) {
      if (!hand_over_one()) {
        finish(std::move(reading));
        return;
      }
    }
    std::lock_guard guard{mutex_};
    schedule();
  }

  /// Hands over the next frame, if there is one. `read_mutex_` is held.
  bool hand_over_one() {
    byte_buffer frame;
    std::shared_ptr<connection_events> events;
    bool room = false;
    {
      std::lock_guard guard{mutex_};
      if (inbox_.empty() || !events_)
        return false;
      frame = inbox_.pop_front();
      events = events_;
      room = full_ && inbox_.roomy();
      full_ = full_ && !room;
    }
    if (room)
      if (auto other = other_.lock())
        other->room();
    auto view = view_of(frame);
    if (!view) {
      close({view.error().code(), "connection", "protocol error: " + view.error().cause()});
      std::lock_guard guard{mutex_};
      inbox_.take_all(); // nothing that follows can be trusted
      return false;
    }
    events->on_frame(*view);
    return true;
  }

  expected<frame_view> view_of(std::span<const std::byte> frame) const {
    constexpr std::string_view flaw = "not a frame";
    if (frame.size() < frame_header_size)
      return tl::unexpected{error{errc::undecodable, {}, std::string{flaw}}};
    auto header = read_header(frame, max_body_);
    if (!header)
      return tl::unexpected{header.error()};
    if (frame.size() != frame_header_size + header->size)
      return tl::unexpected{error{errc::undecodable, {}, std::string{flaw}}};
    return frame_view{*header, frame.subspan(frame_header_size)};
  }

  /// By the I/O role, so that `on_closed` stays the last call.
  void room() {
    std::lock_guard guard{mutex_};
    if (!end_)
      loop_.post([self = shared_from_this()] { self->tell_room(); });
  }

  void tell_room() {
    std::shared_ptr<connection_events> events;
    {
      std::lock_guard guard{mutex_};
      events = events_;
    }
    if (events)
      events->on_room();
  }

  void finish_with(error reason) {
    std::lock_guard guard{mutex_};
    if (end_)
      return;
    end_ = std::move(reason);
    arrived_.notify_all();
    schedule();
  }

  void finish(std::unique_lock<std::mutex> reading) {
    std::shared_ptr<connection_events> events;
    {
      std::lock_guard guard{mutex_};
      if (!end_ || !events_ || !inbox_.empty())
        return; // what came meanwhile has been scheduled
      events = std::exchange(events_, nullptr);
    }
    reading.unlock();
    // what this end sent is in the other end's inbox, which hands it over before it ends
    events->on_closed(*end_, {});
  }

  io_loop& loop_;
  std::weak_ptr<memory_connection> other_;
  std::mutex read_mutex_; // its holder has the reading role
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::shared_ptr<connection_events> events_;
  frame_queue inbox_;
  bool full_ = false;
  bool driven_ = false;
  bool scheduled_ = false;
  std::optional<error> end_;
  std::atomic<std::size_t> max_body_{max_hello};
  std::atomic<bool> admitted_{false};
};

/// Hands the accepting ends over, on the I/O role of whoever listens.
class acceptor : public std::enable_shared_from_this<acceptor> {
public:
  acceptor(io_loop& loop, const transport_limits& limits, accept_handler on_accept)
    : loop_{loop}, limits_{limits}, on_accept_{std::move(on_accept)} {}

  /// Makes the other end of `here`. Any thread, while somebody listens.
  void connect(const std::shared_ptr<memory_connection>& here) {
    auto there = std::make_shared<memory_connection>(loop_, limits_);
    here->join(there);
    there->join(here);
    loop_.post([self = shared_from_this(), there] { self->accept(there); });
  }

  /// Ends what has not shaken hands.
  void stop() {
    std::lock_guard guard{mutex_};
    stopped_ = true;
    for (auto& each : half_open_)
      if (auto accepted = each.lock(); accepted && !accepted->admitted())
        accepted->close({errc::shutting_down, "connection"});
  }

private:
  void accept(const std::shared_ptr<memory_connection>& there) {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return; // the other end hears of it when this one goes away
    std::erase_if(half_open_, [](auto& each) {
      auto accepted = each.lock();
      return !accepted || accepted->admitted();
    });
    half_open_.push_back(there);
    on_accept_(there);
  }

  io_loop& loop_;
  transport_limits limits_;
  accept_handler on_accept_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<memory_connection>> half_open_;
  bool stopped_ = false;
};

/// Who listens in this process, by directory and name.
class exchange {
public:
  static exchange& instance() {
    static exchange result;
    return result;
  }

  void add(const std::string& key, std::shared_ptr<acceptor> who) {
    std::lock_guard guard{mutex_};
    listening_[key] = std::move(who);
  }

  void remove(const std::string& key) {
    std::lock_guard guard{mutex_};
    listening_.erase(key);
  }

  /// Calls `use` with the listener while it cannot go away.
  template <class Use> bool with(const std::string& key, Use use) {
    std::lock_guard guard{mutex_};
    auto found = listening_.find(key);
    if (found == listening_.end())
      return false;
    use(*found->second);
    return true;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<acceptor>> listening_;
};

std::string key_of(const endpoint& where) {
  return where.directory->path().string() + "/" + where.process.str();
}

class memory_listener final : public listener {
public:
  memory_listener(std::string key, std::shared_ptr<acceptor> target)
    : key_{std::move(key)}, target_{std::move(target)} {
    exchange::instance().add(key_, target_);
  }
  ~memory_listener() override {
    exchange::instance().remove(key_);
    target_->stop();
  }

private:
  std::string key_;
  std::shared_ptr<acceptor> target_;
};

class memory_transport final : public transport {
public:
  memory_transport(io_loop& loop, const transport_limits& limits) : loop_{loop}, limits_{limits} {}

  expected<std::unique_ptr<listener>> listen(const endpoint& where, accept_handler on_accept) override {
    return std::make_unique<memory_listener>(key_of(where),
                                             std::make_shared<acceptor>(loop_, limits_, std::move(on_accept)));
  }

  expected<std::shared_ptr<connection>> connect(const endpoint& to) override {
    auto here = std::make_shared<memory_connection>(loop_, limits_);
    if (!exchange::instance().with(key_of(to), [&](acceptor& target) { target.connect(here); }))
      return tl::unexpected{error{errc::no_such_process, to.process.str()}};
    return std::shared_ptr<connection>{here};
  }

private:
  io_loop& loop_;
  transport_limits limits_;
};

} // namespace

std::unique_ptr<transport> make_memory(io_loop& loop, const transport_limits& limits) {
  return std::make_unique<memory_transport>(loop, limits);
}

} // namespace mailroom
