#include <mailroom/actors/process_spec.hpp>

#include <string_view>

namespace mailroom {

namespace {

bool has_zero(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

/// What is wrong, or nothing.
std::string fault_of(const process_spec& what) {
  if (what.program.empty())
    return "no program";
  if (has_zero(what.program.string()) || has_zero(what.working_directory.string()))
    return "a path has a zero byte";
  for (auto& each : what.arguments)
    if (has_zero(each))
      return "an argument has a zero byte";
  for (auto& [name, value] : what.environment) {
    if (name.empty() || name.find('=') != std::string::npos || has_zero(name))
      return "\"" + name + "\" is not the name of a variable";
    if (has_zero(value))
      return "the variable " + name + " has a zero byte";
  }
  return {};
}

} // namespace

expected<void> validate(const process_spec& what) {
  if (auto fault = fault_of(what); !fault.empty())
    return tl::unexpected{error{errc::system_error, what.program.string(), fault}};
  return {};
}

} // namespace mailroom
