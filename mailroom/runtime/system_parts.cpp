#include <mailroom/runtime/system_parts.hpp>

#include <mailroom/runtime/agreement.hpp>
#include <mailroom/runtime/peer_table.hpp>
#include <mailroom/runtime/process_mailbox.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// The exit code of a process that had to be ended because its supervisor's process is gone, and how long it may take to end by itself.
constexpr int orphan_exit_code = 71;
constexpr std::chrono::milliseconds orphan_grace{1500};

config completed(config settings, const origin& from) {
  if (settings.process.empty())
    settings.process = from.process();
  if (settings.process.empty()) {
    // the pid is what makes the name one's own: a long program name makes room for it
    auto tail = "-" + std::to_string(this_process_id());
    auto head = process_name::nearest(this_program()).str();
    static std::atomic<int> systems{0};
    if (auto before = systems++; before > 0)
      tail += "-" + std::to_string(before + 1);
    settings.process = head.substr(0, 64 - tail.size()) + tail;
  }
  if (settings.directory.empty())
    settings.directory = default_runtime_directory();
  if (settings.transports.empty())
    throw failure{error{errc::system_error, "config.transports", "no transport is configured"}};
  return settings;
}

/// The claim of the process's name. One that a supervisor has started waits for it: where that supervisor was killed and is back at once, the
/// process of its last life may still be about to end.
std::unique_ptr<name_claim> claim_name(const endpoint& where, const config& settings, const origin& from) {
  constexpr std::chrono::seconds orphans_are_gone{1};
  constexpr std::chrono::milliseconds look_again{2};
  auto deadline = clock::now() + (from.parent().empty() ? clock::duration{} : orphans_are_gone);
  for (;;) {
    auto taken = name_claim::take(where, offer_of(settings.transports));
    if (taken || taken.error().code() != errc::name_taken || clock::now() >= deadline)
      return detail::or_throw(std::move(taken));
    std::this_thread::sleep_for(look_again); // the name goes with its process, and nobody tells
  }
}

} // namespace

system::parts::parts(config settings, caf::actor_system_config* caf_settings)
  : parts{std::make_unique<origin>(), std::move(settings), caf_settings} {}

system::parts::~parts() {
  if (!caf_)
    return;
  retire();
  hub_->close();
  hub_.reset();
  caf_.reset();
}

std::vector<std::string> system::parts::running() {
  auto named = hub_->mailboxes().named();
  std::vector<std::string> result;
  for (auto& each : named)
    result.push_back(*each->label);
  auto all = caf_->registry().running();
  if (all > result.size())
    result.push_back(std::to_string(all - result.size()) + " without a name");
  return result;
}

void system::parts::ask_all_to_exit() {
  hub_->stopping(true);
  for (auto& each : hub_->mailboxes().named())
    if (!each->supervised)
      caf::anon_send_exit(each->actor, caf::exit_reason::user_shutdown);
  for (auto& each : hub_->mailboxes().services())
    caf::anon_send_exit(each->actor, caf::exit_reason::user_shutdown);
}

