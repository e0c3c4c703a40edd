#pragma once
// A session is one connection with one life of a peer process, from hello to goodbye. It never reconnects: the transport actor opens a new
// one. What comes in is served here; what is an answer to ours goes to the transport actor.

#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/handshake.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

namespace mailroom {

class transport_actor;

class session final : public connection_events, public std::enable_shared_from_this<session> {
public:
  /// `opener` is the transport actor that wants the connection; none where the peer opened it.
  static std::shared_ptr<session> make(core& where, std::shared_ptr<transport_actor> opener);

  session(core& where, std::shared_ptr<transport_actor> opener);

  /// Begins: the connecting side says hello.
  expected<void> open(std::shared_ptr<connection> over);

  /// Valid once the session is open.
  const introduction& peer() const noexcept { return peer_; }
  connection& over() noexcept { return *connection_; }
  bool is_opener() const noexcept { return role_ == handshake::role::connecting; }

  send_result send(std::span<const std::byte> frame, send_mode mode) { return connection_->send(frame, mode); }
  send_result send_buffer(byte_buffer& frame, send_mode mode) { return connection_->send_buffer(frame, mode); }

  /// Sends the welcome; the session is open. By the transport actor that admits it.
  void welcome();

  void close(error reason) { connection_->close(std::move(reason)); }

  /// Answers request `id` of the peer with values, or with the error that `what` is. Any thread.
  void answer(std::uint64_t id, const caf::message& what);

  // -- connection_events ---------------------------------------------------------------------------------------------------------

  void on_frame(const frame_view& frame) override;
  void on_room() override;
  void on_closed(const error& reason, std::vector<byte_buffer> unsent) override;

private:
  void greet(const frame_view& frame);
  void on_ready(introduction peer);
  void serve(const frame_view& frame);
  void on_message(const frame_view& frame);
  void on_ping(const frame_view& frame);
  void on_watch(const frame_view& frame);
  void watch(const mailbox_ref& target);
  void on_link(const frame_view& frame);
  void on_unlink(const frame_view& frame);
  void on_exit(const frame_view& frame);
  void answer_error(std::uint64_t id, const caf::error& why);
  void send_down(const std::string& name, std::uint64_t number, const caf::error& why);
  void protocol_error(std::string what);
  local_mailbox_ptr find(const mailbox_ref& target);
  caf::strong_actor_ptr handle_of(std::uint64_t number);
  std::string name_of_peer() const;

  core& core_;
  std::shared_ptr<core> keep_core_;
  handshake::role role_;
  std::optional<handshake> handshake_; // until it is done
  std::shared_ptr<transport_actor> actor_;
  std::shared_ptr<connection> connection_;
  introduction peer_;
  bool said_goodbye_ = false;

  // the reading thread's: how many messages came, the last mailbox and the last sender, since mostly the same ones speak
  unsigned messages_ = 0;
  mailbox_finder finder_{core_.mailboxes()};
  std::uint64_t last_sender_ = 0;
  caf::strong_actor_ptr last_handle_;

  std::mutex links_mutex_;
  std::multimap<std::uint64_t, caf::weak_actor_ptr> links_; // peer's mailbox number -> linked actor here
};

/// An error as it travels: its code, category and context, so that a program's own errors arrive whole.
void write_error(frame_writer& out, const caf::error& what);
std::optional<caf::error> read_error(body_reader& in);

} // namespace mailroom
