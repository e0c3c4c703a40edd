#include <mailroom/runtime/transport_actor.hpp>

#include <mailroom/runtime/peer_table.hpp>
#include <mailroom/runtime/remote_mailbox.hpp>

#include <algorithm>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// After a refusal that another try would not change, so that a wrong version is no storm of connections.
constexpr std::chrono::seconds refusal_lasts{1};

/// Between two looks for a process that is about to start.
constexpr std::chrono::milliseconds first_retry{5};
constexpr std::chrono::milliseconds longest_retry{50};

expected<void> write_message(byte_buffer& target, frame_kind kind, std::uint64_t id, const outgoing& to,
                             const payload& values, std::size_t max_message) {
  frame_writer out{target, kind, id, to.urgent ? flag_urgent : std::uint8_t{0}};
  write(out, envelope{to.sender, to.target});
  auto head = out.body_size();
  if (auto encoded = values.encode(target); !encoded)
    return encoded;
  if (auto size = out.body_size() - head; size > max_message)
    return tl::unexpected{error{errc::too_large,
                                {},
                                "too large: a message of " + std::to_string(size) + " bytes where at most "
                                  + std::to_string(max_message) + " are allowed"}};
  out.finish();
  return {};
}

byte_buffer write_control(frame_kind kind, const mailbox_ref& target, std::optional<std::uint64_t> from = {},
                          const caf::error* reason = nullptr) {
  byte_buffer result;
  frame_writer out{result, kind};
  if (from)
    write(out, envelope{*from, target});
  else
    write(out, target);
  if (reason != nullptr)
    write_error(out, *reason);
  out.finish();
  return result;
}

byte_buffer write_empty(frame_kind kind) {
  byte_buffer result;
  frame_writer{result, kind}.finish();
  return result;
}

mailbox_ref ref_of(const address& target) {
  return {target.mailbox(), target.number()};
}

} // namespace

transport_actor::transport_actor(core& where, process_name peer) : core_{where}, peer_{std::move(peer)} {
  // nop
}

transport_actor::~transport_actor() = default;

// -- sending ------------------------------------------------------------------------------------------------------------------

transport_actor::time_point transport_actor::patience(time_point until) const {
  auto configured = core_.settings().wait_for_process;
  return configured.count() > 0 ? std::max(until, clock::now() + configured) : until;
}

/// The open session for a message of `size` bytes; null where the message must wait. `lock` is held.
expected<std::shared_ptr<session>> transport_actor::route(std::unique_lock<std::mutex>&, const outgoing& to,
                                                          std::size_t size, time_point until) {
  if (leaving_)
    return tl::unexpected{error{errc::shutting_down, peer_.str()}};
  if (state_ != state::open) {
    if (auto entered = enter_locked(patience(until)); !entered)
      return tl::unexpected{entered.error()};
    return std::shared_ptr<session>{};
  }
  if (to.life.known() && to.life != session_->peer().life)
    return tl::unexpected{error{errc::stale_address, peer_.str()}};
  if (size > session_->peer().max_message)
    return tl::unexpected{error{errc::too_large, peer_.str(),
                                "too large: the other process takes messages of at most "
                                  + std::to_string(session_->peer().max_message) + " bytes"}};
  return session_;
}

expected<void> transport_actor::send(const outgoing& to, const payload& values, time_point until) {
  auto& frame = scratch_buffer();
  if (auto written = write_message(frame, frame_kind::message, 0, to, values, core_.settings().max_message); !written)
    return written;
  std::shared_ptr<session> over;
  {
    std::unique_lock lock{mutex_};
    auto way = route(lock, to, frame.size(), until);
    if (!way)
      return tl::unexpected{way.error()};
    if (!*way)
      return queue_locked({frame, 0, to.life, patience(until)});
    over = *std::move(way);
  }
  switch (over->send_buffer(frame, send_mode::bounded)) {
    case send_result::sent:
      return {};
    case send_result::full:
      return tl::unexpected{error{errc::overloaded, peer_.str()}};
    default:
      if (queue_for_next(over, {frame, 0, to.life, patience(until)}))
        return {};
      return send(to, values, until); // the session has ended meanwhile
  }
}

