#include <mailroom/actors/program_image_windows.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <cwchar>
#include <map>

#include <windows.h>

namespace mailroom {

namespace {

/// The order of an environment: case does not count, and neither does the language.
struct in_order {
  bool operator()(const std::wstring& left, const std::wstring& right) const {
    return ::CompareStringOrdinal(left.data(), static_cast<int>(left.size()), right.data(),
                                  static_cast<int>(right.size()), TRUE)
           == CSTR_LESS_THAN;
  }
};

std::wstring variable(const wchar_t* name) {
  std::wstring result(::GetEnvironmentVariableW(name, nullptr, 0), L'\0');
  result.resize(::GetEnvironmentVariableW(name, result.data(), static_cast<DWORD>(result.size())));
  return result;
}

/// In PATH alone: by itself Windows would begin with where our program is, and with the working directory.
std::wstring find(const std::wstring& name) {
  auto path = variable(L"PATH");
  std::wstring result(32'768, L'\0'); // the longest that there is
  auto size =
    ::SearchPathW(path.c_str(), name.c_str(), L".exe", static_cast<DWORD>(result.size()), result.data(), nullptr);
  result.resize(size < result.size() ? size : 0);
  return result;
}

expected<std::wstring> resolve(const std::filesystem::path& program) {
  if (!program.has_parent_path()) {
    auto found = find(program.native());
    if (found.empty())
      return tl::unexpected{system_failure("look up in PATH", program.string(), ERROR_FILE_NOT_FOUND)};
    return found;
  }
  std::error_code failed;
  auto result = std::filesystem::absolute(program, failed).make_preferred();
  if (failed)
    return tl::unexpected{
      system_failure("GetFullPathName", program.string(), static_cast<unsigned long>(failed.value()))};
  if (!result.has_extension())
    result += L".exe";
  return result.native();
}

/// cmd.exe, which Windows starts for these, takes a command line apart in its own way: what is one argument here could be a command there.
bool is_batch_file(const std::wstring& path) {
  auto extension = std::filesystem::path{path}.extension().native();
  return ::lstrcmpiW(extension.c_str(), L".bat") == 0 || ::lstrcmpiW(extension.c_str(), L".cmd") == 0;
}

/// As the C runtime of the child takes it apart again: backslashes count double where a quotation mark follows.
std::wstring quoted(const std::wstring& argument) {
  std::wstring result{L'"'};
  std::size_t backslashes = 0;
  for (auto each : argument) {
    if (each == L'"')
      result.append(backslashes + 1, L'\\');
    backslashes = each == L'\\' ? backslashes + 1 : 0;
    result += each;
  }
  result.append(backslashes, L'\\');
  return result += L'"';
}

std::wstring environment_with(const std::map<std::string, std::string>& changes) {
  std::map<std::wstring, std::wstring, in_order> variables;
  auto* inherited = ::GetEnvironmentStringsW();
  for (auto* each = inherited; each != nullptr && *each != L'\0'; each += std::wcslen(each) + 1) {
    std::wstring_view whole{each};
    auto equals = whole.find(L'=', 1); // names that begin with it hold the directories of the drives
    if (equals != std::wstring_view::npos)
      variables.emplace(whole.substr(0, equals), whole.substr(equals + 1));
  }
  ::FreeEnvironmentStringsW(inherited);
  for (auto& [name, value] : changes)
    variables.insert_or_assign(widen(name), widen(value));
  std::wstring result;
  for (auto& [name, value] : variables)
    result += name + L'=' + value + L'\0';
  if (result.empty())
    result += L'\0'; // an empty one ends with two, too
  return result += L'\0';
}

} // namespace

expected<program_image> program_image::of(const process_spec& what) {
  if (auto valid = validate(what); !valid)
    return tl::unexpected{valid.error()};
  auto path = resolve(what.program);
  if (!path)
    return tl::unexpected{path.error()};
  if (is_batch_file(*path))
    return tl::unexpected{
      error{errc::system_error, what.program.string(), "a batch file cannot be given arguments safely: start cmd.exe"}};
  program_image result;
  result.path_ = std::move(*path);
  result.command_line_ = quoted(what.program.native());
  for (auto& each : what.arguments)
    result.command_line_ += L' ' + quoted(widen(each));
  result.environment_ = environment_with(what.environment);
  return result;
}

} // namespace mailroom
