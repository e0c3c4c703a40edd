// The directory stays open without sharing its deletion: while it is in use nobody can remove or rename it, so its path stays the one that was
// checked. Who may use it says its access list; Wine derives that from the mode of the directory beneath.

#include <mailroom/runtime/runtime_directory.hpp>

#include <mailroom/runtime/access_windows.hpp>
#include <mailroom/runtime/system_call_windows.hpp>

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

namespace mailroom {

namespace {

/// Creates `path` for those of the preset alone. Parents are the user's own business: only the last component is ours to make.
expected<void> make(const std::filesystem::path& path) {
  security ours{same_user().directory};
  if (ours.attributes() == nullptr)
    return tl::unexpected{system_failure("security descriptor", path.string())};
  if (::CreateDirectoryW(extended_path(path).c_str(), static_cast<SECURITY_ATTRIBUTES*>(ours.attributes())) != 0
      || last_error() == ERROR_ALREADY_EXISTS)
    return {};
  return tl::unexpected{system_failure("CreateDirectory", path.string())};
}

std::string text_of(PSID user) {
  wchar_t* text = nullptr;
  if (::ConvertSidToStringSidW(user, &text) == 0)
    return "unknown";
  auto result = narrow(text);
  ::LocalFree(text);
  return result;
}

bool is(PSID user, WELL_KNOWN_SID_TYPE known) {
  return ::IsWellKnownSid(user, known) != 0;
}

/// Who runs the machine can read and write everything anyway; what an elevated program makes belongs to the administrators.
bool is_administration(PSID user) {
  return is(user, WinLocalSystemSid) || is(user, WinBuiltinAdministratorsSid);
}

bool is_us(PSID user) {
  return text_of(user) == this_user();
}

/// Whether the entry lets in somebody else.
bool lets_in_others(ACL* list, DWORD index) {
  void* found = nullptr;
  if (::GetAce(list, index, &found) == 0)
    return true;
  auto* entry = static_cast<ACCESS_ALLOWED_ACE*>(found);
  if (entry->Header.AceType == ACCESS_DENIED_ACE_TYPE)
    return false;
  PSID user = &entry->SidStart;
  return entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE
         || !(is_us(user) || is_administration(user) || is(user, WinCreatorOwnerSid)
              || is(user, WinCreatorOwnerRightsSid));
}

bool is_open_to_others(ACL* list) {
  if (list == nullptr)
    return true; // to everybody
  for (DWORD i = 0; i < list->AceCount; ++i)
    if (lets_in_others(list, i))
      return true;
  return false;
}

/// Ours and closed to others, or the reason why not.
expected<void> check(const std::filesystem::path& path, void* directory) {
  BY_HANDLE_FILE_INFORMATION status{};
  if (::GetFileInformationByHandle(directory, &status) == 0)
    return tl::unexpected{system_failure("GetFileInformationByHandle", path.string())};
  if ((status.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0
      || (status.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0)
    return tl::unexpected{error{errc::denied, path.string(), "a symbolic link or no directory"}};
  PSID owner = nullptr;
  ACL* list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (auto code = ::GetSecurityInfo(directory, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                    &owner, nullptr, &list, nullptr, &descriptor);
      code != ERROR_SUCCESS)
    return tl::unexpected{system_failure("GetSecurityInfo", path.string(), code)};
  std::unique_ptr<void, decltype(&::LocalFree)> freed{descriptor, &::LocalFree};
  if (!is_us(owner) && !is_administration(owner))
    return tl::unexpected{error{errc::denied, path.string(), "owned by user " + text_of(owner) + ", not by us"}};
  if (is_open_to_others(list))
    return tl::unexpected{error{errc::denied, path.string(),
                                "open to other users; only this user, SYSTEM and Administrators may have access"}};
  return {};
}

/// The value of a variable; empty where it is not set.
std::wstring variable(const wchar_t* name) {
  std::wstring result(::GetEnvironmentVariableW(name, nullptr, 0), L'\0');
  result.resize(::GetEnvironmentVariableW(name, result.data(), static_cast<DWORD>(result.size())));
  return result;
}

} // namespace

expected<std::shared_ptr<const runtime_directory>> runtime_directory::open(const std::filesystem::path& where) {
  // with a separator at the end the system would follow a symbolic link
  auto path = where.has_filename() ? where : where.parent_path();
  if (auto made = make(path); !made)
    return tl::unexpected{made.error()};
  auto* native =
    ::CreateFileW(extended_path(path).c_str(), FILE_LIST_DIRECTORY | READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE,
                  nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  if (native == INVALID_HANDLE_VALUE)
    return tl::unexpected{system_failure("CreateFile", path.string())};
  std::shared_ptr<const runtime_directory> result{
    new runtime_directory{path, reinterpret_cast<native_directory>(native)}};
  if (auto checked = check(path, native); !checked)
    return tl::unexpected{checked.error()};
  return result;
}

runtime_directory::~runtime_directory() {
  ::CloseHandle(reinterpret_cast<HANDLE>(native_));
}

std::vector<std::string> runtime_directory::list() const {
  // by path: Wine lists an open directory once and never anew
  std::vector<std::string> result;
  WIN32_FIND_DATAW entry{};
  auto* search = ::FindFirstFileW((path_of(reinterpret_cast<HANDLE>(native_), path_) + L"\\*").c_str(), &entry);
  if (search == INVALID_HANDLE_VALUE)
    return result;
  do
    if (std::wstring_view name{entry.cFileName}; name != L"." && name != L"..")
      result.push_back(narrow(name));
  while (::FindNextFileW(search, &entry) != 0);
  ::FindClose(search);
  return result;
}

std::filesystem::path default_runtime_directory() {
  if (auto chosen = variable(L"MAILROOM_DIR"); !chosen.empty())
    return chosen;
  if (auto base = variable(L"LOCALAPPDATA"); !base.empty())
    return std::filesystem::path{base} / "mailroom";
  return std::filesystem::temp_directory_path() / ("mailroom-" + this_user());
}

} // namespace mailroom