/// For a frame that a session did not take because its connection is over: it waits for the next session, after all that the peer
/// had still written. False where the end was dealt with already.
bool transport_actor::queue_for_next(const std::shared_ptr<session>& over, waiting_frame frame) {
  std::lock_guard lock{mutex_};
  if (session_ != over || (state_ != state::open && state_ != state::closing))
    return false;
  state_ = state::closing;
  waiting_.push(std::move(frame));
  return true;
}

expected<std::uint64_t> transport_actor::request(const outgoing& to, const payload& values, requester who,
                                                 time_point until) {
  auto& frame = scratch_buffer();
  auto id = ++last_id_;
  if (auto written = write_message(frame, frame_kind::request, id, to, values, core_.settings().max_message); !written)
    return tl::unexpected{written.error()};
  std::shared_ptr<session> over;
  {
    std::unique_lock lock{mutex_};
    auto way = route(lock, to, frame.size(), until);
    if (!way)
      return tl::unexpected{way.error()};
    if (!*way) {
      if (auto queued = queue_locked({frame, id, to.life, patience(until)}); !queued)
        return tl::unexpected{queued.error()};
    }
    // before it is sent: the reply may be faster than we are
    pending_.add(id, std::move(who));
    tick_later_locked();
    if (!*way)
      return id;
    over = *std::move(way);
  }
  auto result = over->send_buffer(frame, send_mode::bounded);
  if (result == send_result::sent)
    return id;
  if (result == send_result::closed && queue_for_next(over, {frame, id, to.life, patience(until)}))
    return id;
  if (!take(id))
    return id; // answered meanwhile, by the end of the session
  return tl::unexpected{error{result == send_result::full ? errc::overloaded : errc::process_down, peer_.str()}};
}

void transport_actor::forget(std::uint64_t id) {
  std::optional<requester> forgotten; // outside the lock
  std::lock_guard lock{mutex_};
  forgotten = pending_.take(id);
  waiting_.take_if([&](const waiting_frame& each) { return each.request == id; });
}

bool transport_actor::drive(time_point deadline, const std::function<bool()>& done) {
  std::shared_ptr<session> over;
  {
    std::lock_guard lock{mutex_};
    if (state_ == state::open)
      over = session_;
  }
  return over ? over->over().drive(deadline, done) : done();
}

void transport_actor::wait_for_room(time_point deadline) {
  // whoever notifies may have done so just before: look again before long
  constexpr std::chrono::milliseconds slice{20};
  std::unique_lock lock{mutex_};
  room_.wait_until(lock, std::min(deadline, clock::now() + slice));
}

void transport_actor::on_room() {
  std::lock_guard lock{mutex_};
  room_.notify_all();
}

/// A control frame: it goes now, or waits for the session that is about to open; without one there is nobody to tell.
void transport_actor::control(byte_buffer frame, bool connect) {
  std::shared_ptr<session> over;
  {
    std::lock_guard lock{mutex_};
    if (state_ == state::open) {
      over = session_;
    } else {
      if (connect && !enter_locked(patience({})))
        return;
      if (state_ != state::idle)
        static_cast<void>(queue_locked({std::move(frame), 0, {}, patience({})}));
      return;
    }
  }
  over->send(frame, send_mode::system);
}

std::optional<error> transport_actor::watch(caf::strong_actor_ptr handle, const address& target,
                                            std::optional<std::uint64_t> linked) {
  {
    std::lock_guard lock{mutex_};
    if (leaving_)
      return error{errc::shutting_down, to_string(target)};
    if (state_ == state::open && target.life().known() && target.life() != session_->peer().life)
      return error{errc::stale_address, to_string(target)};
    if (auto entered = enter_locked(patience({})); !entered)
      return entered.error().about(to_string(target));
    auto fresh = watched_.emplace(target, std::move(handle)).second;
    tick_later_locked();
    if (!fresh && !linked)
      return std::nullopt; // asked already
  }
  control(linked ? write_control(frame_kind::link, ref_of(target), linked)
                 : write_control(frame_kind::watch, ref_of(target)),
          true);
  return std::nullopt;
}

