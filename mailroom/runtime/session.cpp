#include <mailroom/runtime/session.hpp>

#include <mailroom/runtime/delivery.hpp>
#include <mailroom/runtime/peer_table.hpp>
#include <mailroom/runtime/this_process.hpp>
#include <mailroom/runtime/transport_actor.hpp>

namespace mailroom {

namespace {

enum class context_kind : std::uint8_t { none = 0, values = 1, text = 2 };

introduction introduce(core& where) {
  introduction result;
  result.life = where.life();
  result.pid = this_process_id();
  result.max_message = where.settings().max_message;
  result.process = where.process().str();
  return result;
}

/// Bytes of a frame that are not the message's.
constexpr std::size_t max_envelope = 2048;

} // namespace

void write_error(frame_writer& out, const caf::error& what) {
  out.u8(what ? what.code() : 0);
  out.u64(what ? static_cast<std::uint64_t>(what.category()) : 0);
  if (!what || what.context().empty()) {
    out.u8(static_cast<std::uint8_t>(context_kind::none));
    return;
  }
  auto before = out.target().size();
  out.u8(static_cast<std::uint8_t>(context_kind::values));
  if (codec::encode(out.target(), what.context()))
    return;
  // a context of types that do not travel arrives as text
  out.target().resize(before);
  out.u8(static_cast<std::uint8_t>(context_kind::text));
  out.text16(to_string(what.context()));
}

std::optional<caf::error> read_error(body_reader& in) {
  auto code = in.u8();
  auto category = static_cast<caf::atom_value>(in.u64());
  auto kind = static_cast<context_kind>(in.u8());
  if (!in.ok())
    return std::nullopt;
  if (kind == context_kind::none)
    return code == 0 ? caf::error{} : caf::error{code, category};
  if (kind == context_kind::text) {
    std::string text{in.text16()};
    if (!in.ok())
      return std::nullopt;
    return caf::error{code, category, caf::make_message(std::move(text))};
  }
  auto context = codec::decode(in.rest());
  return caf::error{code, category, context ? *context : caf::message{}};
}

std::shared_ptr<session> session::make(core& where, std::shared_ptr<transport_actor> opener) {
  return std::make_shared<session>(where, std::move(opener));
}

session::session(core& where, std::shared_ptr<transport_actor> opener)
  : core_{where},
    keep_core_{where.shared_from_this()},
    role_{opener ? handshake::role::connecting : handshake::role::accepting},
    actor_{std::move(opener)} {
  auto mine = introduce(where);
  if (actor_)
    mine.wanted = actor_->peer().str();
  handshake_.emplace(role_, std::move(mine));
}

expected<void> session::open(std::shared_ptr<connection> over) {
  connection_ = std::move(over);
  auto hello = handshake_->opening();
  if (!hello.empty())
    connection_->send(hello, send_mode::system);
  auto started = connection_->start(shared_from_this());
  if (started && is_opener()) {
    auto patience = core_.settings().handshake_timeout;
    core_.loop().after(patience, [weak = weak_from_this(), patience] {
      auto self = weak.lock();
      if (self && !self->peer_.life.known())
        self->close(
          error{errc::process_down,
                {},
                "process down: it did not answer the handshake within " + std::to_string(patience.count()) + " ms"}
            .because(down_cause::hung));
    });
  }
  return started;
}

// -- handshake ----------------------------------------------------------------------------------------------------------------

void session::on_frame(const frame_view& frame) {
  if (handshake_)
    greet(frame);
  else
    serve(frame);
}

void session::greet(const frame_view& frame) {
  auto verdict = handshake_->next(frame);
  if (auto* failed = std::get_if<handshake::failed>(&verdict)) {
    if (!failed->answer.empty())
      connection_->send(failed->answer, send_mode::system);
    if (failed->why.code() == errc::undecodable)
      ++core_.count().protocol_errors;
    if (actor_)
      actor_->refused(shared_from_this(), failed->why);
    else
      core_.log().warning("connection refused: " + failed->why.cause());
    close(failed->why);
    return;
  }
  on_ready(std::get<handshake::ready>(std::move(verdict)).peer);
}

void session::on_ready(introduction peer) {
  peer_ = std::move(peer);
  handshake_.reset();
  if (is_opener()) {
    connection_->admit(core_.settings().max_message + max_envelope);
    if (!actor_->established(shared_from_this()))
      close({errc::cancelled, {}, "the connection is not needed"});
    return;
  }
  // the name was checked by the handshake
  actor_ = core_.peers().get(*process_name::parse(peer_.process));
  auto refusal = core_.stopping() ? std::optional{error{errc::shutting_down, {}, "shutting down"}}
                                  : actor_->admit(shared_from_this());
  if (refusal) {
    actor_ = nullptr;
    connection_->send(write_refusal(*refusal), send_mode::system);
    close(*refusal);
  }
}

void session::welcome() {
  connection_->admit(core_.settings().max_message + max_envelope);
  connection_->send(write_introduction(frame_kind::welcome, introduce(core_)), send_mode::system);
}

// -- frames -------------------------------------------------------------------------------------------------------------------

void session::serve(const frame_view& frame) {
  if (!actor_)
    return; // refused: the end is on its way
  // a look at the clock costs as much as much of a message: of many, some will do, since who is asked for a sign of life gives another
  constexpr unsigned one_in = 16;
  if (frame.header.kind != frame_kind::message || ++messages_ % one_in == 0)
    actor_->heard();
  body_reader in{frame.body};
  switch (frame.header.kind) {
    case frame_kind::message:
    case frame_kind::request:
      on_message(frame);
      break;
    case frame_kind::reply:
      actor_->on_reply(frame.header.id, frame.body);
      break;
    case frame_kind::failure:
      if (auto why = read_error(in))
        actor_->on_failure(frame.header.id, *why);
      else
        protocol_error("a malformed error");
      break;
    case frame_kind::watch:
      on_watch(frame);
      break;
    case frame_kind::down: {
      auto target = read_mailbox_ref(in);
      auto why = read_error(in);
      if (in.ok() && why)
        actor_->on_down(target, *why);
      else
        protocol_error("a malformed down");
      break;
    }
    case frame_kind::link:
      on_link(frame);
      break;
    case frame_kind::unlink:
      on_unlink(frame);
      break;
    case frame_kind::exit:
      on_exit(frame);
      break;
    case frame_kind::ping:
      on_ping(frame);
      break;
    case frame_kind::pong:
      if (!frame.body.empty() && in.u8() == 1)
        actor_->on_probed(frame.header.id);
      break;
    case frame_kind::goodbye:
      said_goodbye_ = true;
      break;
    default:
      protocol_error("a frame of kind " + std::to_string(static_cast<int>(frame.header.kind)));
  }
}

void session::protocol_error(std::string what) {
  close({errc::undecodable, "connection", "protocol error: " + std::move(what)});
}

local_mailbox_ptr session::find(const mailbox_ref& target) {
  return target.name.empty() ? core_.mailboxes().find(target.number) : finder_.find(target.name);
}

std::string session::name_of_peer() const {
  return peer_.process;
}

caf::strong_actor_ptr session::handle_of(std::uint64_t number) {
  if (number == 0)
    return nullptr;
  if (number != last_sender_) {
    auto handle = core_.mailbox(address::of(actor_->peer(), number, peer_.life));
    last_handle_ = caf::actor_cast<caf::strong_actor_ptr>(handle);
    last_sender_ = number;
  }
  return last_handle_;
}

void session::on_message(const frame_view& frame) {
  body_reader in{frame.body};
  auto head = read_envelope(in);
  if (!head) {
    protocol_error("a malformed envelope");
    return;
  }
  auto is_request = frame.header.kind == frame_kind::request;
  auto here = [&] {
    auto mailbox =
      head->target.name.empty() ? "#" + std::to_string(head->target.number) : std::string{head->target.name};
    return core_.process().str() + "/" + mailbox;
  };
  auto refuse = [&](error why) {
    if (is_request) {
      ++core_.count().rejected;
      answer_error(frame.header.id, why.to_caf());
    } else {
      core_.bury(here(), codec::describe(in.rest()), std::move(why));
    }
  };
  if (core_.stopping()) {
    refuse({errc::shutting_down, here()});
    return;
  }
  auto to = find(head->target);
  if (!to) {
    refuse({errc::no_such_mailbox, here()});
    return;
  }
  auto values = codec::decode(in.rest());
  if (!values) {
    refuse(values.error().about(here()));
    return;
  }
  auto sender = handle_of(head->sender);
  auto is_urgent = (frame.header.flags & flag_urgent) != 0;
  if (is_request) {
    // any number will do: the answer finds its way by its origin
    deliver_request(std::move(to), std::move(sender), caf_version::request_id(1, is_urgent), *std::move(values),
                    remote_origin{shared_from_this(), frame.header.id}, &core_.unit());
  } else {
    auto id = is_urgent ? caf::make_message_id().with_high_priority() : caf::make_message_id();
    deliver(std::move(to), std::move(sender), id, *std::move(values), &core_.unit());
  }
}

void session::answer(std::uint64_t id, const caf::message& what) {
  if (what.match_elements<caf::error>()) {
    answer_error(id, what.get_as<caf::error>(0));
    return;
  }
  auto& frame = scratch_buffer();
  frame_writer out{frame, frame_kind::reply, id};
  if (auto encoded = codec::encode(frame, what); !encoded) {
    answer_error(id, encoded.error().to_caf());
    return;
  }
  if (out.body_size() > peer_.max_message) {
    answer_error(
      id, error{errc::too_large, {}, "too large: a reply of " + std::to_string(out.body_size()) + " bytes"}.to_caf());
    return;
  }
  out.finish();
  connection_->send_buffer(frame, send_mode::system);
}

void session::answer_error(std::uint64_t id, const caf::error& why) {
  byte_buffer frame;
  frame_writer out{frame, frame_kind::failure, id};
  write_error(out, why);
  out.finish();
  send(frame, send_mode::system);
}

// -- monitors and links -------------------------------------------------------------------------------------------------------

/// A ping may ask for a mailbox; the pong says whether it is there.
void session::on_ping(const frame_view& frame) {
  byte_buffer pong;
  frame_writer out{pong, frame_kind::pong, frame.header.id};
  if (!frame.body.empty()) {
    body_reader in{frame.body};
    auto target = read_mailbox_ref(in);
    if (!in.ok()) {
      protocol_error("a malformed ping");
      return;
    }
    out.u8(find(target) ? 1 : 0);
  }
  out.finish();
  send(pong, send_mode::system);
}

void session::send_down(const std::string& name, std::uint64_t number, const caf::error& why) {
  byte_buffer frame;
  frame_writer out{frame, frame_kind::down};
  write(out, mailbox_ref{name, number});
  write_error(out, why);
  out.finish();
  send(frame, send_mode::system);
}

void session::on_watch(const frame_view& frame) {
  body_reader in{frame.body};
  auto target = read_mailbox_ref(in);
  if (!in.ok()) {
    protocol_error("a malformed watch");
    return;
  }
  watch(target);
}

/// Tells the peer once when the mailbox is gone, or that it is not there.
void session::watch(const mailbox_ref& target) {
  std::string name{target.name};
  auto to = find(target);
  if (!to) {
    auto label = name.empty() ? "#" + std::to_string(target.number) : name;
    send_down(name, target.number, error{errc::no_such_mailbox, core_.process().str() + "/" + label}.to_caf());
    return;
  }
  to->actor->get()->attach_functor([weak = weak_from_this(), name, number = target.number](const caf::error& why) {
    if (auto self = weak.lock())
      self->send_down(name, number, why);
  });
}

void session::on_link(const frame_view& frame) {
  body_reader in{frame.body};
  auto head = read_envelope(in);
  if (!head) {
    protocol_error("a malformed link");
    return;
  }
  if (auto to = find(head->target)) {
    std::lock_guard guard{links_mutex_};
    links_.emplace(head->sender, caf::actor_cast<caf::weak_actor_ptr>(to->actor));
  }
  watch(head->target);
}

void session::on_unlink(const frame_view& frame) {
  body_reader in{frame.body};
  auto head = read_envelope(in);
  if (!head) {
    protocol_error("a malformed unlink");
    return;
  }
  auto to = find(head->target);
  std::lock_guard guard{links_mutex_};
  auto [first, last] = links_.equal_range(head->sender);
  for (auto each = first; each != last; ++each) {
    if (to && each->second.lock() == to->actor) {
      links_.erase(each);
      return;
    }
  }
}

void session::on_exit(const frame_view& frame) {
  body_reader in{frame.body};
  auto head = read_envelope(in);
  auto why = head ? read_error(in) : std::nullopt;
  if (!why) {
    protocol_error("a malformed exit");
    return;
  }
  auto to = find(head->target);
  if (!to)
    return;
  {
    std::lock_guard guard{links_mutex_};
    auto [first, last] = links_.equal_range(head->sender);
    for (auto each = first; each != last; ++each) {
      if (each->second.lock() == to->actor) {
        links_.erase(each);
        break;
      }
    }
  }
  auto source = handle_of(head->sender);
  auto from = source ? source->address() : caf::actor_addr{};
  to->actor->enqueue(source, caf::make_message_id(), caf::make_message(caf::exit_msg{from, *why}), &core_.unit());
}

// -- the end ------------------------------------------------------------------------------------------------------------------

void session::on_room() {
  if (actor_)
    actor_->on_room();
}

void session::on_closed(const error& reason, std::vector<byte_buffer> unsent) {
  auto why = reason;
  // goodbye explains an end of file, but not a crash after it
  auto status = exit_status(reason);
  if (said_goodbye_ && reason.code() == errc::process_down && status.value_or(process_exit{}) == process_exit{})
    why = error{errc::process_down, {}, "process down: it stopped"}.because(down_cause::stopped, status);
  if (reason.code() == errc::undecodable || reason.code() == errc::too_large) {
    ++core_.count().protocol_errors;
    core_.log().warning((peer_.process.empty() ? "a connection" : peer_.process) + ": " + reason.cause());
    why = error{errc::process_down, {}, "process down: the connection was lost: " + reason.cause()}.because(
      down_cause::disconnected);
  }
  decltype(links_) links;
  {
    std::lock_guard guard{links_mutex_};
    links.swap(links_);
  }
  for (auto& [number, weak] : links) {
    auto linked = weak.lock();
    auto source = handle_of(number);
    if (linked && source)
      linked->enqueue(source, caf::make_message_id(),
                      caf::make_message(caf::exit_msg{source->address(), why.about(peer_.process).to_caf()}), nullptr);
  }
  last_handle_ = nullptr;
  if (actor_)
    actor_->closed(shared_from_this(), why, std::move(unsent));
}

} // namespace mailroom
