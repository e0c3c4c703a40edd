#pragma once
// Where a message goes, by what its sender wrote as its address. Internal.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/core.hpp>
#include <mailroom/runtime/transport_actor.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mailroom {

/// Where a message goes: to a peer, or to a mailbox here.
struct route {
  const address& to;
  const std::shared_ptr<transport_actor>& peer;

  std::string text() const { return to_string(to); }
  outgoing out() const { return {{to.mailbox(), to.number()}, to.life(), 0, false}; }
};

/// A route that owns what it consists of.
struct found_route {
  address to;
  std::shared_ptr<transport_actor> peer;

  route way() const { return {to, peer}; }
};

/// Of an address as it stands, by way of the tables of the system.
found_route find_route(core& where, const address& to);

/// Programs mostly write to the same addresses: those of a thread are not parsed and looked up again.
/// One thread at a time. Keeps no peer alive.
class known_routes {
public:
  static constexpr std::size_t most = 1024;

  /// Calls `use(route)` and returns true where the address is known.
  template <class Use> bool use(const incarnation& life, std::string_view text, Use use) {
    if (life != life_)
      return false;
    if (last_ == nullptr || last_->first != text) {
      auto found = by_text_.find(text);
      if (found == by_text_.end())
        return false;
      last_ = &*found;
    }
    auto& known = last_->second;
    auto peer = known.peer.lock();
    if (!known.here && !peer)
      return false;
    ++in_use_;
    struct end_of_use {
      int& count;
      ~end_of_use() { --count; }
    } guard{in_use_};
    use(route{known.to, peer});
    return true;
  }

  void keep(const incarnation& life, std::string_view text, const found_route& found) {
    if (in_use_ > 0)
      return; // somebody further up stands on an entry
    last_ = nullptr;
    if (life != life_ || by_text_.size() >= most)
      by_text_.clear();
    life_ = life;
    by_text_.insert_or_assign(std::string{text}, entry{found.to, found.peer, found.peer == nullptr});
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
  int in_use_ = 0;
};

/// They end with the thread.
known_routes& routes_of_this_thread();

/// Calls `use(route)`; fails where the address is none.
template <class Use> expected<void> on_route(core& where, const destination& to, Use use) {
  if (to.parsed() != nullptr) {
    use(find_route(where, *to.parsed()).way());
    return {};
  }
  auto& routes = routes_of_this_thread();
  if (routes.use(where.life(), to.text(), use))
    return {};
  auto parsed = address::parse(to.text());
  if (!parsed)
    return tl::unexpected{parsed.error()};
  auto found = find_route(where, *parsed);
  routes.keep(where.life(), to.text(), found);
  use(found.way());
  return {};
}

/// For one who waits: others may use the thread meanwhile, and want to know routes too.
expected<found_route> find_route(core& where, const destination& to);

} // namespace mailroom
