// No bare readers in a crowd here: under Wine one server does all waking.

#include "crowd.hpp"

#include <stdexcept>

namespace bench {

bool has_bare_crowd() {
  return false;
}

void serve_bare_crowd(const crowd&, const std::filesystem::path&) {
  throw std::logic_error{"no bare crowd"};
}

double pour_bare(const crowd&, const std::filesystem::path&, std::size_t, int) {
  throw std::logic_error{"no bare crowd"};
}

} // namespace bench
