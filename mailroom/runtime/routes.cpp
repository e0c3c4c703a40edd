#include <mailroom/runtime/routes.hpp>

#include <mailroom/runtime/peer_table.hpp>

#include <optional>
#include <utility>

namespace mailroom {

found_route find_route(core& where, const address& to) {
  auto full = where.full(to);
  if (where.is_here(full))
    return {std::move(full), nullptr};
  auto peer = where.peers().get(*process_name::parse(full.process()));
  return {std::move(full), std::move(peer)};
}

known_routes& routes_of_this_thread() {
  static thread_local known_routes result;
  return result;
}

expected<found_route> find_route(core& where, const destination& to) {
  std::optional<found_route> result;
  auto found = on_route(where, to, [&](const route& way) { result = found_route{way.to, way.peer}; });
  if (!found)
    return tl::unexpected{found.error()};
  return *std::move(result);
}

} // namespace mailroom
