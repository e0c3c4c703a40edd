#pragma once
// Children that are actors and do what a test tells them: of this system, or made by the factory of another one.

#include <mailroom/mailroom.hpp>

#include <support/catch.hpp>
#include <support/supervised.hpp>
#include <support/temporary_directory.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

namespace test {

/// What the children of a world share with it.
class shared_state {
public:
  void event(std::string what) {
    std::lock_guard guard{mutex_};
    events_.push_back(std::move(what));
  }
  std::vector<std::string> events() const {
    std::lock_guard guard{mutex_};
    return events_;
  }
  void forget_events() {
    std::lock_guard guard{mutex_};
    events_.clear();
  }
  void fail_starts(const std::string& id, int times) {
    std::lock_guard guard{mutex_};
    failing_[id] = times;
  }
  bool fails(const std::string& id) {
    std::lock_guard guard{mutex_};
    auto& left = failing_[id];
    return left > 0 && left-- > 0;
  }
  void hold_starts(const std::string& id) {
    std::lock_guard guard{mutex_};
    held_starts_.insert(id);
  }
  void await_start(const std::string& id) {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return !held_starts_.contains(id); });
  }
  void hold_ends(const std::string& id) {
    std::lock_guard guard{mutex_};
    held_ends_.insert(id);
  }
  bool holds_ends(const std::string& id) const {
    std::lock_guard guard{mutex_};
    return held_ends_.contains(id);
  }
  void release(const std::string& id) {
    std::lock_guard guard{mutex_};
    held_starts_.erase(id);
    held_ends_.erase(id);
    changed_.notify_all();
  }

  /// One life of a child, from when it is up.
  class life {
  public:
    life(std::shared_ptr<shared_state> state, std::string id) : state_{std::move(state)}, id_{std::move(id)} {
      std::lock_guard guard{state_->mutex_};
      if (!state_->alive_.insert(id_).second)
        state_->events_.push_back("two lives");
      state_->events_.push_back("+" + id_);
    }
    ~life() {
      std::lock_guard guard{state_->mutex_};
      state_->alive_.erase(id_);
      state_->events_.push_back("-" + id_);
    }
    life(const life&) = delete;
    life& operator=(const life&) = delete;

  private:
    std::shared_ptr<shared_state> state_;
    std::string id_;
  };

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
  std::map<std::string, int> failing_;
  std::set<std::string> held_starts_;
  std::set<std::string> held_ends_;
  std::set<std::string> alive_;
};

/// Goes on asking itself to end until it may.
inline void end_when_released(caf::event_based_actor* self, const std::shared_ptr<shared_state>& state,
                              const std::string& id) {
  if (state->holds_ends(id))
    self->delayed_send(self, 1ms, command{"shutdown"});
  else
    self->quit(caf::exit_reason::user_shutdown);
}

inline caf::behavior obedient(caf::event_based_actor* self, const std::shared_ptr<shared_state>& state,
                              const std::string& given) {
  // a child of a template knows its own name from its mailbox only: it is told by whoever makes it
  auto id = given;
  state->await_start(id);
  if (state->fails(id))
    throw std::runtime_error{"told to fail"};
  auto life = std::make_shared<shared_state::life>(state, id);
  auto stubborn = std::make_shared<bool>(false);
  self->set_exit_handler([self, state, id, stubborn](caf::exit_msg& what) {
    if (*stubborn || !what.reason)
      return;
    if (state->holds_ends(id))
      state->event("asked " + id);
    end_when_released(self, state, id);
  });
  return {[self, state, id, life, stubborn](const command& told) {
    if (told.what == "crash")
      throw std::runtime_error{"told to crash"};
    if (told.what == "quit")
      self->quit();
    if (told.what == "shutdown")
      end_when_released(self, state, id);
    if (told.what == "stubborn")
      *stubborn = true;
  }};
}

/// What worlds of actors have in common.
class obedient_actors : public supervised_world {
public:
  ~obedient_actors() override { release_all(); }

  mailroom::system& sys() override { return *sys_; }

  void fail_starts(const std::string& id, int times) override { state_->fail_starts(id, times); }
  void hold_starts(const std::string& id) override { state_->hold_starts(id); }
  void hold_ends(const std::string& id) override { state_->hold_ends(id); }
  void release(const std::string& id) override { state_->release(id); }
  std::vector<std::string> events() override { return state_->events(); }
  void forget_events() override { state_->forget_events(); }

  std::vector<std::string> lines() const {
    std::lock_guard guard{mutex_};
    return lines_;
  }

protected:
  /// Before the end of any system that has them: it waits for them.
  void release_all() {
    for (auto& each : {"a", "b", "c", "w-1", "w-3"})
      state_->release(each);
  }

  obedient_actors() {
    mailroom::config settings{.process = "bank", .directory = directory_.path()};
    settings.log = [this](mailroom::level value, std::string_view line) {
      std::lock_guard guard{mutex_};
      lines_.push_back(std::string{to_string(value)} + ": " + std::string{line});
    };
    sys_.emplace(std::move(settings));
  }

  const std::filesystem::path& directory() const { return directory_.path(); }

  /// As actor_child does, but that the child gets its own id, also where it is of a template.
  mailroom::child_spec actor(const std::string& id) const {
    auto spawn = [state = state_](mailroom::system& sys, const mailroom::child_spec::actor::start& how) {
      auto own = how.mailbox.substr(how.mailbox.rfind('/') + 1);
      auto one = mailroom::actor_child(own, obedient, state, own);
      return std::get<mailroom::child_spec::actor>(one.kind()).spawn(sys, how);
    };
    return {id, mailroom::child_spec::actor{spawn}};
  }

private:
  temporary_directory directory_;
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  std::shared_ptr<shared_state> state_ = std::make_shared<shared_state>();
  std::optional<mailroom::system> sys_;
};

class actors_here final : public obedient_actors {
public:
  mailroom::child_spec make_child(const std::string& id) override { return actor(id); }
  void tell(const std::string& path, const std::string& what) override {
    static_cast<void>(sys().send("bank/" + path, command{what}));
  }
};

/// Made by the factory of another system, which is reached as another process is.
class actors_elsewhere final : public obedient_actors {
public:
  actors_elsewhere() {
    auto offered = mailroom::detail::offer(shop_, actor("obedient"), {});
    INFO((offered ? "" : to_string(offered.error())));
    REQUIRE(offered);
  }

  ~actors_elsewhere() override { release_all(); }

  mailroom::child_spec make_child(const std::string& id) override {
    return mailroom::remote_child(id, "shop", "obedient");
  }
  void tell(const std::string& path, const std::string& what) override {
    static_cast<void>(sys().send("shop/" + path, command{what}));
  }

private:
  mailroom::system shop_{{.process = "shop", .directory = directory(), .log_level = mailroom::level::error}};
};

} // namespace test
