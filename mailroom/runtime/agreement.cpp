#include <mailroom/runtime/agreement.hpp>

#include <mailroom/runtime/this_process.hpp>

#include <algorithm>

namespace mailroom {

namespace {

/// What carries its frames, or the first of them.
std::string_view carrier(std::string_view transport) {
  return transport == to_string(transport_kind::shared_memory) ? to_string(transport_kind::pipe) : transport;
}

std::vector<std::string_view> carriers(std::string_view offer) {
  std::vector<std::string_view> result;
  for (std::size_t begin = 0; begin <= offer.size();) {
    auto end = std::min(offer.find(',', begin), offer.size());
    result.push_back(carrier(offer.substr(begin, end - begin)));
    begin = end + 1;
  }
  return result;
}

} // namespace

std::string offer_of(const std::vector<transport_kind>& transports) {
  std::string result;
  for (auto each = transports.begin(); each != transports.end(); ++each)
    if (std::find(transports.begin(), each, *each) == each)
      result.append(result.empty() ? "" : ",").append(to_string(*each));
  return result;
}

std::optional<error> disagreement(const process_name& peer, const std::vector<transport_kind>& ours,
                                  const name_owner& theirs) {
  if (theirs.offer.empty())
    return std::nullopt;
  constexpr auto memory = transport_kind::memory;
  auto apart = theirs.pid != this_process_id();
  auto mine = offer_of(ours);
  auto others = carriers(theirs.offer);
  auto both = [&](std::string_view each) { return std::ranges::count(others, each) > 0; };
  if (std::ranges::any_of(carriers(mine),
                          [&](auto each) { return both(each) && !(apart && each == to_string(memory)); }))
    return std::nullopt;
  auto needless = both(to_string(memory)) && std::ranges::count(ours, memory) > 0;
  return error{errc::version_mismatch, peer.str(),
               "no transport in common: it offers " + theirs.offer + ", this process " + mine
                 + (needless ? "; memory leads nowhere but within one process" : "")};
}

} // namespace mailroom