void transport_actor::unlink(const mailbox_ref& target, std::uint64_t from) {
  control(write_control(frame_kind::unlink, target, from), false);
}

void transport_actor::send_exit(const mailbox_ref& target, std::uint64_t from, const caf::error& reason) {
  control(write_control(frame_kind::exit, target, from, &reason), true);
}

// -- finding the process ------------------------------------------------------------------------------------------------------

/// Makes sure that something is under way to a session. Fails where there is no hope.
expected<void> transport_actor::enter_locked(time_point until) {
  if (state_ != state::idle && state_ != state::waiting)
    return {}; // under way, or there
  auto now = clock::now();
  if (blocked_by_ && now < blocked_until_)
    return tl::unexpected{*blocked_by_};
  blocked_by_.reset();
  auto connected = connect_locked();
  if (connected)
    return {};
  auto may_come = connected.error().code() == errc::no_such_process || connected.error().code() == errc::overloaded;
  if (!may_come || until <= now)
    return connected;
  if (state_ == state::idle) {
    state_ = state::waiting;
    retry_delay_ = first_retry;
    retry_later_locked(retry_delay_);
  }
  return {};
}

expected<void> transport_actor::connect_locked() {
  auto connection = core_.peers().connect(peer_);
  if (!connection)
    return tl::unexpected{connection.error()};
  auto fresh = session::make(core_, shared_from_this());
  session_ = fresh;
  state_ = state::connecting;
  if (auto opened = fresh->open(*std::move(connection)); !opened) {
    session_.reset();
    state_ = state::idle;
    return opened;
  }
  return {};
}

void transport_actor::retry_later_locked(std::chrono::milliseconds delay) {
  core_.loop().after(delay, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->retry();
  });
}

/// Looks for the process again, for as long as a message waits for it.
void transport_actor::retry() {
  aftermath after;
  {
    std::lock_guard lock{mutex_};
    if (state_ != state::waiting)
      return;
    auto connected = connect_locked();
    if (!connected) {
      auto code = connected.error().code();
      auto in_vain = code == errc::version_mismatch || code == errc::denied; // somebody is there, and will not do
      drop_waiting_locked(after, connected.error(), in_vain);
      if (waiting_.empty()) {
        state_ = state::idle;
        // who watches without a message of their own waits no longer either
        for (auto& [target, handle] : watched_)
          after.handles.push_back(std::move(handle));
        watched_.clear();
        after.why = connected.error();
      } else {
        retry_delay_ = std::min(2 * retry_delay_, longest_retry);
        retry_later_locked(retry_delay_);
      }
    }
  }
  settle(std::move(after));
}

expected<void> transport_actor::queue_locked(waiting_frame frame) {
  auto& settings = core_.settings();
  if (!waiting_.fits(frame.bytes.size(), settings.max_queued_bytes, settings.max_queued_messages))
    return tl::unexpected{error{errc::overloaded, peer_.str()}};
  waiting_.push(std::move(frame));
  return {};
}

/// Drops of what waits that which is `meant`.
template <class Meant> void transport_actor::drop_locked(aftermath& after, Meant meant) {
  for (auto& each : waiting_.take_if(meant)) {
    if (each.request == 0) {
      after.unsent.push_back(std::move(each.bytes));
    } else if (auto who = pending_.take(each.request)) {
      after.unanswered.push_back(*std::move(who));
    }
  }
}

/// Drops what waits: all of it, or what has waited long enough.
void transport_actor::drop_waiting_locked(aftermath& after, const error& why, bool all) {
  drop_locked(after, [&, now = clock::now()](const waiting_frame& each) { return all || each.until <= now; });
  after.why = why;
}

/// Drops what is for another life of the process than the one that answered.
void transport_actor::fail_stale_locked(aftermath& after) {
  error why{errc::stale_address, peer_.str()};
  auto& life = session_->peer().life;
  drop_locked(after, [&](const waiting_frame& each) { return each.life.known() && each.life != life; });
  for (auto each = watched_.begin(); each != watched_.end();) {
    if (each->first.life().known() && each->first.life() != life) {
      after.handles.push_back(std::move(each->second));
      each = watched_.erase(each);
    } else {
      ++each;
    }
  }
  after.why = why;
}

