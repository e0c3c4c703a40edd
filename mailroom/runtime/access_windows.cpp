#include <mailroom/runtime/access_windows.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <algorithm>

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

namespace mailroom {

namespace {

access_preset make_same_user() {
  auto& user = this_user();
  access_preset result;
  result.directory = "O:" + user + "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;" + user + ")";
  result.file = "O:" + user + "D:P(A;;FA;;;SY)(A;;FA;;;" + user + ")";
  result.pipe = "O:" + user + "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;" + user + ")S:(ML;;NW;;;ME)";
  result.peers = {user};
  return result;
}

/// As text; empty where there is none.
std::string text_of(PSID user) {
  wchar_t* text = nullptr;
  if (user == nullptr || ::ConvertSidToStringSidW(user, &text) == 0)
    return {};
  auto result = narrow(text);
  ::LocalFree(text);
  return result;
}

/// What made an object without a label was of medium integrity at least.
bool is_of_lower_integrity(ACL* labels) {
  for (DWORD i = 0; labels != nullptr && i < labels->AceCount; ++i) {
    void* found = nullptr;
    if (::GetAce(labels, i, &found) == 0)
      return true;
    auto* entry = static_cast<SYSTEM_MANDATORY_LABEL_ACE*>(found);
    if (entry->Header.AceType != SYSTEM_MANDATORY_LABEL_ACE_TYPE)
      continue;
    PSID level = &entry->SidStart;
    auto last = static_cast<DWORD>(*::GetSidSubAuthorityCount(level) - 1);
    if (*::GetSidSubAuthority(level, last) < SECURITY_MANDATORY_MEDIUM_RID)
      return true;
  }
  return false;
}

} // namespace

bool access_preset::trusts(const std::string& user) const {
  return std::ranges::count(peers, user) > 0;
}

const access_preset& same_user() {
  static const auto result = make_same_user();
  return result;
}

expected<void> check_owner(void* pipe, const access_preset& who, const std::string& what) {
  auto denied = [&](const std::string& why) {
    return tl::unexpected{error{errc::denied, {}, "denied: " + what + why}};
  };
  PSID owner = nullptr;
  ACL* labels = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  constexpr SECURITY_INFORMATION wanted = OWNER_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION;
  auto code = ::GetSecurityInfo(pipe, SE_KERNEL_OBJECT, wanted, &owner, nullptr, nullptr, &labels, &descriptor);
  std::unique_ptr<void, decltype(&::LocalFree)> freed{descriptor, &::LocalFree};
  if (code != ERROR_SUCCESS)
    return denied(" belongs to nobody known");
  if (auto user = text_of(owner); !who.trusts(user))
    return denied(" belongs to user " + user);
  if (is_of_lower_integrity(labels))
    return denied(" is of lower integrity");
  return {};
}

} // namespace mailroom
