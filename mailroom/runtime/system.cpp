#include <mailroom/runtime/system.hpp>

#include <mailroom/runtime/agreement.hpp>
#include <mailroom/runtime/delivery.hpp>
#include <mailroom/runtime/origin.hpp>
#include <mailroom/runtime/peer_table.hpp>
#include <mailroom/runtime/process_mailbox.hpp>
#include <mailroom/runtime/remote_mailbox.hpp>
#include <mailroom/runtime/run_gate.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// The exit code of a process that `stuck_policy::end_process` ends.
constexpr int stuck_exit_code = 70;

/// The exit code of a process that had to be ended because its supervisor's process is gone, and how long it may take to end by itself.
constexpr int orphan_exit_code = 71;
constexpr std::chrono::milliseconds orphan_grace{1500};

/// Where a message goes: to a peer, or to a mailbox here.
struct route {
  address to;
  std::shared_ptr<transport_actor> peer;

  std::string text() const { return to_string(to); }
  outgoing out() const { return {{to.mailbox(), to.number()}, to.life(), 0, false}; }
};

expected<route> find_route(core& where, const address& to) {
  auto full = where.full(to);
  if (where.is_here(full))
    return route{std::move(full), nullptr};
  auto peer = where.peers().get(*process_name::parse(full.process()));
  return route{std::move(full), std::move(peer)};
}

/// Programs mostly write to the same addresses: those of a thread are not parsed and looked up again.
class known_routes {
public:
  static constexpr std::size_t most = 1024;

  std::optional<route> find(const incarnation& life, std::string_view text) {
    if (life != life_)
      return std::nullopt;
    if (last_ == nullptr || last_->first != text) {
      auto found = by_text_.find(text);
      if (found == by_text_.end())
        return std::nullopt;
      last_ = &*found;
    }
    auto& known = last_->second;
    auto peer = known.peer.lock();
    return known.here || peer ? std::optional{route{known.to, std::move(peer)}} : std::nullopt;
  }

  void keep(const incarnation& life, std::string_view text, const route& way) {
    last_ = nullptr;
    if (life != life_ || by_text_.size() >= most)
      by_text_.clear();
    life_ = life;
    by_text_.insert_or_assign(std::string{text}, entry{way.to, way.peer, way.peer == nullptr});
  }

private:
  struct entry {
    address to;
    std::weak_ptr<transport_actor> peer;
    bool here;
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  using table = std::unordered_map<std::string, entry, hash, std::equal_to<>>;

  incarnation life_; // of the system that they are of
  table by_text_;
  table::value_type* last_ = nullptr;
};

expected<route> find_route(core& where, const destination& to) {
  if (to.parsed() != nullptr)
    return find_route(where, *to.parsed());
  thread_local known_routes routes;
  if (auto known = routes.find(where.life(), to.text()))
    return *std::move(known);
  auto parsed = address::parse(to.text());
  if (!parsed)
    return tl::unexpected{parsed.error()};
  auto result = find_route(where, *parsed);
  routes.keep(where.life(), to.text(), *result);
  return result;
}

error no_reply(const std::string& to, std::chrono::milliseconds after) {
  return {errc::timeout, to, "timeout: no reply within " + std::to_string(after.count()) + " ms"};
}

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

template <class T> T or_throw(expected<T> result) {
  if (!result)
    throw failure{result.error()};
  return *std::move(result);
}

void or_throw(const expected<void>& result) {
  if (!result)
    throw failure{result.error()};
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
      return or_throw(std::move(taken));
    std::this_thread::sleep_for(look_again);
  }
}

} // namespace

/// What a system consists of, in the order of its making.
class system::parts {
public:
  parts(config settings, caf::actor_system_config* caf_settings)
    : parts{std::make_unique<origin>(), std::move(settings), caf_settings} {}

  ~parts() {
    if (!caf_)
      return;
    retire();
    hub_->close();
    hub_.reset();
    caf_.reset();
  }

  core& hub() { return *hub_; }
  caf::actor_system& actors() { return *caf_; }
  run_gate& gate() { return *gate_; }

