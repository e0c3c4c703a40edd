#pragma once
// The requests to one peer process that have no answer yet, and who asked.

#include <mailroom/runtime/call.hpp>
#include <mailroom/runtime/open_request.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace mailroom {

/// An actor that waits for a reply, and the handle that it asked.
struct actor_requester {
  local_origin who;
  caf::strong_actor_ptr asked;
};

using requester = std::variant<actor_requester, std::shared_ptr<call>>;

/// Guarded by its owner. Memory is used again: a request after the first ones takes none.
class pending_requests {
public:
  void add(std::uint64_t id, requester who) {
    if (spare_.empty()) {
      by_id_.emplace(id, std::move(who));
      return;
    }
    auto node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = id;
    node.mapped() = std::move(who);
    by_id_.insert(std::move(node));
  }

  /// Nothing where the request is not there: it was answered, or given up.
  std::optional<requester> take(std::uint64_t id) {
    auto found = by_id_.find(id);
    if (found == by_id_.end())
      return std::nullopt;
    auto node = by_id_.extract(found);
    std::optional result{std::exchange(node.mapped(), {})};
    if (spare_.size() < most_spare)
      spare_.push_back(std::move(node));
    return result;
  }

  /// All of them, but for those in `kept`.
  template <class Ids> std::vector<requester> take_all_but(const Ids& kept) {
    table left;
    for (auto id : kept)
      if (auto found = by_id_.find(id); found != by_id_.end())
        left.insert(by_id_.extract(found));
    std::vector<requester> result;
    for (auto& [id, who] : by_id_)
      result.push_back(std::move(who));
    by_id_ = std::move(left);
    return result;
  }

  bool empty() const noexcept { return by_id_.empty(); }

private:
  using table = std::unordered_map<std::uint64_t, requester>;

  static constexpr std::size_t most_spare = 64;

  table by_id_;
  std::vector<table::node_type> spare_;
};

} // namespace mailroom
