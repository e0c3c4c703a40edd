#include <mailroom/runtime/core.hpp>

#include <mailroom/runtime/peer_table.hpp>
#include <mailroom/runtime/remote_mailbox.hpp>

namespace mailroom {

core::core(config settings, endpoint where, incarnation life, caf::actor_system& actors, std::unique_ptr<io_loop> loop)
  : settings_{std::move(settings)},
    where_{std::move(where)},
    life_{life},
    log_{settings_},
    actors_{actors},
    loop_{std::move(loop)},
    unit_{actors, *loop_, settings_.run_where_read},
    peers_{std::make_unique<peer_table>(*this)} {
  // nop
}

core::~core() = default;

void core::close() {
  closed_ = true;
  loop_->stop();
  peers_->clear();
  mailboxes_.close();
  log_.close();
  std::lock_guard guard{handles_mutex_};
  handles_.clear();
}

address core::full(const address& what) const {
  return what.process().empty() ? what.within(process().str()) : what;
}

caf::actor core::mailbox(const address& what) {
  auto target = full(what);
  std::lock_guard guard{handles_mutex_};
  auto& entry = handles_[target];
  if (auto known = entry.lock())
    return caf::actor_cast<caf::actor>(known);
  auto peer = is_here(target) ? nullptr : peers_->get(*process_name::parse(target.process()));
  auto fresh = remote_mailbox::make(*this, target, std::move(peer));
  entry = caf::actor_cast<caf::weak_actor_ptr>(fresh);
  if (handles_.size() >= sweep_at_) {
    std::erase_if(handles_, [](auto& each) { return !each.second.lock(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * handles_.size());
  }
  return caf::actor_cast<caf::actor>(fresh);
}

std::uint64_t core::number_of(const caf::strong_actor_ptr& who) {
  if (!who || who->home_system != &actors_)
    return 0;
  // mostly the same sender again
  thread_local std::uint64_t last_actor = 0;
  thread_local incarnation last_life;
  if (last_actor == who->id() && last_life == life_)
    return last_actor;
  if (dynamic_cast<caf::actor_proxy*>(who->get()) != nullptr)
    return 0; // a mailbox of another process cannot be named as ours
  auto number = mailboxes_.number_of(who);
  last_actor = number;
  last_life = number != 0 ? life_ : incarnation{};
  return number;
}

void core::bury(std::string to, std::string message, error why) {
  letters_.add({std::move(to), std::move(message), std::move(why)});
}

} // namespace mailroom
