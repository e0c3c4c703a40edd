// A life of a child that a factory in another process makes. For each an actor asks for it, hears of its end, and watches its process: a lost process counts
// as a gone child, since the process knows the same of us, and ends the child before it makes another one.

#include <mailroom/actors/child_driver.hpp>
#include <mailroom/actors/factory_messages.hpp>
#include <mailroom/runtime/codec.hpp>

#include <algorithm>

namespace mailroom {

namespace {

namespace says = factory_messages;
using clock = std::chrono::steady_clock;

/// Between two looks for a process or a factory that is about to be there.
constexpr std::chrono::milliseconds first_pause{2};
constexpr std::chrono::milliseconds longest_pause{50};

/// How long a process that is up may take to offer what it offers.
constexpr std::chrono::seconds offers_within{1};

/// What the driver tells its actor. Never leaves the process.
struct end_child {
  bool kill;
};
struct abandon_child {};
struct try_again {};
struct watch_again {
  std::uint64_t life;
};

} // namespace

} // namespace mailroom

template <> struct caf::allowed_unsafe_message_type<mailroom::end_child> : std::true_type {};
template <> struct caf::allowed_unsafe_message_type<mailroom::abandon_child> : std::true_type {};
template <> struct caf::allowed_unsafe_message_type<mailroom::try_again> : std::true_type {};
template <> struct caf::allowed_unsafe_message_type<mailroom::watch_again> : std::true_type {};

namespace mailroom {

namespace {

struct remote_setup {
  says::make what;
  std::string process_name;
  caf::actor process;   ///< its own mailbox
  caf::actor factories; ///< and that of its factories
  clock::time_point give_up;
  child_reports reports;
  std::shared_ptr<std::atomic<bool>> is_supervisor;
};

class remote_life : public caf::event_based_actor {
public:
  remote_life(caf::actor_config& cfg, remote_setup setup) : caf::event_based_actor{cfg}, setup_{std::move(setup)} {}

  caf::behavior make_behavior() override {
    set_down_handler([this](caf::scheduled_actor*, caf::down_msg& what) { on_lost(error{what.reason}); });
    set_error_handler([](caf::scheduled_actor*, caf::error&) {});
    attempt();
    return {
      [this](const end_child& what) { on_end(what.kill); },
      [this](const abandon_child&) {
        if (state_ != state::pausing)
          tell_to_stop(true);
        quit();
      },
      [this](const try_again&) {
        if (state_ == state::pausing)
          attempt();
      },
      [this](const watch_again& what) {
        if (concerns(what.life))
          hear_of_end();
      },
    };
  }

private:
  enum class state : std::uint8_t { pausing, asked, up, ended };

  void attempt() {
    state_ = state::asked;
    auto mine = ++setup_.what.life;
    // before the request: no loss from here on is missed
    monitor(setup_.process);
    watching_ = true;
    request(setup_.factories, caf::infinite, setup_.what)
      .then(
        [this, mine](const says::made& what) {
          if (state_ != state::asked || mine != setup_.what.life)
            return;
          state_ = state::up;
          *setup_.is_supervisor = what.is_supervisor;
          setup_.reports.up(what.address);
        },
        [this, mine](const caf::error& why) {
          if (state_ == state::asked && mine == setup_.what.life)
            on_refused(error{why});
        });
    hear_of_end();
  }

  /// Whether what was asked for a life still matters.
  bool concerns(std::uint64_t life) const {
    return life == setup_.what.life && (state_ == state::asked || state_ == state::up);
  }

  /// A request that stands for as long as the child lives: a message could be lost where the queue to this process is full, and an answer is not.
  void hear_of_end() {
    auto mine = setup_.what.life;
    request(setup_.factories, caf::infinite, says::watch{setup_.what.mailbox, mine})
      .then([this](const says::gone& what) { on_gone(what); },
            [this, mine](const caf::error& what) {
              error why{what};
              if (!concerns(mine))
                return;
              if (why.code() == errc::overloaded)
                delayed_send(this, longest_pause, watch_again{mine});
              else if (state_ == state::up && why.code() == errc::no_such_mailbox)
                end({ending::failed, error{errc::remote_error, {}, "it has ended, and nobody heard how"}});
              // of everything else that can be wrong we hear by the monitor, or by the answer to `make`
            });
  }

  void on_lost(const error& why) {
    watching_ = false;
    auto lost = why.about(setup_.process_name);
    if (state_ == state::asked)
      retry_or_end(lost);
    else if (state_ == state::up)
      end(why.why_down() == down_cause::stopped ? child_end{} : child_end{ending::failed, lost});
  }

  /// The child's supervisor knows it by another name than its process.
  error in_our_words(const error& why) const {
    return why.subject() == setup_.process_name + "/" + setup_.what.mailbox ? why.about({}) : why;
  }