/// There is a session: what waited for it goes out, and what waited for the process to start, once its mailboxes are there.
void transport_actor::begin_locked(const std::shared_ptr<session>& with) {
  session_ = with;
  heard();
  auto patient = waiting_.patience() > clock::now();
  state_ = patient ? state::settling : state::open;
  settling_found_ = false;
  settling_mailbox_.clear();
  if (patient)
    settle_next_locked();
  else
    flush_waiting_locked();
}

void transport_actor::flush_waiting_locked() {
  for (auto& each : waiting_.take_all())
    session_->send(each.bytes, send_mode::system);
  room_.notify_all();
}

/// A program needs a moment from its start to its first mailbox. Sends what waits in its order, and stops at the first message whose
/// mailbox nobody has looked for.
void transport_actor::settle_next_locked() {
  std::string found;
  while (!waiting_.empty()) {
    auto& first = waiting_.front();
    auto frame = std::span<const std::byte>{first.bytes};
    body_reader in{frame.subspan(frame_header_size)};
    auto kind = read_header(frame, frame.size())->kind;
    auto head = kind == frame_kind::message || kind == frame_kind::request ? read_envelope(in) : std::nullopt;
    if (head && !head->target.name.empty() && first.until > clock::now() && head->target.name != found) {
      if (!std::exchange(settling_found_, false)) {
        look_for_mailbox_locked(head->target);
        return;
      }
      found = head->target.name;
    }
    session_->send(first.bytes, send_mode::system);
    waiting_.pop();
  }
  state_ = state::open;
  room_.notify_all();
}

void transport_actor::look_for_mailbox_locked(const mailbox_ref& target) {
  // asked again it is the same question: an answer may take longer than we wait between two
  if (settling_mailbox_ != target.name) {
    settling_mailbox_ = target.name;
    settling_probe_ = ++last_id_;
  }
  byte_buffer ping;
  frame_writer out{ping, frame_kind::ping, settling_probe_};
  write(out, target);
  out.finish();
  session_->send(ping, send_mode::system);
  core_.loop().after(first_retry, [weak = weak_from_this(), probe = settling_probe_] {
    auto self = weak.lock();
    if (!self)
      return;
    std::lock_guard lock{self->mutex_};
    if (self->state_ == state::settling && self->settling_probe_ == probe)
      self->settle_next_locked();
  });
}

// -- sessions -----------------------------------------------------------------------------------------------------------------

std::optional<error> transport_actor::admit(const std::shared_ptr<session>& candidate) {
  aftermath lost;
  aftermath stale;
  std::shared_ptr<session> superseded;
  {
    std::lock_guard lock{mutex_};
    if (leaving_)
      return error{errc::shutting_down, core_.process().str()};
    auto had_session = state_ == state::open || state_ == state::settling || (state_ == state::closing && session_);
    if (had_session && session_->peer().life == candidate->peer().life)
      return error{errc::name_taken, peer_.str(), "connected already"};
    // both sides called at once: the connection of the lesser name wins
    if (state_ == state::connecting && core_.process() < peer_)
      return error{errc::cancelled, peer_.str(), "crossed"};
    if (had_session) {
      // the name has passed to a new process, and the kernel has not told us yet
      superseded = session_;
      lost = lose_locked(error{errc::process_down, peer_.str(), "process down: another process has its name"}.because(
        down_cause::exited));
    } else if (state_ == state::connecting) {
      superseded = session_;
    }
  }
  if (superseded)
    superseded->close({errc::cancelled, {}, "superseded"});
  // a loss is told before anything of the new session
  settle(std::move(lost));
  {
    std::lock_guard lock{mutex_};
    session_ = candidate;
    candidate->welcome();
    fail_stale_locked(stale);
    begin_locked(candidate);
  }
  core_.log().info(peer_.str() + " is up: process " + std::to_string(candidate->peer().pid) + " connected over "
                   + std::string{to_string(candidate->over().kind())});
  settle(std::move(stale));
  return std::nullopt;
}