bool system::parts::await_actors(clock::time_point deadline) {
  std::chrono::microseconds pause{50};
  while (!running().empty()) {
    auto now = clock::now();
    if (now >= deadline)
      return false;
    std::this_thread::sleep_for(std::min<clock::duration>(pause, deadline - now)); // CAF counts them and does not tell
    pause = std::min(2 * pause, std::chrono::microseconds{10'000});
  }
  return true;
}

caf::actor system::parts::spawn_service(const mailbox_name& name,
                                        std::function<caf::behavior(caf::event_based_actor*)> what) {
  caf::actor_config cfg;
  cfg.init_fun = detail::make_init<caf::event_based_actor>(std::move(what));
  auto result = caf_->spawn_impl<hosted_t<caf::event_based_actor>, caf::hidden>(cfg);
  // CAF does not count hidden actors, and calls one terminated before it tells those that are attached: the first is told last
  ++*running_services_;
  result->attach_functor([count = running_services_] { --*count; });
  if (auto bound = hub_->mailboxes().bind_service(name, caf::actor_cast<caf::strong_actor_ptr>(result)); !bound) {
    caf::anon_send_exit(result, caf::exit_reason::kill);
    throw failure{bound.error()};
  }
  return caf::actor_cast<caf::actor>(result);
}

void* system::parts::extension(system& me, std::type_index which, std::shared_ptr<void> (*make)(system& me)) {
  std::lock_guard guard{extensions_mutex_};
  auto found = std::ranges::find(extensions_, which, [](auto& each) { return each.first; });
  if (found != extensions_.end())
    return found->second.get();
  auto fresh = make(me); // may ask for another one
  return extensions_.emplace_back(which, std::move(fresh)).second.get();
}

void system::parts::retire() {
  hub_->peers().stop_listening();
  leave(clock::now() + std::chrono::seconds{1});
  end_services();
  std::lock_guard guard{extensions_mutex_};
  while (!extensions_.empty())
    extensions_.pop_back();
}

void system::parts::leave(clock::time_point deadline) {
  if (std::exchange(left_, true))
    return;
  auto peers = hub_->peers().all();
  for (auto& each : peers)
    each->leave();
  auto flushed = [&] { return std::all_of(peers.begin(), peers.end(), [](auto& each) { return each->flushed(); }); };
  while (!flushed() && clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds{1}); // a connection can be asked, and does not tell
  for (auto& each : peers)
    each->close({errc::shutting_down, {}});
  // the last word of each session comes from the I/O role
  std::promise<void> done;
  hub_->loop().post([&] { hub_->loop().post([&] { done.set_value(); }); });
  done.get_future().wait_for(std::chrono::seconds{1});
}

system::parts::parts(std::unique_ptr<origin> from, config given, caf::actor_system_config* caf_settings)
  : parts{completed(std::move(given), *from), std::move(from), caf_settings} {}

system::parts::parts(config settings, std::unique_ptr<origin> from, caf::actor_system_config* caf_settings)
  : origin_{std::move(from)},
    where_{detail::or_throw(runtime_directory::open(settings.directory)),
           detail::or_throw(process_name::parse(settings.process))},
    claim_{claim_name(where_, settings, *origin_)},
    gate_{run_gate::make()} {
  if (auto conflict = message_registry::instance().conflict(); !conflict.empty())
    throw failure{error{errc::name_taken, "MAILROOM_MESSAGE", std::move(conflict)}};
  if (caf_settings == nullptr) {
    own_settings_ = std::make_unique<caf::actor_system_config>();
    caf_version::prefer_sharing(*own_settings_, settings.workers);
    caf_settings = own_settings_.get();
  }
  auto loop = detail::or_throw(io_loop::make());
  caf_ = std::make_unique<caf::actor_system>(*caf_settings);
  auto life = new_incarnation();
  hub_ = std::make_shared<core>(std::move(settings), where_, life, *caf_, std::move(loop));
  hub_->mailboxes().belongs_to(hub_);
  try {
    // before anybody can ask for it
    spawn_service(*mailbox_name::parse(process_mailbox), [this](caf::event_based_actor* self) {
      return serve_process(self, where_.process.str(), *gate_, *origin_);
    });
    detail::or_throw(hub_->peers().listen());
  } catch (...) {
    hub_->close();
    hub_.reset();
    throw;
  }
  hub_->log().info(where_.process.str() + " is up: process " + std::to_string(this_process_id()) + ", name claimed in "
                   + where_.directory->path().string());
  if (origin_->parent_pid() != 0)
    watch_parent();
}

void system::parts::watch_parent() {
  auto pid = origin_->parent_pid();
  auto watched = hub_->loop().when_gone(pid, [this] { orphaned(); });
  if (!watched)
    hub_->log().warning(where_.process.str() + " cannot watch its supervisor: " + to_string(watched.error()));
  // the pid may have gone to another process before we looked; the name tells
  auto name = process_name::parse(origin_->parent());
  auto owner = name ? owner_of({where_.directory, *name}) : std::nullopt;
  if (owner && owner->pid != 0 && owner->pid != pid)
    hub_->loop().post([this] { orphaned(); });
}

void system::parts::orphaned() {
  if (std::exchange(orphaned_, true))
    return;
  hub_->log().warning(where_.process.str() + " stops: its supervisor is gone: " + origin_->parent() + ", process "
                      + std::to_string(origin_->parent_pid()));
  gate_->open();
  hub_->loop().after(orphan_grace, [] { end_this_process(orphan_exit_code); });
}

void system::parts::end_services() {
  auto all = hub_->mailboxes().services();
  for (auto& each : all)
    caf::anon_send_exit(each->actor, caf::exit_reason::kill);
  while (*running_services_ > 0)
    std::this_thread::sleep_for(std::chrono::microseconds{50}); // who is killed counts itself out, and does not tell
  for (auto& each : all)
    hub_->mailboxes().remove(*each->label);
}

} // namespace mailroom
