// The measure of all on Windows: two processes, a named pipe, blocking WriteFile and ReadFile, and nothing else. One write for each message;
// the receiver of one-way messages reads what has arrived, as any reader of a stream would.

#include "contender.hpp"
#include "peer.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <windows.h>

namespace bench {

namespace {

constexpr DWORD pipe_buffer = 64 << 10; // as mailroom's

[[noreturn]] void fail(const char* call) {
  throw std::system_error{static_cast<int>(::GetLastError()), std::system_category(), call};
}

class pipe_end {
public:
  explicit pipe_end(HANDLE native) : native_{native} {
    if (native == INVALID_HANDLE_VALUE)
      fail("named pipe");
  }
  ~pipe_end() { ::CloseHandle(native_); }
  pipe_end(const pipe_end&) = delete;
  pipe_end& operator=(const pipe_end&) = delete;

  HANDLE get() const noexcept { return native_; }

  void write(const void* data, std::size_t size) const {
    DWORD written = 0;
    if (!::WriteFile(native_, data, static_cast<DWORD>(size), &written, nullptr) || written != size)
      fail("WriteFile");
  }

  /// 0 when the other end is closed.
  std::size_t read_some(void* data, std::size_t size) const {
    DWORD got = 0;
    if (!::ReadFile(native_, data, static_cast<DWORD>(size), &got, nullptr) && ::GetLastError() != ERROR_BROKEN_PIPE)
      fail("ReadFile");
    return got;
  }

  /// Whether all of it came before the other end was closed.
  bool read(void* data, std::size_t size) const {
    auto* at = static_cast<char*>(data);
    while (size > 0) {
      auto got = read_some(at, size);
      if (got == 0)
        return false;
      at += got;
      size -= got;
    }
    return true;
  }

private:
  HANDLE native_;
};

std::wstring pipe_name(const setting& mine) {
  return L"\\\\.\\pipe\\" + mine.directory.filename().wstring();
}

void echo(const pipe_end& peer, std::size_t size) {
  std::string message(size, '\0');
  while (peer.read(message.data(), size))
    peer.write(message.data(), size);
}

std::uint64_t count(const pipe_end& peer, std::size_t size) {
  constexpr std::size_t usual_buffer = 64 << 10;
  std::string buffer(std::max(size, usual_buffer), '\0');
  std::uint64_t bytes = 0;
  while (auto got = peer.read_some(buffer.data(), buffer.size()))
    bytes += got;
  return bytes / size;
}

/// One connection after the other. A pipe cannot be closed in one direction only, so each begins with what the one before has brought.
void serve_all(const pipe_end& peer, const setting& mine) {
  for (std::uint64_t messages = 0;;) {
    if (!::ConnectNamedPipe(peer.get(), nullptr) && ::GetLastError() != ERROR_PIPE_CONNECTED)
      fail("ConnectNamedPipe");
    peer.write(&messages, sizeof(messages));
    if (mine.what.what == flow::request)
      echo(peer, mine.what.payload);
    else
      messages = count(peer, mine.what.payload);
    ::DisconnectNamedPipe(peer.get());
  }
}

void serve(const setting& mine) {
  pipe_end peer{::CreateNamedPipeW(pipe_name(mine).c_str(), PIPE_ACCESS_DUPLEX,
                                   PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
                                   pipe_buffer, pipe_buffer, 0, nullptr)};
  // it may wait for a connection that never comes, and ends with the process
  std::thread{[&peer, mine] {
    try {
      serve_all(peer, mine);
    } catch (const std::exception& why) {
      std::fprintf(stderr, "mailroom_bench: %s\n", why.what());
      ::TerminateProcess(::GetCurrentProcess(), EXIT_FAILURE);
    }
  }}.detach();
  tell_caller("ready");
  await_end();
  ::TerminateProcess(::GetCurrentProcess(), EXIT_SUCCESS);
}

class bare_caller final : public caller {
public:
  explicit bare_caller(const setting& mine)
    : name_{pipe_name(mine)}, payload_{payload_of(mine.what)}, echo_(mine.what.payload, '\0') {
    connect();
  }

  std::string_view request() override {
    peer_->write(payload_.data(), payload_.size());
    if (!peer_->read(echo_.data(), echo_.size()))
      throw std::runtime_error{"the pipe was closed early"};
    return echo_;
  }

  void send() override { peer_->write(payload_.data(), payload_.size()); }

  std::uint64_t received() override {
    peer_.reset();
    return connect();
  }

private:
  /// Returns what came over the connection before.
  std::uint64_t connect() {
    constexpr DWORD patience = 20'000; // milliseconds
    auto open = [this] {
      return ::CreateFileW(name_.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0, nullptr);
    };
    auto opened = open();
    while (opened == INVALID_HANDLE_VALUE && ::GetLastError() == ERROR_PIPE_BUSY) {
      if (!::WaitNamedPipeW(name_.c_str(), patience))
        fail("WaitNamedPipe");
      opened = open();
    }
    peer_ = std::make_unique<pipe_end>(opened);
    std::uint64_t before = 0;
    if (!peer_->read(&before, sizeof(before)))
      throw std::runtime_error{"the receiver did not tell its count"};
    return before;
  }

  std::wstring name_;
  std::string payload_;
  std::string echo_;
  std::unique_ptr<pipe_end> peer_;
};

} // namespace

contender bare_pipe() {
  contender result;
  result.name = "bare pipe";
  result.about = "named pipe, two processes, blocking WriteFile and ReadFile";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<bare_caller>(mine); };
  return result;
}

} // namespace bench
