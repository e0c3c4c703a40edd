#include <mailroom/transports/copydata_peer_windows.hpp>

#include <mailroom/runtime/access_windows.hpp>

#include <windows.h>

namespace mailroom {

namespace {

HWND window_of(std::uint64_t number) {
  return reinterpret_cast<HWND>(static_cast<std::uintptr_t>(number));
}

DWORD pid_of(std::uint64_t window) {
  DWORD result = 0;
  ::GetWindowThreadProcessId(window_of(window), &result);
  return result;
}

} // namespace

const wchar_t* const copydata_class = L"mailroom.copydata";

bool copydata_peer::is_this_process() const noexcept {
  return pid == ::GetCurrentProcessId();
}

expected<copydata_peer> copydata_peer_of(std::uint64_t window) {
  copydata_peer result;
  result.window = window;
  result.pid = pid_of(window);
  if (result.pid == 0)
    return tl::unexpected{error{errc::no_such_process, {}}};
  result.process = handle{::OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, result.pid)};
  if (!result.process && pid_of(window) == 0)
    return tl::unexpected{error{errc::no_such_process, {}}};
  auto user = user_of(result.process.get());
  if (!user)
    return tl::unexpected{error{errc::denied, {}, "denied: the system does not say whose the other process is"}};
  if (!same_user().trusts(*user))
    return tl::unexpected{error{errc::denied, {}, "denied: the process at the other end belongs to user " + *user}};
  return result;
}

expected<copydata_peer> find_copydata_peer(const std::wstring& title) {
  error why{errc::no_such_process, {}};
  // somebody else's process may have been faster with the title
  for (HWND each = nullptr;;) {
    each = ::FindWindowExW(HWND_MESSAGE, each, copydata_class, title.c_str());
    if (each == nullptr)
      return tl::unexpected{why};
    auto result = copydata_peer_of(reinterpret_cast<std::uintptr_t>(each));
    if (result)
      return result;
    if (result.error().code() == errc::denied)
      why = result.error();
  }
}

bool belongs_to(std::uint64_t window, std::uint32_t pid) {
  auto found = pid_of(window);
  return found == pid || found == 0;
}

copydata_outcome send_copydata(const copydata_peer& to, std::uint64_t from, std::span<const std::byte> message,
                               std::chrono::milliseconds longest) {
  COPYDATASTRUCT data{};
  data.dwData = copydata_magic;
  data.cbData = static_cast<DWORD>(message.size());
  data.lpData = const_cast<std::byte*>(message.data());
  auto sender = reinterpret_cast<WPARAM>(window_of(from));
  auto what = reinterpret_cast<LPARAM>(&data);
  ::SetLastError(ERROR_SUCCESS);
  if (to.is_this_process()) {
    // the receiver gets our memory and no copy of it, so we must not leave before it does, nor let others send to windows of ours meanwhile
    constexpr UINT for_ever = 0x7fff'ffff;
    DWORD_PTR result = 0;
    ::SendMessageTimeoutW(window_of(to.window), WM_COPYDATA, sender, what, SMTO_BLOCK, for_ever, &result);
    return {result == 0 ? copydata_outcome::gone : copydata_outcome::answered,
            unpack(static_cast<std::intptr_t>(result))};
  }
  DWORD_PTR result = 0;
  constexpr UINT flags = SMTO_ABORTIFHUNG | SMTO_ERRORONEXIT | SMTO_BLOCK;
  if (::SendMessageTimeoutW(window_of(to.window), WM_COPYDATA, sender, what, flags, static_cast<UINT>(longest.count()),
                            &result)
      != 0)
    return {copydata_outcome::answered, unpack(static_cast<std::intptr_t>(result))};
  auto why = ::GetLastError();
  return {why == ERROR_TIMEOUT || why == ERROR_SUCCESS ? copydata_outcome::silent : copydata_outcome::gone, {}};
}

} // namespace mailroom
