#include <mailroom/actors/program_image_posix.hpp>

#include <mailroom/runtime/system_call_posix.hpp>

#include <cstdlib>
#include <string_view>
#include <sys/stat.h>

namespace mailroom {

namespace {

bool can_run(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// In PATH, where an empty part is the working directory. Empty: nowhere.
std::string find(const std::string& name) {
  auto* variable = std::getenv("PATH");
  std::string_view rest{variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin"};
  for (;;) {
    auto end = rest.find(':');
    std::string candidate{rest.substr(0, end)};
    if (!candidate.empty())
      candidate += '/';
    candidate += name;
    if (can_run(candidate))
      return candidate;
    if (end == std::string_view::npos)
      return {};
    rest.remove_prefix(end + 1);
  }
}

/// The one in a working directory of its own is to find what was meant in ours.
expected<std::string> resolve(const std::filesystem::path& program) {
  auto name = program.string();
  auto found = name.find('/') != std::string::npos ? name : find(name);
  if (found.empty())
    return tl::unexpected{system_failure("look up in PATH", name, ENOENT)};
  std::error_code failed;
  auto absolute = std::filesystem::absolute(found, failed);
  if (failed)
    return tl::unexpected{system_failure("getcwd", name, failed.value())};
  return absolute.string();
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (auto** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    std::string_view variable{*each};
    if (!changes.contains(std::string{variable.substr(0, variable.find('='))}))
      result.emplace_back(variable);
  }
  for (auto& [name, value] : changes)
    result.push_back(name + '=' + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& each : texts)
    result.push_back(each.data());
  result.push_back(nullptr);
  return result;
}

} // namespace

expected<program_image> program_image::of(const process_spec& what) {
  if (auto valid = validate(what); !valid)
    return tl::unexpected{valid.error()};
  auto path = resolve(what.program);
  if (!path)
    return tl::unexpected{path.error()};
  program_image result;
  result.path_ = std::move(*path);
  result.arguments_.push_back(what.program.string());
  result.arguments_.insert(result.arguments_.end(), what.arguments.begin(), what.arguments.end());
  result.variables_ = environment_with(what.environment);
  result.argument_pointers_ = pointers(result.arguments_);
  result.variable_pointers_ = pointers(result.variables_);
  return result;
}

} // namespace mailroom
