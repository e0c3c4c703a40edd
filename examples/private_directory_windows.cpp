#include "private_directory.hpp"

#include <string>

#include <windows.h>

#include <sddl.h>

namespace examples {

namespace {

/// This user's identifier as text.
std::wstring this_user() {
  alignas(TOKEN_USER) unsigned char buffer[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  std::wstring result;
  HANDLE token = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token))
    return result;
  DWORD size = 0;
  wchar_t* text = nullptr;
  if (::GetTokenInformation(token, TokenUser, buffer, sizeof(buffer), &size)
      && ::ConvertSidToStringSidW(reinterpret_cast<TOKEN_USER*>(buffer)->User.Sid, &text)) {
    result = text;
    ::LocalFree(text);
  }
  ::CloseHandle(token);
  return result;
}

} // namespace

bool private_directory::make(const std::filesystem::path& path) {
  // all rights for the system and for this user, here and below, and nothing from the parent
  auto user = this_user();
  auto rights = L"O:" + user + L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;" + user + L")";
  SECURITY_ATTRIBUTES attributes{sizeof(attributes), nullptr, FALSE};
  auto made = ::ConvertStringSecurityDescriptorToSecurityDescriptorW(rights.c_str(), SDDL_REVISION_1,
                                                                     &attributes.lpSecurityDescriptor, nullptr)
              && ::CreateDirectoryW(path.c_str(), &attributes);
  auto code = made ? ERROR_SUCCESS : ::GetLastError();
  ::LocalFree(attributes.lpSecurityDescriptor);
  if (made || code == ERROR_ALREADY_EXISTS)
    return made;
  throw std::filesystem::filesystem_error{"CreateDirectory", path, {static_cast<int>(code), std::system_category()}};
}

} // namespace examples
