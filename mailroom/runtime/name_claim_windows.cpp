// A name is an open NAME.lock that shares no writing: whoever comes second cannot open it, in this process or another, in this session of
// the user or another, and the system closes it at the owner's death. The file says who the owner is, by pid and by time of birth, since pids
// come again, and how he can be reached. Nobody opens it for anything but reading unless he wants the name, so that looking never stands in the way of a claim.

#include <mailroom/runtime/name_claim.hpp>

#include <mailroom/runtime/access_windows.hpp>
#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/runtime/system_call_windows.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>

#include <windows.h>

namespace mailroom {

namespace {

/// How long a file may be in the way without saying whose it is: while its owner writes it, while the system still removes it.
constexpr std::chrono::seconds patience{1};

std::wstring path_of_file(const runtime_directory& where, const std::string& file) {
  return path_of(reinterpret_cast<void*>(where.native()), where.path()) + L'\\' + widen(file);
}

std::uint64_t time_of_birth(void* process) {
  FILETIME born{};
  FILETIME ignored{};
  ::GetProcessTimes(process, &born, &ignored, &ignored, &ignored);
  return std::uint64_t{born.dwHighDateTime} << 32 | born.dwLowDateTime;
}

struct holder {
  std::uint32_t pid = 0;
  std::uint64_t born = 0;
  std::string offer{};

  bool lives() const {
    handle process{::OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid)};
    if (!process)
      return last_error() == ERROR_ACCESS_DENIED; // nobody closer to the truth can be asked
    return ::WaitForSingleObject(process.get(), 0) == WAIT_TIMEOUT && time_of_birth(process.get()) == born;
  }
};

/// One line, "PID BORN OFFER".
std::string written(const holder& who) {
  return std::to_string(who.pid) + ' ' + std::to_string(who.born) + ' ' + who.offer + '\n';
}

std::optional<holder> parse(std::string_view text) {
  holder result;
  const auto* end = text.data() + text.size();
  auto pid = std::from_chars(text.data(), end, result.pid);
  if (pid.ec != std::errc{} || pid.ptr == end || *pid.ptr != ' ')
    return std::nullopt;
  auto born = std::from_chars(pid.ptr + 1, end, result.born);
  if (born.ec != std::errc{} || born.ptr == end || *born.ptr != ' ' || text.find('\n') == std::string_view::npos)
    return std::nullopt;
  result.offer = offer_in(text);
  return result;
}

/// Who lives and says in the file that it is his.
std::optional<holder> holder_of(const std::wstring& path) {
  handle file{::CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                            OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, nullptr)};
  std::array<char, 256> text;
  DWORD size = 0;
  if (!file || ::ReadFile(file.get(), text.data(), static_cast<DWORD>(text.size()), &size, nullptr) == 0)
    return std::nullopt;
  auto result = parse({text.data(), size});
  return result && result->lives() ? result : std::nullopt;
}

class windows_claim final : public name_claim {
public:
  windows_claim(std::shared_ptr<const runtime_directory> where, handle lock)
    : where_{std::move(where)}, lock_{std::move(lock)} {}

  ~windows_claim() override {
    FILE_DISPOSITION_INFO removed{TRUE};
    ::SetFileInformationByHandle(lock_.get(), FileDispositionInfo, &removed, sizeof(removed));
  }

private:
  std::shared_ptr<const runtime_directory> where_; // open as long as the file
  handle lock_;
};

/// A link in the file's place is not followed, and nothing is written to it.
bool is_link(void* file) {
  BY_HANDLE_FILE_INFORMATION status{};
  return ::GetFileInformationByHandle(file, &status) == 0
         || (status.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
}

expected<void> sign(void* file, const std::string& path, std::string_view offer) {
  auto text = written({this_process_id(), time_of_birth(::GetCurrentProcess()), std::string{offer}});
  DWORD size = 0;
  if (::SetEndOfFile(file) == 0 || ::WriteFile(file, text.data(), static_cast<DWORD>(text.size()), &size, nullptr) == 0)
    return tl::unexpected{system_failure("write", path)};
  return {};
}

/// Opens the file of the name for this process alone.
expected<handle> lock(const endpoint& where, std::string_view offer) {
  auto path = path_of_file(*where.directory, lock_file_name(where.process));
  auto shown = (where.directory->path() / lock_file_name(where.process)).string();
  security ours{same_user().file};
  if (ours.attributes() == nullptr)
    return tl::unexpected{system_failure("security descriptor", shown)};
  for (auto deadline = std::chrono::steady_clock::now() + patience;;) {
    handle result{::CreateFileW(
      path.c_str(), GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_READ | FILE_SHARE_DELETE,
      static_cast<SECURITY_ATTRIBUTES*>(ours.attributes()), OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT, nullptr)};
    auto code = last_error();
    if (result) {
      if (is_link(result.get()))
        return tl::unexpected{error{errc::system_error, shown, "CreateFile: a symbolic link"}};
      if (auto signed_by_us = sign(result.get(), shown, offer); !signed_by_us)
        return tl::unexpected{signed_by_us.error()};
      return result;
    }
    if (code == ERROR_SHARING_VIOLATION) {
      if (auto found = holder_of(path))
        return tl::unexpected{
          error{errc::name_taken, where.process.str(), "name taken by process " + std::to_string(found->pid)}};
    } else if (code != ERROR_ACCESS_DENIED || ::GetFileAttributesW(path.c_str()) != INVALID_FILE_ATTRIBUTES) {
      return tl::unexpected{system_failure("CreateFile", shown, code)};
    } // else it is about to vanish
    if (std::chrono::steady_clock::now() >= deadline)
      return tl::unexpected{system_failure("CreateFile", shown, code)};
    std::this_thread::sleep_for(std::chrono::milliseconds{1}); // nothing tells when the file is written, or gone
  }
}

} // namespace

expected<std::unique_ptr<name_claim>> name_claim::take(const endpoint& where, std::string_view offer) {
  auto locked = lock(where, offer);
  if (!locked)
    return tl::unexpected{locked.error()};
  return std::make_unique<windows_claim>(where.directory, std::move(*locked));
}

std::optional<name_owner> owner_of(const endpoint& where) {
  auto found = holder_of(path_of_file(*where.directory, lock_file_name(where.process)));
  return found ? std::optional{name_owner{found->pid, std::move(found->offer)}} : std::nullopt;
}

std::vector<process_info> list_processes(const runtime_directory& where) {
  std::vector<process_info> result;
  for (auto& file : where.list())
    if (auto name = process_of_lock_file(file))
      if (auto found = holder_of(path_of_file(where, file)))
        result.push_back({name->str(), found->pid});
  return result;
}

} // namespace mailroom
