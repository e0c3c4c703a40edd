#include <mailroom/runtime/origin.hpp>

#include <mailroom/runtime/address.hpp>

#include <atomic>
#include <charconv>
#include <cstdlib>

namespace mailroom {

namespace {

std::atomic<bool> taken{false};

std::string_view value_of(const char* variable) {
  auto* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

std::string name_in(const char* variable) {
  auto value = value_of(variable);
  if (value.empty())
    return {};
  auto name = process_name::parse(value);
  if (!name)
    throw failure{error{errc::system_error, variable, to_string(name.error())}};
  return name->str();
}

std::uint32_t pid_in(const char* variable) {
  auto value = value_of(variable);
  std::uint32_t result = 0;
  auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (!value.empty() && (status != std::errc{} || end != value.data() + value.size()))
    throw failure{error{errc::system_error, variable, "'" + std::string{value} + "' is not a process id"}};
  return result;
}

} // namespace

origin::origin() {
  mine_ = !taken.exchange(true);
  if (!mine_)
    return;
  try {
    read();
  } catch (...) {
    taken = false;
    throw;
  }
}

origin::~origin() {
  if (mine_)
    taken = false;
}

void origin::read() {
  process_ = name_in(process_variable);
  parent_ = name_in(parent_variable);
  parent_pid_ = pid_in(parent_pid_variable);
}

} // namespace mailroom
