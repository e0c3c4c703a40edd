#include <support/raw_peer.hpp>

#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/runtime/system_call_windows.hpp>

#include <algorithm>

#include <windows.h>

namespace test {

namespace {

using mailroom::handle;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string pipe_of(const std::filesystem::path& directory, const std::string& process) {
  auto opened = mailroom::runtime_directory::open(directory);
  if (!opened)
    throw mailroom::failure{opened.error()};
  return mailroom::pipe_name({*opened, *mailroom::process_name::parse(process)});
}

HANDLE native(std::intptr_t value) {
  return reinterpret_cast<HANDLE>(value);
}

/// One operation on a pipe and how it ended.
struct operation {
  OVERLAPPED overlapped{};
  bool late = false;
  handle event{::CreateEventW(nullptr, TRUE, FALSE, nullptr)};

  operation() { overlapped.hEvent = event.get(); }

  /// The bytes that it moved; nothing where it failed or took too long.
  std::optional<std::size_t> end(HANDLE pipe, bool started, milliseconds time) {
    if (!started && ::GetLastError() == ERROR_PIPE_CONNECTED)
      return 0;
    if (!started && ::GetLastError() != ERROR_IO_PENDING)
      return std::nullopt;
    auto in_time = ::WaitForSingleObject(event.get(), static_cast<DWORD>(std::max<std::int64_t>(time.count(), 0)));
    late = in_time != WAIT_OBJECT_0;
    if (late)
      ::CancelIoEx(pipe, &overlapped);
    DWORD size = 0;
    if (::GetOverlappedResult(pipe, &overlapped, &size, TRUE) == 0)
      return std::nullopt;
    return size;
  }
};

/// The bytes that came; 0 where none came in time, nothing where none will come.
std::optional<std::size_t> read_some(std::intptr_t from, void* target, std::size_t size, milliseconds time) {
  operation reading;
  auto started = ::ReadFile(native(from), target, static_cast<DWORD>(size), nullptr, &reading.overlapped) != 0;
  auto got = reading.end(native(from), started, time);
  return got || !reading.late ? got : 0;
}

/// With its owner spelled out, at whom callers look: Wine gives none to an object by itself.
HANDLE make_instance(const std::string& name) {
  mailroom::security ours{"O:" + mailroom::this_user() + "D:(A;;GA;;;" + mailroom::this_user() + ")"};
  return ::CreateNamedPipeW(mailroom::widen(name).c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE,
                            PIPE_UNLIMITED_INSTANCES, 65'536, 65'536, 0,
                            static_cast<SECURITY_ATTRIBUTES*>(ours.attributes()));
}

} // namespace

raw_peer::raw_peer(const std::filesystem::path& directory, const std::string& process) : native_{-1} {
  auto name = mailroom::widen(pipe_of(directory, process));
  for (auto deadline = steady_clock::now() + std::chrono::seconds{5}; steady_clock::now() < deadline;) {
    auto* opened = ::CreateFileW(name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                                 FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr);
    native_ = reinterpret_cast<std::intptr_t>(opened);
    if (opened != INVALID_HANDLE_VALUE)
      return;
    if (::GetLastError() != ERROR_PIPE_BUSY)
      break;
    ::WaitNamedPipeW(name.c_str(), 100);
  }
  throw mailroom::failure{mailroom::system_failure("CreateFile", process)};
}

raw_peer::~raw_peer() {
  if (native_ != -1)
    ::CloseHandle(native(native_));
}

void raw_peer::write(const mailroom::byte_buffer& bytes) const {
  operation writing;
  auto started =
    ::WriteFile(native(native_), bytes.data(), static_cast<DWORD>(bytes.size()), nullptr, &writing.overlapped) != 0;
  writing.end(native(native_), started, std::chrono::seconds{5});
}

bool raw_peer::closed_within(milliseconds time) const {
  for (auto deadline = steady_clock::now() + time;;) {
    char ignored[4096];
    auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    auto got = read_some(native_, ignored, sizeof(ignored), left);
    if (!got || *got == 0)
      return !got;
  }
}

void raw_peer::read(mailroom::byte_buffer& target) const {
  std::size_t have = 0;
  while (have < target.size()) {
    auto got = read_some(native_, target.data() + have, target.size() - have, std::chrono::seconds{5});
    if (!got)
      throw std::runtime_error{"closed"};
    if (*got == 0)
      throw std::runtime_error{"nothing came"};
    have += *got;
  }
}

raw_listener::raw_listener(const std::filesystem::path& directory, const std::string& process)
  : name_{pipe_of(directory, process)}, native_{reinterpret_cast<std::intptr_t>(make_instance(name_))} {
  if (native_ == -1)
    throw mailroom::failure{mailroom::system_failure("CreateNamedPipe", name_)};
}

raw_listener::~raw_listener() {
  ::CloseHandle(native(native_));
}

std::optional<raw_peer> raw_listener::accept(milliseconds patience) {
  operation connecting;
  auto started = ::ConnectNamedPipe(native(native_), &connecting.overlapped) != 0;
  if (!connecting.end(native(native_), started, patience))
    return std::nullopt;
  // the caller has this instance; the next one gets another
  auto next = reinterpret_cast<std::intptr_t>(make_instance(name_));
  return std::optional<raw_peer>{std::in_place, std::exchange(native_, next)};
}

} // namespace test
