#include <mailroom/runtime/system_call_windows.hpp>

#include <vector>

#include <windows.h>

#include <sddl.h>

namespace mailroom {

namespace {

/// The system's words for a code, without the full stop and the line break that it puts behind them.
std::string words_for(unsigned long code) {
  wchar_t text[512];
  auto size =
    ::FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                     nullptr, code, 0, text, static_cast<DWORD>(std::size(text)), nullptr);
  std::wstring_view words{text, size};
  while (!words.empty() && (words.back() == L' ' || words.back() == L'.'))
    words.remove_suffix(1);
  return words.empty() ? "unknown error" : narrow(words);
}

std::string ask_for_this_user() {
  auto result = user_of(::GetCurrentProcess());
  if (!result)
    throw failure{result.error()};
  return *result;
}

} // namespace

unsigned long last_error() noexcept {
  return ::GetLastError();
}

error system_failure(const std::string& call, const std::string& subject, unsigned long code) {
  return {errc::system_error, subject, call + ": " + words_for(code) + " (error " + std::to_string(code) + ")"};
}

bool handle::is_none(void* native) noexcept {
  return native == INVALID_HANDLE_VALUE;
}

void handle::reset() noexcept {
  if (native_ != nullptr)
    ::CloseHandle(std::exchange(native_, nullptr));
}

std::wstring widen(std::string_view text) {
  auto size = static_cast<int>(text.size());
  std::wstring result(static_cast<std::size_t>(::MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0)),
                      L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.data(), size, result.data(), static_cast<int>(result.size()));
  return result;
}

std::string narrow(std::wstring_view text) {
  auto size = static_cast<int>(text.size());
  std::string result(
    static_cast<std::size_t>(::WideCharToMultiByte(CP_UTF8, 0, text.data(), size, nullptr, 0, nullptr, nullptr)), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text.data(), size, result.data(), static_cast<int>(result.size()), nullptr,
                        nullptr);
  return result;
}

std::wstring extended_path(const std::filesystem::path& path) {
  constexpr std::wstring_view prefix = LR"(\\?\)";
  constexpr std::wstring_view network = LR"(\\)";
  std::error_code failed;
  auto absolute = std::filesystem::absolute(path, failed).make_preferred().native();
  if (failed || path.empty() || absolute.starts_with(prefix))
    return path.native();
  // the prefix turns off what the system does with `.` and `..`
  absolute = std::filesystem::path{absolute}.lexically_normal().native();
  if (absolute.starts_with(network))
    return std::wstring{prefix} + L"UNC\\" + absolute.substr(network.size());
  return std::wstring{prefix} + absolute;
}

std::wstring path_of(void* directory, const std::filesystem::path& otherwise) {
  std::wstring result(MAX_PATH, L'\0');
  for (;;) {
    auto size =
      ::GetFinalPathNameByHandleW(directory, result.data(), static_cast<DWORD>(result.size()), FILE_NAME_NORMALIZED);
    if (size == 0)
      return extended_path(otherwise);
    auto enough = size < result.size(); // else it is the size that is needed
    result.resize(size);
    if (enough)
      return result;
  }
}

const std::string& this_user() {
  static const auto result = ask_for_this_user();
  return result;
}

expected<std::string> user_of(void* process) {
  const auto* subject = "user of a process";
  HANDLE native = nullptr;
  if (::OpenProcessToken(process, TOKEN_QUERY, &native) == 0)
    return tl::unexpected{system_failure("OpenProcessToken", subject)};
  handle token{native};
  DWORD size = 0;
  ::GetTokenInformation(token.get(), TokenUser, nullptr, 0, &size);
  std::vector<std::byte> buffer(size);
  if (::GetTokenInformation(token.get(), TokenUser, buffer.data(), size, &size) == 0)
    return tl::unexpected{system_failure("GetTokenInformation", subject)};
  wchar_t* text = nullptr;
  if (::ConvertSidToStringSidW(reinterpret_cast<TOKEN_USER*>(buffer.data())->User.Sid, &text) == 0)
    return tl::unexpected{system_failure("ConvertSidToStringSid", subject)};
  auto result = narrow(text);
  ::LocalFree(text);
  return result;
}

struct security::state {
  SECURITY_ATTRIBUTES attributes{sizeof(SECURITY_ATTRIBUTES), nullptr, FALSE};
};

security::security(const std::string& notation) : state_{std::make_unique<state>()} {
  ::ConvertStringSecurityDescriptorToSecurityDescriptorW(widen(notation).c_str(), SDDL_REVISION_1,
                                                         &state_->attributes.lpSecurityDescriptor, nullptr);
}

security::~security() {
  ::LocalFree(state_->attributes.lpSecurityDescriptor);
}

void* security::attributes() const noexcept {
  return state_->attributes.lpSecurityDescriptor != nullptr ? &state_->attributes : nullptr;
}

} // namespace mailroom
