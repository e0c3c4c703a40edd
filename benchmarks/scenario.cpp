#include "scenario.hpp"

#include <algorithm>

namespace bench {

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

} // namespace

const std::vector<scenario>& scenarios() {
  static const std::vector<scenario> result{
    {"request 64 B", flow::request, 64, rate_unit::messages},
    {"request 1 KiB", flow::request, kib, rate_unit::messages},
    {"request 64 KiB", flow::request, 64 * kib, rate_unit::messages},
    {"request 1 MiB", flow::request, mib, rate_unit::messages},
    {"request 64 B after 50 ms", flow::request, 64, rate_unit::messages, std::chrono::milliseconds{50}},
    {"one way 64 B", flow::one_way, 64, rate_unit::messages},
    {"one way 64 KiB", flow::one_way, 64 * kib, rate_unit::mebibytes},
    {"one way 1 MiB", flow::one_way, mib, rate_unit::mebibytes},
  };
  return result;
}

const scenario* find_scenario(std::string_view name) {
  auto found = std::ranges::find(scenarios(), name, &scenario::name);
  return found != scenarios().end() ? &*found : nullptr;
}

double scenario::rate(std::uint64_t messages, double seconds) const noexcept {
  auto amount = static_cast<double>(messages);
  if (unit == rate_unit::mebibytes)
    amount *= static_cast<double>(payload) / static_cast<double>(mib);
  return amount / seconds;
}

std::string_view to_string(rate_unit value) noexcept {
  return value == rate_unit::messages ? "messages/s" : "MiB/s";
}

} // namespace bench
