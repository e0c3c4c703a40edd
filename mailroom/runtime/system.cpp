#include <mailroom/runtime/system.hpp>

#include <mailroom/runtime/delivery.hpp>
#include <mailroom/runtime/peer_table.hpp>
#include <mailroom/runtime/process_mailbox.hpp>
#include <mailroom/runtime/remote_mailbox.hpp>
#include <mailroom/runtime/routes.hpp>
#include <mailroom/runtime/system_parts.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <thread>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// The exit code of a process that `stuck_policy::end_process` ends.
constexpr int stuck_exit_code = 70;

error no_reply(const std::string& to, std::chrono::milliseconds after) {
  return {errc::timeout, to, "timeout: no reply within " + std::to_string(after.count()) + " ms"};
}

} // namespace

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
  auto parsed = detail::or_throw(mailbox_name::parse(name));
  if (is_reserved(name))
    throw failure{reserved_error(name)};
  auto& hub = parts_->hub();
  if (hub.stopping())
    throw failure{error{errc::shutting_down, std::string{name}}};
  detail::or_throw(hub.mailboxes().reserve(parsed));
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
  auto parsed = detail::or_throw(mailbox_name::parse(std::string{process_mailbox} + "/" + std::string{name}));
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

expected<void> send_here(core& where, const route& way, const payload& what) {
  auto to = find_here(where, way);
  if (!to)
    return tl::unexpected{to.error()};
  deliver(*std::move(to), nullptr, caf::make_message_id(), what.to_message(), nullptr);
  return {};
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
  auto found = on_route(hub, to, [&](const route& way) {
    result = way.peer == nullptr
               ? send_here(hub, way, what)
               : send_there(hub, way, what, how, may_wait && !detail::must_not_block() && !hub.loop().here());
  });
  if (!found)
    result = tl::unexpected{found.error()};
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
    deliver_request(*std::move(found), nullptr, caf_version::request_id(1, false), what.to_message(), waiting, nullptr);
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
  auto found = find_route(hub, to);
  if (!found)
    return refused(found.error());
  auto way = found->way();
  auto id = send_request(hub, way, what, how, waiting);
  if (!id)
    return refused(id.error());
  auto done = [&] { return waiting->done(); };
  if (!(way.peer && way.peer->drive(deadline, done)) && !waiting->wait_until(deadline)) {
    if (way.peer)
      way.peer->forget(*id);
    waiting->fail(no_reply(way.text(), timeout)); // unless the reply comes this very moment
    waiting->wait_until(clock::time_point::max());
  }
  if (waiting->failed())
    return tl::unexpected{waiting->failed()->code() == errc::process_down ? waiting->failed()->about(way.text())
                                                                          : waiting->failed()->or_about(way.text())};
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
  auto found = find_route(hub, to);
  if (!found) {
    ++hub.count().rejected;
    waiting->fail(found.error());
    return;
  }
  auto way = found->way();
  auto id = send_request(hub, way, what, how, waiting);
  if (!id) {
    ++hub.count().rejected;
    waiting->fail(id.error());
    return;
  }
  *timer = hub.loop().after(timeout, [waiting, peer = way.peer, id = *id, text = way.text(), timeout] {
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
