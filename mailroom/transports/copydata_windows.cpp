#include <mailroom/transports/copydata_windows.hpp>

#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/transports/copydata_connection_windows.hpp>

#include <algorithm>

namespace mailroom {

namespace {

/// By which the window of who listens is found. Windows compares titles without regard to upper and lower case, which the name allows for.
std::wstring title_of(const endpoint& where) {
  auto name = pipe_name(where);
  return widen(name.substr(name.rfind('\\') + 1));
}

/// The live connections of a transport.
class copydata_office {
public:
  copydata_office(std::shared_ptr<copydata_home> home) : home_{std::move(home)} {}

  copydata_home& home() const noexcept { return *home_; }

  expected<std::shared_ptr<copydata_connection>> open(copydata_sender::route to) {
    std::lock_guard guard{mutex_};
    if (closed_)
      return tl::unexpected{error{errc::shutting_down, "connection"}};
    std::erase_if(connections_, [](auto& each) { return each.expired(); });
    auto result = copydata_connection::make(home_, std::move(to));
    if (result)
      connections_.push_back(*result);
    return result;
  }

  /// Nothing is left then but what others hold.
  void close() {
    std::vector<std::weak_ptr<copydata_connection>> connections;
    {
      std::lock_guard guard{mutex_};
      closed_ = true;
      connections.swap(connections_);
    }
    for (auto& each : connections)
      if (auto alive = each.lock()) {
        alive->abandon();
        alive->close({errc::shutting_down, "connection"});
      }
    home_->window->begin_to_stop();
    home_->senders.join_all();
    home_->window->stop();
  }

private:
  std::shared_ptr<copydata_home> home_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::weak_ptr<copydata_connection>> connections_;
};

/// Takes the calls at a named window, and lets them in on the I/O role.
class acceptor final : public copydata_receiver, public std::enable_shared_from_this<acceptor> {
public:
  acceptor(std::shared_ptr<copydata_office> office, notice say, accept_handler on_accept)
    : office_{std::move(office)}, say_{std::move(say)}, on_accept_{std::move(on_accept)} {}

  copydata_answer receive(const copydata_fragment& what) override {
    auto who = read_introduction(what.payload);
    std::lock_guard guard{mutex_};
    if (!who || stopped_)
      return {copydata_verdict::gone};
    std::erase_if(callers_, [](auto& each) { return each.done(); });
    // who heard no answer asks again
    if (std::ranges::any_of(callers_, [&](auto& each) { return each.token == who->token; }))
      return {copydata_verdict::taken};
    auto most = office_->home().limits.max_half_open;
    if (callers_.size() >= most) {
      say_(level::warning, "connection refused: " + std::to_string(most) + " others have not said hello");
      return {copydata_verdict::gone};
    }
    callers_.push_back({who->token, {}, false});
    office_->home().loop.post([self = shared_from_this(), who = *who] { self->let_in(who); });
    return {copydata_verdict::taken};
  }

  /// Ends what has not shaken hands.
  void stop() {
    std::vector<std::shared_ptr<copydata_connection>> half_open;
    {
      std::lock_guard guard{mutex_};
      stopped_ = true;
      for (auto& each : callers_)
        if (auto accepted = each.accepted.lock(); accepted && accepted->half_open())
          half_open.push_back(std::move(accepted));
    }
    for (auto& each : half_open)
      each->close({errc::shutting_down, "connection"});
  }

private:
  /// Who has called and not shaken hands.
  struct caller {
    copydata_token token;
    std::weak_ptr<copydata_connection> accepted;
    bool answered = false;

    bool done() const {
      auto alive = accepted.lock();
      return answered && (!alive || !alive->half_open());
    }
  };

  void let_in(const copydata_introduction& who) {
    auto opened = open(who);
    std::unique_lock guard{mutex_};
    auto found = std::ranges::find(callers_, who.token, &caller::token);
    if (found != callers_.end())
      found->answered = true;
    if (!opened) {
      if (!stopped_)
        say_(level::warning, "connection refused: " + to_string(opened.error()));
      return;
    }
    auto fresh = std::move(*opened);
    fresh->expect_hello();
    if (found != callers_.end())
      found->accepted = fresh;
    if (stopped_)
      return; // the caller hears of it when this one goes away
    guard.unlock();
    on_accept_(std::move(fresh));
  }

  expected<std::shared_ptr<copydata_connection>> open(const copydata_introduction& who) {
    auto peer = copydata_peer_of(who.window);
    if (!peer)
      return tl::unexpected{peer.error()};
    return office_->open({std::move(*peer), who.token});
  }

  std::shared_ptr<copydata_office> office_;
  notice say_;
  accept_handler on_accept_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<caller> callers_;
};

class copydata_listener final : public listener {
public:
  copydata_listener(std::shared_ptr<copydata_office> office, std::shared_ptr<acceptor> target, std::uint64_t window)
    : office_{std::move(office)}, target_{std::move(target)}, window_{window} {}

  ~copydata_listener() override {
    office_->home().window->end_listening(window_);
    target_->stop();
  }

private:
  std::shared_ptr<copydata_office> office_;
  std::shared_ptr<acceptor> target_;
  std::uint64_t window_;
};

class copydata_transport final : public transport {
public:
  copydata_transport(io_loop_windows& loop, const transport_limits& limits, notice say)
    : loop_{loop}, limits_{limits}, say_{std::move(say)} {}

  ~copydata_transport() override {
    if (office_)
      office_->close();
  }

  expected<std::unique_ptr<listener>> listen(const endpoint& where, accept_handler on_accept) override {
    auto home = office();
    if (!home)
      return tl::unexpected{home.error()};
    auto target = std::make_shared<acceptor>(*home, say_, std::move(on_accept));
    auto window = (*home)->home().window->listen(title_of(where), target);
    if (!window)
      return tl::unexpected{window.error()};
    return std::make_unique<copydata_listener>(*home, std::move(target), *window);
  }

  expected<std::shared_ptr<connection>> connect(const endpoint& to) override {
    auto& name = to.process.str();
    auto peer = find_copydata_peer(title_of(to));
    if (!peer)
      return tl::unexpected{peer.error().about(name)};
    auto home = office();
    if (!home)
      return tl::unexpected{home.error().about(name)};
    auto result = (*home)->open({std::move(*peer)});
    if (!result)
      return tl::unexpected{result.error().about(name)};
    return std::shared_ptr<connection>{*result};
  }

private:
  /// With its window and thread from the first use on.
  expected<std::shared_ptr<copydata_office>> office() {
    std::lock_guard guard{mutex_};
    if (!office_) {
      auto window = copydata_window::open([say = say_](std::uint64_t dropped) {
        say(level::warning, "dropped what is no message of a peer: " + std::to_string(dropped) + " so far");
      });
      if (!window)
        return tl::unexpected{window.error()};
      office_ = std::make_shared<copydata_office>(std::make_shared<copydata_home>(loop_, limits_, std::move(*window)));
    }
    return office_;
  }

  io_loop_windows& loop_;
  transport_limits limits_;
  notice say_;
  std::mutex mutex_;
  std::shared_ptr<copydata_office> office_;
};

} // namespace

std::unique_ptr<transport> make_copydata(io_loop_windows& loop, const transport_limits& limits, notice say) {
  return std::make_unique<copydata_transport>(loop, limits, std::move(say));
}

} // namespace mailroom