bool transport_actor::established(const std::shared_ptr<session>& ours) {
  aftermath stale;
  {
    std::lock_guard lock{mutex_};
    if (state_ != state::connecting || session_ != ours)
      return false;
    fail_stale_locked(stale);
    begin_locked(ours);
  }
  core_.log().info(peer_.str() + " is up: connected to process " + std::to_string(ours->peer().pid) + " over "
                   + std::string{to_string(ours->over().kind())});
  settle(std::move(stale));
  return true;
}

void transport_actor::refused(const std::shared_ptr<session>& ours, const error& why) {
  aftermath after;
  {
    std::lock_guard lock{mutex_};
    if (state_ != state::connecting || session_ != ours)
      return;
    session_.reset();
    if (why.code() == errc::cancelled) {
      // the peer's own connection is on its way, unless it dies of something
      state_ = state::crossed;
      core_.loop().after(core_.settings().handshake_timeout, [weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self)
          return;
        aftermath late;
        {
          std::lock_guard inner{self->mutex_};
          if (self->state_ == state::crossed)
            late =
              self->lose_locked({errc::process_down, self->peer_.str(), "process down: its connection never came"});
        }
        self->settle(std::move(late));
      });
      return;
    }
    if (why.code() == errc::name_taken) {
      // it has not noticed yet that our last session is over
      state_ = state::waiting;
      retry_delay_ = first_retry;
      waiting_.be_patient(clock::now() + core_.settings().handshake_timeout);
      retry_later_locked(retry_delay_);
      return;
    }
    blocked_by_ = why.about(peer_.str());
    blocked_until_ = clock::now() + refusal_lasts;
    after = lose_locked(*blocked_by_);
  }
  core_.log().warning(peer_.str() + " refused the connection: " + why.cause());
  settle(std::move(after));
  resume_after_loss();
}

void transport_actor::closed(const std::shared_ptr<session>& which, const error& reason,
                             std::vector<byte_buffer> unsent) {
  auto why = reason.about(peer_.str());
  aftermath after;
  bool was_open = false;
  bool calm = reason.why_down() == down_cause::stopped;
  {
    std::lock_guard lock{mutex_};
    calm = calm || leaving_;
    if (session_ == which) {
      was_open = state_ != state::connecting;
      after = lose_locked(why);
    }
  }
  if (was_open)
    core_.log().write(calm ? level::info : level::warning, peer_.str() + " is down: " + reason.cause());
  for (auto& each : unsent)
    bury_frame(each, why);
  settle(std::move(after));
  resume_after_loss();
}

/// Forgets the session and everything that depended on it; what is left to do is for `settle`. Behind an open session only such frames wait
/// as it did not take: they stay for the next one.
transport_actor::aftermath transport_actor::lose_locked(const error& why) {
  aftermath after;
  if (state_ != state::open && state_ != state::closing)
    drop_waiting_locked(after, why, true);
  std::vector<std::uint64_t> unsent;
  for (auto& each : waiting_)
    unsent.push_back(each.request);
  for (auto& each : pending_.take_all_but(unsent))
    after.unanswered.push_back(std::move(each));
  for (auto& [target, handle] : watched_)
    after.handles.push_back(std::move(handle));
  watched_.clear();
  after.why = why;
  // what is sent before the loss is told must not overtake it
  state_ = state::closing;
  session_.reset();
  room_.notify_all();
  return after;
}

/// The loss was told: what waits looks for the process afresh.
void transport_actor::resume_after_loss() {
  aftermath after;
  {
    std::lock_guard lock{mutex_};
    if (state_ != state::closing || session_)
      return;
    state_ = state::idle;
    if (waiting_.empty() && watched_.empty())
      return;
    if (auto entered = enter_locked(waiting_.patience()); !entered) {
      drop_waiting_locked(after, entered.error(), true);
      for (auto& [target, handle] : watched_)
        after.handles.push_back(std::move(handle));
      watched_.clear();
    }
  }
  settle(std::move(after));
}