  /// The mailboxes whose actors run, and how many run without a name.
  std::vector<std::string> running() {
    auto named = hub_->mailboxes().named();
    std::vector<std::string> result;
    for (auto& each : named)
      result.push_back(each->label);
    auto all = caf_->registry().running();
    if (all > result.size())
      result.push_back(std::to_string(all - result.size()) + " without a name");
    return result;
  }

  /// Asks each actor with a name to exit; those without hang on them, or on the program, and the children of supervisors on these.
  void ask_all_to_exit() {
    hub_->stopping(true);
    for (auto& each : hub_->mailboxes().named())
      if (!each->supervised)
        caf::anon_send_exit(each->actor, caf::exit_reason::user_shutdown);
    for (auto& each : hub_->mailboxes().services())
      caf::anon_send_exit(each->actor, caf::exit_reason::user_shutdown);
  }

  /// Whether all actors had ended by `deadline`.
  bool await_actors(clock::time_point deadline) {
    std::chrono::microseconds pause{50};
    while (!running().empty()) {
      auto now = clock::now();
      if (now >= deadline)
        return false;
      std::this_thread::sleep_for(std::min<clock::duration>(pause, deadline - now));
      pause = std::min(2 * pause, std::chrono::microseconds{10'000});
    }
    return true;
  }

  caf::actor spawn_service(const mailbox_name& name, std::function<caf::behavior(caf::event_based_actor*)> what) {
    caf::actor_config cfg;
    cfg.init_fun = detail::make_init<caf::event_based_actor>(std::move(what));
    auto result = caf_->spawn_impl<hosted_t<caf::event_based_actor>, caf::hidden>(cfg);
    if (auto bound = hub_->mailboxes().bind_service(name, caf::actor_cast<caf::strong_actor_ptr>(result)); !bound) {
      caf::anon_send_exit(result, caf::exit_reason::kill);
      throw failure{bound.error()};
    }
    return caf::actor_cast<caf::actor>(result);
  }

  void* extension(system& me, std::type_index which, std::shared_ptr<void> (*make)(system& me)) {
    std::lock_guard guard{extensions_mutex_};
    auto found = std::ranges::find(extensions_, which, [](auto& each) { return each.first; });
    if (found != extensions_.end())
      return found->second.get();
    auto fresh = make(me); // may ask for another one
    return extensions_.emplace_back(which, std::move(fresh)).second.get();
  }

  /// After the last actor: goodbye to the peers, then the end of all that served them.
  void retire() {
    hub_->peers().stop_listening();
    leave(clock::now() + std::chrono::seconds{1});
    end_services();
    std::lock_guard guard{extensions_mutex_};
    while (!extensions_.empty())
      extensions_.pop_back();
  }

  /// Says goodbye to every peer and gives the kernel what was accepted, until `deadline`.
  void leave(clock::time_point deadline) {
    if (std::exchange(left_, true))
      return;
    auto peers = hub_->peers().all();
    for (auto& each : peers)
      each->leave();
    auto flushed = [&] { return std::all_of(peers.begin(), peers.end(), [](auto& each) { return each->flushed(); }); };
    while (!flushed() && clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    for (auto& each : peers)
      each->close({errc::shutting_down, {}});
    // the last word of each session comes from the I/O role
    std::promise<void> done;
    hub_->loop().post([&] { hub_->loop().post([&] { done.set_value(); }); });
    done.get_future().wait_for(std::chrono::seconds{1});
  }

private:
  parts(std::unique_ptr<origin> from, config given, caf::actor_system_config* caf_settings)
    : parts{completed(std::move(given), *from), std::move(from), caf_settings} {}

  parts(config settings, std::unique_ptr<origin> from, caf::actor_system_config* caf_settings)
    : origin_{std::move(from)},
      where_{or_throw(runtime_directory::open(settings.directory)), or_throw(process_name::parse(settings.process))},
      claim_{claim_name(where_, settings, *origin_)},
      gate_{run_gate::make()} {
    if (auto conflict = message_registry::instance().conflict(); !conflict.empty())
      throw failure{error{errc::name_taken, "MAILROOM_MESSAGE", std::move(conflict)}};
    if (caf_settings == nullptr) {
      own_settings_ = std::make_unique<caf::actor_system_config>();
      caf_version::prefer_sharing(*own_settings_, settings.workers);
      caf_settings = own_settings_.get();
    }
    auto loop = or_throw(io_loop::make());
    caf_ = std::make_unique<caf::actor_system>(*caf_settings);
    auto life = new_incarnation();
    hub_ = std::make_shared<core>(std::move(settings), where_, life, *caf_, std::move(loop));
    try {
      // before anybody can ask for it
      spawn_service(*mailbox_name::parse(process_mailbox), [this](caf::event_based_actor* self) {
        return serve_process(self, where_.process.str(), *gate_, *origin_);
      });
      or_throw(hub_->peers().listen());
    } catch (...) {
      hub_->close();
      hub_.reset();
      throw;
    }
    hub_->log().info(where_.process.str() + " is up: process " + std::to_string(this_process_id())
                     + ", name claimed in " + where_.directory->path().string());
    if (origin_->parent_pid() != 0)
      watch_parent();
  }

  /// A process does not outlive its supervisor's.
  void watch_parent() {
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

  /// As by a signal; and the process has not got for ever.
  void orphaned() {
    if (std::exchange(orphaned_, true))
      return;
    hub_->log().warning(where_.process.str() + " stops: its supervisor is gone: " + origin_->parent() + ", process "
                        + std::to_string(origin_->parent_pid()));
    gate_->open();
    hub_->loop().after(orphan_grace, [] { end_this_process(orphan_exit_code); });
  }

  /// They are killed where they stand, which takes microseconds. CAF counts no hidden actors, so nobody could be told of their end: we look.
  void end_services() {
    auto all = hub_->mailboxes().services();
    for (auto& each : all)
      caf::anon_send_exit(each->actor, caf::exit_reason::kill);
    auto ended = [](const local_mailbox_ptr& each) {
      return each->actor->get()->getf(caf::abstract_actor::is_terminated_flag);
    };
    while (!std::ranges::all_of(all, ended))
      std::this_thread::sleep_for(std::chrono::microseconds{50});
    for (auto& each : all)
      hub_->mailboxes().remove(each->label);
  }

  std::unique_ptr<origin> origin_;
  endpoint where_;
  std::unique_ptr<name_claim> claim_;
  std::unique_ptr<run_gate> gate_;
  std::unique_ptr<caf::actor_system_config> own_settings_;
  std::unique_ptr<caf::actor_system> caf_;
  std::shared_ptr<core> hub_;
  bool left_ = false;
  bool orphaned_ = false; // the I/O role's

  std::recursive_mutex extensions_mutex_;
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> extensions_; // in the order of their making
};

// -- life ---------------------------------------------------------------------------------------------------------------------

system::system(config settings) : parts_{std::make_unique<parts>(std::move(settings), nullptr)} {
  // nop
}

system::system(config settings, caf::actor_system_config& caf_settings)
  : parts_{std::make_unique<parts>(std::move(settings), &caf_settings)} {
  // nop
}

system::~system() {
  auto& hub = parts_->hub();
  parts_->ask_all_to_exit();
  while (!parts_->await_actors(clock::now() + std::chrono::seconds{1})) {
    std::string names;
    for (auto& each : parts_->running())
      names += (names.empty() ? "" : ", ") + each;
    hub.log().warning(process() + " cannot stop: still running: " + names);
    if (hub.settings().on_stuck == stuck_policy::end_process)
      end_this_process(stuck_exit_code);
    parts_->ask_all_to_exit(); // an actor may have got its name since
  }
  parts_->retire();
  hub.log().info(process() + " is down: stopped");
}

void system::run() {
  parts_->gate().wait();
}

std::vector<std::string> system::stop(std::chrono::milliseconds bound) {
  parts_->gate().open();
  if (detail::in_actor() || parts_->hub().loop().here())
    return {};
  auto deadline = clock::now() + bound;
  parts_->ask_all_to_exit();
  if (!parts_->await_actors(deadline))
    return parts_->running();
  parts_->leave(deadline);
  return {};
}

// -- identity -----------------------------------------------------------------------------------------------------------------

const std::string& system::process() const noexcept {
  return parts_->hub().process().str();
}

const config& system::settings() const noexcept {
  return parts_->hub().settings();
}

const std::filesystem::path& system::directory() const noexcept {
  return parts_->hub().where().directory->path();
}

caf::actor_system& system::actors() noexcept {
  return parts_->actors();
}

std::vector<process_info> system::processes() const {
  return list_processes(*parts_->hub().where().directory);
}

// -- mailboxes ----------------------------------------------------------------------------------------------------------------

namespace {

error reserved_error(std::string_view name) {
  return {errc::name_taken, std::string{name}, "name taken: those that begin with mailroom serve the process"};
}

} // namespace

mailbox_name system::reserve(std::string_view name) {
  auto parsed = or_throw(mailbox_name::parse(name));
  if (is_reserved(name))
    throw failure{reserved_error(name)};
  auto& hub = parts_->hub();
  if (hub.stopping())
    throw failure{error{errc::shutting_down, std::string{name}}};
  or_throw(hub.mailboxes().reserve(parsed));
  return parsed;
}

void system::release(const mailbox_name& name) {
  parts_->hub().mailboxes().remove(name.str());
}

void system::bind_reserved(const mailbox_name& name, const caf::strong_actor_ptr& actor) {
  auto& hub = parts_->hub();
  if (auto bound = hub.mailboxes().bind(name, actor); !bound)
    throw failure{bound.error()};
  // an actor that has ended already calls back at once
  actor->get()->attach_functor([weak = hub.weak_from_this(), name, who = actor->address()] {
    if (auto still = weak.lock())
      still->mailboxes().remove(name.str(), who);
  });
}

expected<void> system::bind_actor(std::string_view name, const caf::strong_actor_ptr& actor) {
  auto parsed = mailbox_name::parse(name);
  if (!parsed)
    return tl::unexpected{parsed.error()};
  if (is_reserved(name))
    return tl::unexpected{reserved_error(name)};
  auto& hub = parts_->hub();
  if (!actor || actor->home_system != &parts_->actors() || dynamic_cast<remote_mailbox*>(actor->get()) != nullptr)
    return tl::unexpected{
      error{errc::no_such_mailbox, std::string{name}, "no such mailbox: not an actor of this system"}};
  if (hub.stopping())
    return tl::unexpected{error{errc::shutting_down, std::string{name}}};
  if (auto reserved = hub.mailboxes().reserve(*parsed); !reserved)
    return reserved;
  bind_reserved(*parsed, actor);
  return {};
}

expected<void> system::unbind(std::string_view name) {
  if (is_reserved(name) || !parts_->hub().mailboxes().remove(std::string{name}))
    return tl::unexpected{error{errc::no_such_mailbox, process() + "/" + std::string{name}}};
  return {};
}

caf::actor system::spawn_service(std::string_view name, std::function<caf::behavior(caf::event_based_actor*)> what) {
  auto parsed = or_throw(mailbox_name::parse(std::string{process_mailbox} + "/" + std::string{name}));
  if (parts_->hub().stopping())
    throw failure{error{errc::shutting_down, parsed.str()}};
  return parts_->spawn_service(parsed, std::move(what));
}

void* system::extension(std::type_index which, std::shared_ptr<void> (*make)(system& me)) {
  return parts_->extension(*this, which, make);
}

caf::actor system::mailbox(const destination& what) {
  auto& hub = parts_->hub();
  if (what.parsed() != nullptr)
    return hub.mailbox(*what.parsed());
  auto parsed = address::parse(what.text());
  if (parsed)
    return hub.mailbox(*parsed);
  return caf::actor_cast<caf::actor>(remote_mailbox::make(hub, {}, nullptr, parsed.error()));
}

address system::address_of_actor(const caf::strong_actor_ptr& actor) {
  if (!actor)
    return {};
  auto& hub = parts_->hub();
  if (auto* handle = dynamic_cast<remote_mailbox*>(actor->get()))
    return handle->target();
  if (auto name = hub.mailboxes().name_of(actor->address()); !name.empty())
    return *address::parse(hub.process().str() + "/" + name);
  return address::of(hub.process(), hub.number_of(actor), hub.life());
}

// -- sending ------------------------------------------------------------------------------------------------------------------

namespace {

clock::time_point until(const call_options& how) {
  return how.wait_for_process ? clock::now() + *how.wait_for_process : clock::time_point{};
}

/// A mailbox of this process that takes new messages.
expected<local_mailbox_ptr> find_here(core& where, const route& way) {
  if (where.stopping())
    return tl::unexpected{error{errc::shutting_down, way.text()}};
  auto& to = way.to;
  if (to.number() != 0 && to.life().known() && to.life() != where.life())
    return tl::unexpected{error{errc::stale_address, way.text()}};
  auto found = to.number() != 0 ? where.mailboxes().find(to.number()) : where.mailboxes().find(to.mailbox());
  if (!found)
    return tl::unexpected{error{errc::no_such_mailbox, way.text()}};
  return found;
}

/// Room that a plain thread may wait for.
expected<void> send_there(core& where, const route& way, const payload& what, const call_options& how, bool may_wait) {
  auto out = way.out();
  std::optional<clock::time_point> deadline; // the clock is for those who wait
  for (;;) {
    auto sent = way.peer->send(out, what, until(how));
    if (sent)
      return sent;
    auto now = clock::now();
    if (!deadline)
      deadline = now + how.timeout.value_or(where.settings().send_timeout);
    if (sent.error().code() != errc::overloaded || !may_wait || now >= *deadline)
      return tl::unexpected{sent.error().about(way.text())};
    way.peer->wait_for_room(*deadline);
  }
}

} // namespace

expected<void> system::post(const destination& to, const payload& what, const call_options& how, bool may_wait) {
  auto& hub = parts_->hub();
  ++hub.count().sent;
  expected<void> result;
  if (auto way = find_route(hub, to); !way) {
    result = tl::unexpected{way.error()};
  } else if (way->peer == nullptr) {
    if (auto found = find_here(hub, *way))
      deliver(hub, *std::move(found), nullptr, caf::make_message_id(), what.to_message(), std::nullopt, nullptr);
    else
      result = tl::unexpected{found.error()};
  } else {
    result = send_there(hub, *way, what, how, may_wait && !detail::must_not_block() && !hub.loop().here());
  }
  if (!result)
    ++hub.count().rejected;
  return result;
}

namespace {

/// Sends a request on its way. Returns the id to forget it by; 0 for a mailbox here.
expected<std::uint64_t> send_request(core& where, const route& way, const payload& what, const call_options& how,
                                     const std::shared_ptr<call>& waiting) {
  if (way.peer == nullptr) {
    auto found = find_here(where, way);
    if (!found)
      return tl::unexpected{found.error()};
    deliver(where, *std::move(found), nullptr, caf_version::request_id(1, false), what.to_message(), waiting, nullptr);
    return 0;
  }
  auto id = way.peer->request(way.out(), what, waiting, until(how));
  if (!id)
    return tl::unexpected{id.error().about(way.text())};
  return id;
}

} // namespace

expected<void> system::ask(const destination& to, const payload& what, const call_options& how,
                           const std::shared_ptr<call>& waiting) {
  auto& hub = parts_->hub();
  ++hub.count().sent;
  auto refused = [&](error why) -> expected<void> {
    ++hub.count().rejected;
    return tl::unexpected{std::move(why)};
  };
  if (detail::must_not_block() || hub.loop().here())
    return refused({errc::would_block, std::string{to.parsed() != nullptr ? to_string(*to.parsed()) : to.text()}});
  auto timeout = how.timeout.value_or(hub.settings().request_timeout);
  auto deadline = clock::now() + timeout;
  auto way = find_route(hub, to);
  if (!way)
    return refused(way.error());
  auto id = send_request(hub, *way, what, how, waiting);
  if (!id)
    return refused(id.error());
  auto done = [&] { return waiting->done(); };
  if (!(way->peer && way->peer->drive(deadline, done)) && !waiting->wait_until(deadline)) {
    if (way->peer)
      way->peer->forget(*id);
    waiting->fail(no_reply(way->text(), timeout)); // unless the reply comes this very moment
    waiting->wait_until(clock::time_point::max());
  }
  if (waiting->failed())
    return tl::unexpected{waiting->failed()->code() == errc::process_down ? waiting->failed()->about(way->text())
                                                                          : waiting->failed()->or_about(way->text())};
  return {};
}

void system::begin_call(const destination& to, const payload& what, const call_options& how,
                        const std::shared_ptr<call>& waiting, std::function<void()> finish, bool by_executor) {
  auto& hub = parts_->hub();
  ++hub.count().sent;
  auto executor = by_executor ? hub.settings().executor : nullptr;
  auto timer = std::make_shared<std::atomic<io_loop::timer>>(0);
  // whoever ends the call keeps it alive meanwhile; in an executor it must stay so for longer
  waiting->on_done([weak_hub = hub.weak_from_this(), weak = std::weak_ptr{waiting}, timer, executor,
                    finish = std::move(finish)]() mutable {
    if (auto still = weak_hub.lock())
      still->loop().cancel(*timer);
    auto keep = weak.lock();
    detail::actor_scope reading{true}; // who waits here for another reply would wait for himself
    if (executor)
      executor([keep, finish = std::move(finish)]() mutable { finish(); });
    else
      finish();
  });
  auto timeout = how.timeout.value_or(hub.settings().request_timeout);
  auto way = find_route(hub, to);
  if (!way) {
    ++hub.count().rejected;
    waiting->fail(way.error());
    return;
  }
  auto id = send_request(hub, *way, what, how, waiting);
  if (!id) {
    ++hub.count().rejected;
    waiting->fail(id.error());
    return;
  }
  *timer = hub.loop().after(timeout, [waiting, peer = way->peer, id = *id, text = way->text(), timeout] {
    if (peer)
      peer->forget(id);
    waiting->fail(no_reply(text, timeout));
  });
  if (waiting->done())
    hub.loop().cancel(*timer);
}

expected<void> system::wait_for(std::string_view what, std::chrono::milliseconds patience) {
  // a process alone, or one of its mailboxes
  auto mailbox = what.find('/') != std::string_view::npos;
  auto parsed = address::parse(mailbox ? std::string{what} : std::string{what} + "/any");
  if (!parsed)
    return tl::unexpected{parsed.error().about(std::string{what})};
  auto& hub = parts_->hub();
  if (detail::must_not_block() || hub.loop().here())
    return tl::unexpected{error{errc::would_block, std::string{what}}};
  auto peer = hub.is_here(*parsed) ? nullptr : hub.peers().get(*process_name::parse(parsed->process()));
  std::optional<mailbox_probe> probe;
  if (peer && mailbox)
    probe.emplace(*peer);
  auto there = [&]() -> expected<bool> {
    if (!mailbox)
      return true;
    mailbox_ref target{parsed->mailbox(), parsed->number()};
    if (!peer)
      return hub.mailboxes().find(target.name) != nullptr;
    // the answer to an earlier time is as good
    probe->ask(target);
    for (auto i = 0; i < 10 && !probe->found(); ++i)
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    return probe->found();
  };
  auto since = clock::now();
  auto deadline = since + patience;
  for (;;) {
    auto reached = peer ? peer->reach(since) : expected<bool>{true};
    if (reached && *reached)
      reached = there();
    if (reached && *reached)
      return {};
    if (!reached && reached.error().code() != errc::no_such_process && reached.error().code() != errc::process_down)
      return tl::unexpected{reached.error()};
    if (clock::now() >= deadline) {
      auto code = reached ? errc::no_such_mailbox : errc::no_such_process;
      return tl::unexpected{error{mailbox ? code : errc::no_such_process, std::string{what},
                                  std::string{to_string(mailbox ? code : errc::no_such_process)} + ": not within "
                                    + std::to_string(patience.count()) + " ms"}};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

// -- seeing what happens ------------------------------------------------------------------------------------------------------

statistics system::statistics() const {
  auto& hub = parts_->hub();
  auto& count = hub.count();
  return {count.sent, count.handled, count.rejected, hub.letters().total(), count.late, count.protocol_errors};
}

std::vector<dead_letter> system::dead_letters() const {
  return parts_->hub().letters().recent();
}

// -- for what is built on top -------------------------------------------------------------------------------------------------

void system::log(level value, std::string text) {
  parts_->hub().log().write(value, std::move(text));
}

bool system::stopping() const noexcept {
  return parts_->hub().stopping();
}

void system::leave_to_supervisor(const std::string& name, const caf::actor& actor) {
  parts_->hub().mailboxes().supervised(name, actor.address());
}

} // namespace mailroom