  void on_refused(error why) {
    // it speaks of its own mailboxes; what we are asked for is the child
    if (why.subject() == setup_.process_name + "/" + std::string{says::mailbox}) {
      if (why.code() == errc::no_such_mailbox)
        why = error{errc::no_such_mailbox, {}, "no such factory: " + setup_.process_name + " offers nothing"};
      else
        why = why.about(setup_.process_name);
    }
    retry_or_end(in_our_words(why));
  }

  void retry_or_end(const error& why) {
    if (std::exchange(watching_, false))
      demonitor(setup_.process);
    auto now = clock::now();
    auto until = std::optional{setup_.give_up};
    switch (why.code()) {
      case errc::no_such_process:
      case errc::process_down:
      case errc::shutting_down:
      case errc::overloaded:
        met_.reset();
        break;
      case errc::no_such_mailbox:
        if (!met_)
          met_ = now;
        until = std::min(setup_.give_up, *met_ + offers_within);
        break;
      default:
        until.reset();
    }
    if (!until || now >= *until || stopping_) {
      end({ending::not_started, why});
      return;
    }
    state_ = state::pausing;
    delayed_send(this, std::min<clock::duration>(pause_, *until - now), try_again{});
    pause_ = std::min(2 * pause_, longest_pause);
  }

  void on_gone(const says::gone& what) {
    if (state_ != state::up || what.life != setup_.what.life)
      return;
    child_end how{what.how, {}};
    if (what.how != ending::as_it_should)
      how.why = in_our_words({what.code, what.subject, what.cause});
    end(std::move(how));
  }

  void on_end(bool kill) {
    stopping_ = true;
    if (state_ == state::pausing)
      end({});
    else if (state_ != state::ended)
      tell_to_stop(kill);
  }

  /// Asked for with a request: where this process stops, answers still reach it, and messages do not.
  void tell_to_stop(bool kill) {
    request(setup_.factories, caf::infinite, says::stop{setup_.what.mailbox, setup_.what.life, kill})
      .then([this](const says::gone& what) { on_gone(what); },
            [this, kill](const caf::error& why) {
              // of what is not treated here we hear by the monitor
              auto code = error{why}.code();
              if (code == errc::overloaded && state_ != state::ended)
                delayed_send(this, longest_pause, end_child{kill});
              else if (code == errc::no_such_mailbox && state_ == state::up)
                end({}); // gone already
            });
  }

  void end(child_end how) {
    state_ = state::ended;
    setup_.reports.ended(std::move(how));
    quit();
  }

  remote_setup setup_;
  state state_ = state::pausing;
  bool watching_ = false;
  bool stopping_ = false;
  std::chrono::milliseconds pause_{first_pause};
  std::optional<clock::time_point> met_; ///< since when the process is there without the factory
};

class remote_driver final : public child_driver {
public:
  explicit remote_driver(child_context context) : context_{std::move(context)} {}

  ~remote_driver() override {
    if (life_)
      caf::anon_send(life_, abandon_child{});
  }

  void start() override {
    auto& what = std::get<child_spec::remote>(context_.spec->kind());
    auto& sys = context_.sys;
    auto supervisor = sys.process() + "/" + context_.mailbox.substr(0, context_.mailbox.rfind('/'));
    // a little less than the supervisor's own patience: we know better why
    auto patience = context_.spec->ready_within();
    auto give_up =
      clock::now() + patience - std::min<std::chrono::milliseconds>(patience / 10, std::chrono::milliseconds{200});
    remote_setup setup{{what.factory, context_.mailbox, supervisor, 0, arguments(what)},
                       what.process,
                       sys.mailbox(what.process + "/mailroom"),
                       sys.mailbox(what.process + "/" + std::string{says::mailbox}),
                       give_up,
                       context_.reports,
                       is_supervisor_};
    life_ = sys.actors().spawn<hosted_t<remote_life>, caf::hidden>(std::move(setup));
  }

  void ask_to_end() override { caf::anon_send(life_, end_child{false}); }
  void kill() override { caf::anon_send(life_, end_child{true}); }

  /// The other process may have to be found hung first.
  std::chrono::milliseconds kill_takes() const override {
    auto& settings = context_.sys.settings();
    return settings.hung_after + settings.heartbeat + std::chrono::seconds{1};
  }

  bool is_supervisor() const override { return *is_supervisor_; }

private:
  /// Those of the specification, and then those of `start_child`. Throws `failure`.
  std::vector<std::byte> arguments(const child_spec::remote& what) const {
    if (context_.arguments.empty())
      return what.arguments;
    auto given = what.arguments.empty() ? expected<caf::message>{} : codec::decode(what.arguments);
    if (!given)
      throw failure{given.error()};
    std::vector<std::byte> result;
    if (auto encoded = codec::encode(result, *given + context_.arguments); !encoded)
      throw failure{encoded.error()};
    return result;
  }

  child_context context_;
  caf::actor life_;
  std::shared_ptr<std::atomic<bool>> is_supervisor_ = std::make_shared<std::atomic<bool>>(false);
};

} // namespace

std::unique_ptr<child_driver> make_remote_driver(child_context context) {
  return std::make_unique<remote_driver>(std::move(context));
}

} // namespace mailroom