void transport_actor::settle(aftermath after) {
  if (!after.why)
    return;
  for (auto& each : after.unanswered)
    fail(each, *after.why);
  for (auto& each : after.unsent)
    bury_frame(each, *after.why);
  for (auto& each : after.handles) {
    auto* handle = static_cast<remote_mailbox*>(each->get());
    handle->gone(after.why->about(to_string(handle->target())).to_caf());
  }
}

void transport_actor::bury_frame(std::span<const std::byte> frame, const error& why) {
  auto header = read_header(frame, frame.size());
  if (!header || header->kind != frame_kind::message)
    return; // requests are answered, and control frames carry nothing of anybody's
  body_reader in{frame.subspan(frame_header_size)};
  auto head = read_envelope(in);
  if (!head)
    return;
  auto mailbox = head->target.name.empty() ? "#" + std::to_string(head->target.number) : std::string{head->target.name};
  core_.bury(peer_.str() + "/" + mailbox, codec::describe(in.rest()), why);
}

void transport_actor::leave() {
  std::lock_guard lock{mutex_};
  leaving_ = true;
  if (state_ == state::open || state_ == state::settling) {
    flush_waiting_locked();
    session_->send(write_empty(frame_kind::goodbye), send_mode::system);
  }
}

bool transport_actor::flushed() {
  std::lock_guard lock{mutex_};
  return waiting_.empty() && (state_ != state::open || session_->over().flushed());
}

void transport_actor::close(const error& reason) {
  std::shared_ptr<session> last;
  aftermath after;
  {
    std::lock_guard lock{mutex_};
    leaving_ = true;
    last = session_;
    drop_waiting_locked(after, reason.about(peer_.str()), true);
  }
  settle(std::move(after));
  {
    std::lock_guard lock{mutex_};
    after = lose_locked(reason.about(peer_.str()));
  }
  if (last)
    last->close(reason);
  settle(std::move(after));
  resume_after_loss();
}

expected<bool> transport_actor::reach(time_point since) {
  constexpr std::chrono::milliseconds again{50};
  std::lock_guard lock{mutex_};
  if (leaving_)
    return tl::unexpected{error{errc::shutting_down, peer_.str()}};
  if (auto entered = enter_locked({}); !entered)
    return tl::unexpected{entered.error()};
  if (state_ != state::open && state_ != state::settling)
    return false;
  if (time_point{clock::duration{heard_.load(std::memory_order_relaxed)}} > since)
    return true;
  // the process behind the session may be gone, and nobody has told us yet
  if (auto now = clock::now(); now - asked_for_life_ >= again) {
    asked_for_life_ = now;
    session_->send(write_empty(frame_kind::ping), send_mode::system);
  }
  return false;
}

std::uint64_t transport_actor::begin_probe() {
  auto id = ++last_id_;
  std::lock_guard lock{mutex_};
  probes_.emplace(id, false);
  return id;
}

void transport_actor::probe(std::uint64_t id, const mailbox_ref& target) {
  std::lock_guard lock{mutex_};
  if (state_ != state::open && state_ != state::settling)
    return;
  byte_buffer ping;
  frame_writer out{ping, frame_kind::ping, id};
  write(out, target);
  out.finish();
  session_->send(ping, send_mode::system);
}

bool transport_actor::probed(std::uint64_t id) {
  std::lock_guard lock{mutex_};
  auto found = probes_.find(id);
  return found != probes_.end() && found->second;
}

void transport_actor::end_probe(std::uint64_t id) {
  std::lock_guard lock{mutex_};
  probes_.erase(id);
}

void transport_actor::on_probed(std::uint64_t id) {
  std::lock_guard lock{mutex_};
  if (auto asked = probes_.find(id); asked != probes_.end())
    asked->second = true;
  if (state_ == state::settling && id == settling_probe_) {
    settling_found_ = true;
    settling_mailbox_.clear();
    settle_next_locked();
  }
}

bool transport_actor::idle() {
  std::lock_guard lock{mutex_};
  return state_ == state::idle && waiting_.empty() && !(blocked_by_ && clock::now() < blocked_until_);
}

// -- answers ------------------------------------------------------------------------------------------------------------------

