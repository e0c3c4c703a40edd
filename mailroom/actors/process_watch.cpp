#include <mailroom/actors/process_watch.hpp>

#include <mailroom/actors/child_specs.hpp>
#include <mailroom/actors/supervised_tree.hpp>
#include <mailroom/runtime/origin.hpp>
#include <mailroom/runtime/process_mailbox.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace mailroom {

namespace {

/// Between two looks whether a process that was started can be reached: short at first, since most are soon.
constexpr std::chrono::milliseconds first_pause{1};
constexpr std::chrono::milliseconds longest_pause{10};

/// How long a process that was asked by message may take to hear it before it is asked by signal too, where its grace says nothing.
constexpr std::chrono::milliseconds longest_asking{5000};

std::string words(const process_exit& how) {
  return how.signal != 0 ? "killed by signal " + std::to_string(how.signal)
                         : "it exited with code " + std::to_string(how.code);
}

/// SIGKILL, which has this number everywhere.
constexpr int kill_signal = 9;

} // namespace

process_watch::process_watch(caf::actor_config& cfg, child_context context,
                             std::shared_ptr<std::atomic<std::uint32_t>> pid)
  : caf::event_based_actor{cfg}, context_{std::move(context)}, pid_{std::move(pid)}, pause_{first_pause} {
  // nop
}

caf::behavior process_watch::make_behavior() {
  set_error_handler([](caf::scheduled_actor*, caf::error&) {});   // the default would end it
  set_exit_handler([](caf::scheduled_actor*, caf::exit_msg&) {}); // it ends with the process
  set_down_handler([this](caf::down_msg& what) {
    if (what.source == watched_)
      lost(error{what.reason});
  });
  try {
    begin();
  } catch (const failure& known) {
    on_ended(tl::unexpected{known.why()});
  } catch (...) {
    on_ended(tl::unexpected{error{detail::describe_exception(std::current_exception())}});
  }
  return {
    [this](const process_events::started& what) { on_started(what.pid); },
    [this](const process_events::ended& what) { on_ended(what.how); },
    [this](const process_events::ask_to_end&) { ask(); },
    [this](const process_events::kill&) { process_->kill(); },
    [this](const process_events::greet_again&) { greet(); },
    [this](const process_events::asked_for_long&) { ask_by_message(false); },
    [this](const process_events::gone_for_long& what) {
      if (what.which == losses_ && !asked_ && !failure_)
        fail({errc::process_down, context_.id, "it cannot be reached any more, and does not end"});
    },
  };
}

void process_watch::on_exit() {
  process_.reset();
  context_.tree.reset();
}

void process_watch::begin() {
  process_ = context_.tree->keeper().start(completed_spec(), events());
  context_.tree.reset(); // the keeper goes with the last supervisor
}

process_spec process_watch::completed_spec() const {
  auto result = spec();
  for (std::size_t i = 0; i < context_.arguments.size(); ++i) {
    if (!context_.arguments.match_element<std::string>(i))
      detail::refuse_arguments(context_.mailbox, context_.arguments);
    result.arguments.push_back(context_.arguments.get_as<std::string>(i));
  }
  auto tell = [&](const char* variable, const std::string& value) {
    result.environment.insert_or_assign(variable, value);
  };
  if (result.speaks_mailroom) {
    tell(process_variable, context_.id);
    tell(parent_variable, context_.sys.process());
    tell(parent_pid_variable, std::to_string(this_process_id()));
    tell("MAILROOM_DIR", std::filesystem::absolute(context_.sys.directory()).string()); // it may run in another one
  } else {
    // what this process was told itself is not meant for programs that others start
    for (auto* variable : {process_variable, parent_variable, parent_pid_variable})
      if (std::getenv(variable) != nullptr)
        tell(variable, {});
  }
  return result;
}

