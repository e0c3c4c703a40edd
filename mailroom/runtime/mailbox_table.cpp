#include <mailroom/runtime/mailbox_table.hpp>

#include <mutex>

namespace mailroom {

local_mailbox_ptr mailbox_table::make(std::string label, caf::strong_actor_ptr actor, bool is_service) const {
  auto shared = std::make_shared<const std::string>(std::move(label));
  return std::make_shared<local_mailbox>(
    local_mailbox{home_.lock(), std::move(shared), std::move(actor), false, is_service});
}

expected<void> mailbox_table::put(const mailbox_name& name, local_mailbox_ptr entry) {
  local_mailbox_ptr last; // let go of outside the lock
  std::unique_lock guard{mutex_};
  if (closed_)
    return tl::unexpected{error{errc::shutting_down, name.str()}};
  ++version_;
  auto [position, fresh] = names_.try_emplace(name.str(), entry);
  if (!fresh) {
    // an actor that has ended lets go of its name a moment later: who knows of the end must not be told that it is taken
    auto& owner = position->second->actor;
    auto ended = owner && owner->get()->getf(caf::abstract_actor::is_terminated_flag);
    auto reserved = !owner && entry->actor;
    if (!ended && !reserved)
      return tl::unexpected{error{errc::name_taken, name.str(), "name taken by another mailbox"}};
    last = std::exchange(position->second, std::move(entry));
  }
  return {};
}

expected<void> mailbox_table::bind(const mailbox_name& name, caf::strong_actor_ptr actor) {
  return put(name, make(name.str(), std::move(actor)));
}

expected<void> mailbox_table::bind_service(const mailbox_name& name, caf::strong_actor_ptr actor) {
  return put(name, make(name.str(), std::move(actor), true));
}

expected<void> mailbox_table::reserve(const mailbox_name& name) {
  return put(name, make(name.str(), nullptr));
}

void mailbox_table::supervised(const std::string& name, const caf::actor_addr& actor) {
  local_mailbox_ptr last; // let go of outside the lock
  std::unique_lock guard{mutex_};
  auto found = names_.find(name);
  if (found == names_.end() || !found->second->actor || found->second->actor->address() != actor)
    return;
  ++version_;
  auto& entry = found->second;
  auto changed = std::make_shared<local_mailbox>(*entry);
  changed->supervised = true;
  last = std::exchange(entry, std::move(changed));
}

bool mailbox_table::remove(const std::string& name, const caf::actor_addr& actor) {
  local_mailbox_ptr last; // an actor may end with it: outside the lock
  std::unique_lock guard{mutex_};
  auto found = names_.find(name);
  if (found == names_.end())
    return false;
  if (actor && (!found->second->actor || found->second->actor->address() != actor))
    return false;
  ++version_;
  last = std::move(found->second);
  names_.erase(found);
  return true;
}

std::uint64_t mailbox_table::number_of(const caf::strong_actor_ptr& actor) {
  auto number = actor->id();
  {
    std::shared_lock guard{mutex_};
    if (auto found = numbers_.find(number); found != numbers_.end() && found->second.lock() == actor)
      return number;
  }
  std::unique_lock guard{mutex_};
  if (closed_)
    return 0;
  if (numbers_.size() >= sweep_at_) {
    // actors that are gone leave their numbers, which are never used again
    std::erase_if(numbers_, [](auto& each) { return !each.second.lock(); });
    sweep_at_ = std::max<std::size_t>(1024, 2 * numbers_.size());
  }
  numbers_[number] = caf::actor_cast<caf::weak_actor_ptr>(actor);
  return number;
}

std::string mailbox_table::name_of(const caf::actor_addr& actor) const {
  std::shared_lock guard{mutex_};
  for (auto& [name, entry] : names_)
    if (entry->actor && entry->actor->address() == actor)
      return name;
  return {};
}

local_mailbox_ptr mailbox_table::find(std::string_view name) const {
  std::shared_lock guard{mutex_};
  auto found = names_.find(name);
  return found != names_.end() && found->second->actor ? found->second : nullptr;
}

local_mailbox_ptr mailbox_finder::find(std::string_view name) {
  auto version = table_.version(); // before the look: what changes behind it is looked for again
  if (version == version_ && name == name_)
    if (auto known = last_.lock())
      return known;
  auto found = table_.find(name);
  version_ = version;
  name_ = name;
  last_ = found;
  return found;
}

local_mailbox_ptr mailbox_table::find(std::uint64_t number) const {
  caf::strong_actor_ptr actor;
  {
    std::shared_lock guard{mutex_};
    if (auto found = numbers_.find(number); found != numbers_.end())
      actor = found->second.lock();
  }
  if (!actor)
    return nullptr;
  return make("#" + std::to_string(number), std::move(actor));
}

std::vector<local_mailbox_ptr> mailbox_table::all(bool services) const {
  std::shared_lock guard{mutex_};
  std::vector<local_mailbox_ptr> result;
  for (auto& [name, entry] : names_)
    if (entry->actor && entry->is_service == services)
      result.push_back(entry);
  return result;
}

void mailbox_table::close() {
  decltype(names_) names;
  decltype(numbers_) numbers;
  std::unique_lock guard{mutex_};
  ++version_;
  closed_ = true;
  names.swap(names_);
  numbers.swap(numbers_);
}

} // namespace mailroom
