#include <mailroom/runtime/name_claim.hpp>

#include <algorithm>

namespace mailroom {

std::string offer_in(std::string_view line) {
  constexpr std::size_t longest = 100;
  auto end = line.find('\n');
  auto blank = line.substr(0, end).rfind(' ');
  if (end == std::string_view::npos || blank == std::string_view::npos)
    return {};
  auto offer = line.substr(blank + 1, end - blank - 1);
  auto fine = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == ','; };
  return offer.size() <= longest && std::ranges::all_of(offer, fine) ? std::string{offer} : std::string{};
}

} // namespace mailroom