child_events process_watch::events() {
  caf::actor self{this};
  return {.on_started = [self](std::uint32_t pid) { caf::anon_send(self, process_events::started{pid}); },
          // this actor, and so the system, is there until `on_exit`
          .on_line =
            [sys = &context_.sys, id = context_.id](std::string_view line, bool is_error) {
              sys->log(is_error ? level::warning : level::info, id + ": " + std::string{line});
            },
          .on_exit = [self](expected<process_exit> how) { //
            caf::anon_send(self, process_events::ended{std::move(how)});
          }};
}

void process_watch::on_started(std::uint32_t pid) {
  *pid_ = pid;
  if (spec().speaks_mailroom) {
    greet();
    return;
  }
  up_ = true;
  context_.reports.up(context_.id);
}

void process_watch::greet() {
  if (over_ || failure_)
    return;
  request(mailbox(), context_.spec->ready_within(), greet_process{})
    .then([this](std::uint32_t parent_pid) { answered(parent_pid); },
          [this](const caf::error& why) { not_answered(error{why}); });
}

void process_watch::answered(std::uint32_t parent_pid) {
  if (over_ || failure_)
    return;
  if (parent_pid != this_process_id()) {
    greet_later(); // one of that name, but not ours: ours waits for the name, and ends where it does not get it
    return;
  }
  ++losses_;
  pause_ = first_pause;
  watched_ = mailbox();
  monitor(watched_);
  if (!std::exchange(up_, true))
    context_.reports.up(context_.id);
}

void process_watch::not_answered(const error& why) {
  switch (why.code()) {
    case errc::no_such_process:
    case errc::process_down:
    case errc::no_such_mailbox:
    case errc::shutting_down:
    case errc::overloaded:
      greet_later();
      break;
    default:
      fail(why);
  }
}

/// Before it is up its supervisor knows how long to wait, and later `lost`.
void process_watch::greet_later() {
  delayed_send(this, pause_, process_events::greet_again{});
  pause_ = std::min(2 * pause_, longest_pause);
}

void process_watch::lost(const error& why) {
  demonitor(watched_);
  watched_ = nullptr;
  if (over_ || failure_)
    return;
  if (why.why_down() == down_cause::hung) {
    fail(why);
    return;
  }
  // it may have ended, which the keeper tells; or it was another one of its name; or it comes back
  delayed_send(this, context_.spec->ready_within(), process_events::gone_for_long{++losses_});
  greet();
}

void process_watch::fail(error why) {
  failure_ = std::move(why);
  process_->kill();
}

void process_watch::ask() {
  asked_ = true;
  if (!up_ || !spec().speaks_mailroom) {
    process_->ask_to_end();
    return;
  }
  ask_by_message(true);
}

/// Where nobody is in `run`, nor was, the message may stay unseen, and a signal is all that is left. One who has heard it is not signalled: that would
/// end the program in the middle of its own end.
void process_watch::ask_by_message(bool again) {
  auto patience = std::clamp(context_.spec->shutdown().grace() / 2, std::chrono::milliseconds{1}, longest_asking);
  request(mailbox(), patience, stop_process{})
    .then(
      [=, this](bool heard) {
        if (heard)
          return;
        if (again)
          delayed_send(this, patience, process_events::asked_for_long{});
        else
          process_->ask_to_end();
      },
      [this](const caf::error&) { process_->ask_to_end(); });
}

void process_watch::on_ended(const expected<process_exit>& how) {
  if (std::exchange(over_, true))
    return;
  *pid_ = 0;
  child_end end;
  if (failure_) {
    end = {ending::failed, failure_};
  } else if (!how) {
    end = {ending::failed, how.error()};
  } else if (how->code != 0 || how->signal != 0) {
    end = {how->signal == kill_signal ? ending::killed : ending::failed,
           error{errc::process_down, context_.id, words(*how)}.because(down_cause::exited, *how)};
  }
  context_.reports.ended(std::move(end));
  quit();
}

} // namespace mailroom
