#pragma once
// What the parts of one system share: its name and life, its log and counters, its mailboxes and peers. Handles may outlive the system, and
// what they share with it is this: after `close` it still counts dead letters and does nothing else.

#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/config.hpp>
#include <mailroom/runtime/dead_letters.hpp>
#include <mailroom/runtime/endpoint.hpp>
#include <mailroom/runtime/io_loop.hpp>
#include <mailroom/runtime/io_unit.hpp>
#include <mailroom/runtime/log.hpp>
#include <mailroom/runtime/mailbox_table.hpp>
#include <mailroom/runtime/transport.hpp>

#include <atomic>
#include <memory>

namespace mailroom {

class peer_table;

struct counters {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> late{0};
  std::atomic<std::uint64_t> protocol_errors{0};
};

class core : public std::enable_shared_from_this<core> {
public:
  core(config settings, endpoint where, incarnation life, caf::actor_system& actors, std::unique_ptr<io_loop> loop);
  ~core();

  const config& settings() const noexcept { return settings_; }
  const process_name& process() const noexcept { return where_.process; }
  const endpoint& where() const noexcept { return where_; }
  const incarnation& life() const noexcept { return life_; }

  logger& log() noexcept { return log_; }
  dead_letters& letters() noexcept { return letters_; }
  counters& count() noexcept { return counters_; }
  io_loop& loop() noexcept { return *loop_; }
  io_unit& unit() noexcept { return unit_; }
  mailbox_table& mailboxes() noexcept { return mailboxes_; }
  peer_table& peers() noexcept { return *peers_; }

  /// Valid until `close`.
  caf::actor_system& actors() noexcept { return actors_; }

  /// New work is refused from here on.
  bool stopping() const noexcept { return stopping_; }
  void stopping(bool value) noexcept { stopping_ = value; }

  /// The system is gone.
  bool closed() const noexcept { return closed_; }
  void close();

  /// The handle bound to `what`, the same object as long as somebody holds it. A mailbox of this process may be written either way.
  caf::actor mailbox(const address& what);

  /// The address as this process would write it: always with a process.
  address full(const address& what) const;
  bool is_here(const address& what) const noexcept {
    return what.process().empty() || what.process() == process().str();
  }

  /// The number under which others reach `who`: 0 for nobody, and for what is no actor of this process.
  std::uint64_t number_of(const caf::strong_actor_ptr& who);

  void bury(std::string to, std::string message, error why);

private:
  config settings_;
  endpoint where_;
  incarnation life_;
  logger log_;
  dead_letters letters_{log_};
  counters counters_;
  caf::actor_system& actors_;
  std::unique_ptr<io_loop> loop_;
  io_unit unit_;
  mailbox_table mailboxes_;
  std::unique_ptr<peer_table> peers_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> closed_{false};

  std::mutex handles_mutex_;
  std::map<address, caf::weak_actor_ptr> handles_;
  std::size_t sweep_at_ = 64;
};

} // namespace mailroom
