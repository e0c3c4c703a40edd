#include <mailroom/runtime/object_name_windows.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <cstdint>
#include <cstdio>

#include <windows.h>

namespace mailroom {

namespace {

constexpr std::string_view lock_suffix = ".lock";
constexpr char escape = '+'; // no process name has it

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

std::string escaped(const process_name& name) {
  std::string result;
  for (auto c : name.str()) {
    if (is_upper(c))
      result += escape;
    result += static_cast<char>(is_upper(c) ? c - 'A' + 'a' : c);
  }
  return result;
}

std::wstring lower_case(const std::wstring& text) {
  auto size = static_cast<int>(text.size());
  std::wstring result(text.size(), L'\0');
  if (::LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_LOWERCASE, text.data(), size, result.data(), size, nullptr, nullptr,
                      0)
      == 0)
    return text;
  return result;
}

/// The same for every spelling of the directory's path: FNV-1a over the one that the system gives it, in 16 hexadecimal digits.
std::string hash_of(const runtime_directory& directory) {
  auto path = path_of(reinterpret_cast<void*>(directory.native()), directory.path());
  auto hash = std::uint64_t{0xcbf29ce484222325};
  for (auto byte : narrow(lower_case(path)))
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%08lx%08lx", static_cast<unsigned long>(hash >> 32),
                static_cast<unsigned long>(hash & 0xffffffff));
  return digits;
}

} // namespace

std::string pipe_name(const endpoint& where) {
  return R"(\\.\pipe\mailroom-)" + hash_of(*where.directory) + '-' + escaped(where.process);
}

std::string lock_file_name(const process_name& name) {
  return escaped(name) + std::string{lock_suffix};
}

std::optional<process_name> process_of_lock_file(std::string_view file) {
  if (!file.ends_with(lock_suffix))
    return std::nullopt;
  file.remove_suffix(lock_suffix.size());
  std::string text;
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto upper = file[i] == escape && i + 1 < file.size();
    if (upper)
      ++i;
    text += static_cast<char>(upper ? file[i] - 'a' + 'A' : file[i]);
  }
  auto result = process_name::parse(text);
  if (!result || lock_file_name(*result).compare(0, file.size(), file) != 0)
    return std::nullopt;
  return std::move(*result);
}

} // namespace mailroom
