#include <mailroom/runtime/peer_table.hpp>

#include <mailroom/runtime/agreement.hpp>

namespace mailroom {

peer_table::peer_table(core& where)
  : core_{where}, transports_{make_transports(where.settings(), where.loop(), [this](level value, std::string text) {
      on_notice(value, text);
    })} {
  // nop
}

peer_table::~peer_table() = default;

/// Strangers can knock by the thousand: one line a second.
void peer_table::on_notice(level value, const std::string& text) {
  std::uint64_t suppressed = 0;
  if (core_.log().wants(value) && notices_.open(std::chrono::steady_clock::now(), suppressed))
    core_.log().write(value, text + and_more(suppressed));
}

expected<void> peer_table::listen() {
  for (auto& each : transports_) {
    auto listening = each->listen(core_.where(), [this](std::shared_ptr<connection> accepted) {
      auto fresh = session::make(core_, nullptr);
      if (auto opened = fresh->open(std::move(accepted)); !opened)
        core_.log().warning("connection refused: " + to_string(opened.error()));
    });
    if (!listening)
      return tl::unexpected{listening.error()};
    listeners_.push_back(*std::move(listening));
  }
  return {};
}

std::shared_ptr<transport_actor> peer_table::get(const process_name& name) {
  std::vector<std::shared_ptr<transport_actor>> forgotten; // destroyed outside the lock
  std::lock_guard guard{mutex_};
  auto& entry = peers_[name];
  if (!entry)
    entry = std::make_shared<transport_actor>(core_, name);
  auto result = entry;
  if (peers_.size() >= sweep_at_) {
    // processes come and go under ever new names: those nobody refers to any more are forgotten
    for (auto each = peers_.begin(); each != peers_.end();) {
      if (each->second.use_count() == 1 && each->second->idle()) {
        forgotten.push_back(std::move(each->second));
        each = peers_.erase(each);
      } else {
        ++each;
      }
    }
    sweep_at_ = std::max<std::size_t>(64, 2 * peers_.size());
  }
  return result;
}

expected<std::shared_ptr<connection>> peer_table::connect(const process_name& name) {
  endpoint to{core_.where().directory, name};
  error why{errc::no_such_process, name.str()};
  for (auto& each : transports_) {
    auto result = each->connect(to);
    if (result)
      return result;
    if (why.code() == errc::no_such_process)
      why = result.error(); // else the first one says more
  }
  if (why.code() == errc::no_such_process)
    if (auto owner = owner_of(to))
      why = disagreement(name, core_.settings().transports, *owner).value_or(std::move(why));
  return tl::unexpected{std::move(why)};
}

std::vector<std::shared_ptr<transport_actor>> peer_table::all() {
  std::lock_guard guard{mutex_};
  std::vector<std::shared_ptr<transport_actor>> result;
  for (auto& [name, peer] : peers_)
    result.push_back(peer);
  return result;
}

void peer_table::stop_listening() {
  listeners_.clear();
}

void peer_table::clear() {
  listeners_.clear();
  decltype(peers_) peers;
  std::lock_guard guard{mutex_};
  peers.swap(peers_);
}

} // namespace mailroom
