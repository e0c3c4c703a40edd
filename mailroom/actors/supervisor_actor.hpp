#pragma once
// A supervisor at work. It knows for each child whether it is to run, and whether it does, and brings the second to the first, one step with each
// thing that it is told; it waits for nothing. So it answers questions at any time, and whatever comes meanwhile only changes what is to be.

#include <mailroom/actors/child_driver.hpp>
#include <mailroom/actors/supervisor_events.hpp>
#include <mailroom/actors/supervisor_messages.hpp>

#include <deque>
#include <random>
#include <unordered_map>

namespace mailroom {

/// What a supervisor is made with.
struct supervisor_setup {
  system* sys;
  std::string name; ///< of its mailbox
  std::shared_ptr<const supervisor_spec> spec;
  std::shared_ptr<supervised_tree> tree;
  bool topmost = true;
  std::function<void()>
    on_up; ///< called once, when all its children are up. Where one fails to start, it ends with the reason instead
};

class supervisor_actor : public caf::event_based_actor {
public:
  supervisor_actor(caf::actor_config& cfg, supervisor_setup setup);

  caf::behavior make_behavior() override;
  void on_exit() override;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override;

private:
  using clock = std::chrono::steady_clock;
  using promise = caf::response_promise;

  /// Why a child is being started: what its failing to start means.
  enum class cause : std::uint8_t {
    first,   ///< the supervisor fails to start
    restart, ///< one more restart
    request  ///< who asked is told
  };
  enum class stage : std::uint8_t { none, asked, killed };

  struct child {
    child(std::shared_ptr<const child_spec> its_spec, std::string its_id, const backoff& its_pause)
      : spec{std::move(its_spec)}, id{std::move(its_id)}, pause{its_pause} {}

    std::shared_ptr<const child_spec> spec;
    std::string id;
    caf::message arguments;
    backoff_state pause;

    // what is to be
    bool wanted = false;
    bool recycle = false; ///< its life must end before the next one begins
    bool forget = false;  ///< once it has no life
    bool at_once = false; ///< stopped out of order, since somebody asked for it
    cause why = cause::first;
    clock::time_point not_before{};

    // what is
    std::unique_ptr<child_driver> life;
    std::uint64_t number = 0;
    bool up = false;
    std::string where;
    clock::time_point up_since{};
    clock::time_point down_since{}; ///< its start began then, or its last life ended
    stage stopping = stage::none;
    std::optional<clock::time_point> deadline; ///< of being up, of ending when asked, of ending when killed
    std::optional<error> too_late;             ///< it was killed for not being up in time
    std::uint64_t restarts = 0;

    std::vector<promise> when_up;
    std::vector<promise> when_ended;

    bool must_end() const { return life && (!wanted || recycle); }
    bool kind_is(restart value) const { return spec->options().restart == value; }
  };
  using child_ptr = std::unique_ptr<child>;

  // -- requests: supervisor_requests.cpp
  void answer_which();
  void answer_count();
  void answer_tree(std::uint32_t milliseconds);
  void terminate(const std::string& id);
  void start_again(const std::string& id);
  void forget(const std::string& id);
  void add(const child_spec& what);
  void add_of_template(const std::vector<std::byte>& arguments);

  // -- events
  void on_up(const supervisor_events::child_up& what);
  void on_ended(const supervisor_events::child_ended& what);
  void on_exit_message(const caf::exit_msg& what);
  void on_wake(const supervisor_events::wake& what);
  void on_deadline(child& whom);

  // -- rules
  void not_started(child& whom, const error& why);
  void apply_policy(child& whom, ending how, const std::optional<error>& why);
  void restart_children(std::size_t first, std::size_t last, clock::time_point not_before);
  void shut_down(caf::error reason);
  void give_up(error why);

  // -- steps
  void act();
  bool end_next();
  void start_next();
  void start(child& whom);
  void stop(child& whom);
  void kill(child& whom);
  void finish();
  void wake_at(clock::time_point when);

  // -- children
  child& put(std::shared_ptr<const child_spec> spec, std::string id);
  void erase(child& whom);
  child* find(const std::string& id);
  child* find_life(std::uint64_t number);
  std::size_t index_of(const child& whom) const;
  child_info describe(const child& whom) const;
  void tell_event(const child& whom, supervision what, clock::duration took, std::optional<error> why = {});
  std::string mailbox_of(const std::string& id) const { return name_ + "/" + id; }
  std::string full(const std::string& mailbox) const;
  error about(const child& whom, const error& why) const;
  static void tell(std::vector<promise>& whom, const error& why);
  bool simple() const { return spec_->strategy == strategy::simple_one_for_one; }
  error no_child(const std::string& id) const;
  void say(level value, const std::string& text) const;

  mailroom::system& sys_;
  std::string name_;
  std::shared_ptr<const supervisor_spec> spec_;
  std::shared_ptr<supervised_tree> tree_;
  bool topmost_;
  std::function<void()> on_all_up_;

  std::vector<child_ptr> children_; ///< in the order of their start
  std::unordered_map<std::string, child*> by_id_;
  std::unordered_map<std::uint64_t, child*> by_life_;
  std::uint64_t last_life_ = 0;
  std::uint64_t last_of_template_ = 0;
  std::deque<caf::actor_id> former_; ///< children that have ended: what links say of them comes late
  restart_history history_;
  std::minstd_rand random_;
  std::optional<clock::time_point> wakes_at_;

  bool starting_ = true; ///< not all are up for the first time
  bool ending_ = false;
  bool killing_ = false;
  std::optional<error> failure_; ///< it gives up
  caf::error reason_;            ///< it was told to end
};

} // namespace mailroom