std::optional<requester> transport_actor::take(std::uint64_t id) {
  std::lock_guard lock{mutex_};
  return pending_.take(id);
}

void transport_actor::fail(const requester& who, const error& why) {
  ++core_.count().rejected;
  if (auto* waiting = std::get_if<std::shared_ptr<call>>(&who)) {
    (*waiting)->fail(why);
    return;
  }
  auto& actor = std::get<actor_requester>(who);
  auto& target = static_cast<remote_mailbox*>(actor.asked->get())->target();
  respond(actor.asked, actor.who, caf::make_message(why.about(to_string(target)).to_caf()), nullptr);
}

void transport_actor::on_reply(std::uint64_t id, std::span<const std::byte> values) {
  auto who = take(id);
  if (!who) {
    ++core_.count().late;
    return;
  }
  if (auto* waiting = std::get_if<std::shared_ptr<call>>(&*who)) {
    (*waiting)->reply(values);
    return;
  }
  auto& actor = std::get<actor_requester>(*who);
  auto decoded = codec::decode(values);
  auto& target = static_cast<remote_mailbox*>(actor.asked->get())->target();
  respond(actor.asked, actor.who,
          decoded ? *std::move(decoded) : caf::make_message(decoded.error().about(to_string(target)).to_caf()),
          &core_.unit());
}

void transport_actor::on_failure(std::uint64_t id, const caf::error& why) {
  auto who = take(id);
  if (!who) {
    ++core_.count().late;
    return;
  }
  if (auto* waiting = std::get_if<std::shared_ptr<call>>(&*who))
    (*waiting)->fail(error{why});
  else
    respond(std::get<actor_requester>(*who).asked, std::get<actor_requester>(*who).who, caf::make_message(why),
            &core_.unit());
}

void transport_actor::on_down(const mailbox_ref& target, const caf::error& why) {
  std::vector<caf::strong_actor_ptr> handles;
  {
    std::lock_guard lock{mutex_};
    for (auto each = watched_.begin(); each != watched_.end();) {
      if (each->first.mailbox() == target.name && each->first.number() == target.number) {
        handles.push_back(std::move(each->second));
        each = watched_.erase(each);
      } else {
        ++each;
      }
    }
  }
  for (auto& each : handles)
    static_cast<remote_mailbox*>(each->get())->gone(why);
}

// -- signs of life ------------------------------------------------------------------------------------------------------------

/// Heartbeats run only while somebody waits on the peer.
void transport_actor::tick_later_locked() {
  if (ticking_)
    return;
  ticking_ = true;
  awaited_since_ = clock::now();
  auto delay = std::min(core_.settings().heartbeat, core_.settings().hung_after);
  tick_due_ = awaited_since_ + delay;
  core_.loop().after(delay, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->tick();
  });
}

void transport_actor::tick() {
  auto& settings = core_.settings();
  std::shared_ptr<session> over;
  auto now = clock::now();
  time_point deadline;
  {
    std::lock_guard lock{mutex_};
    if (!awaited_locked()) {
      ticking_ = false;
      return;
    }
    if (now - tick_due_ > settings.heartbeat)
      awaited_since_ = now; // we were the ones who stood still
    auto heard = time_point{clock::duration{heard_.load(std::memory_order_relaxed)}};
    deadline = std::max(heard, awaited_since_) + settings.hung_after;
    if (state_ == state::open || state_ == state::settling)
      over = session_;
    auto next = std::clamp<clock::duration>(deadline - now, std::chrono::milliseconds{1}, settings.heartbeat);
    auto delay = std::chrono::ceil<std::chrono::milliseconds>(next);
    tick_due_ = now + delay;
    core_.loop().after(delay, [weak = weak_from_this()] {
      if (auto self = weak.lock())
        self->tick();
    });
  }
  if (!over)
    return; // whoever connects has deadlines of its own
  if (now >= deadline) {
    over->close(error{errc::process_down,
                      {},
                      "process down: hung, no sign of life for " + std::to_string(settings.hung_after.count()) + " ms"}
                  .because(down_cause::hung));
    return;
  }
  over->send(write_empty(frame_kind::ping), send_mode::system);
}

} // namespace mailroom
