#pragma once
// Somebody else's window: how it is found, whose it is, and how to send to it.

#include <mailroom/runtime/system_call_windows.hpp>
#include <mailroom/transports/copydata_fragment.hpp>

#include <chrono>
#include <string>

namespace mailroom {

/// A window, and the process that has it.
struct copydata_peer {
  std::uint64_t window = 0;
  std::uint32_t pid = 0;
  handle process;

  bool is_this_process() const noexcept;
};

/// The name of the window class, in every process.
extern const wchar_t* const copydata_class;

/// `no_such_process` where there is no such window, `denied` where its process is not one of this user.
expected<copydata_peer> find_copydata_peer(const std::wstring& title);
expected<copydata_peer> copydata_peer_of(std::uint64_t window);

/// Whether the window is, or was, one of that process.
bool belongs_to(std::uint64_t window, std::uint32_t pid);

/// What came of one message.
struct copydata_outcome {
  enum { answered, silent, gone } what = gone;
  copydata_answer answer{};
};

/// Waits for the answer, up to `longest` where the window is another process's. Not on a thread that owns a window.
copydata_outcome send_copydata(const copydata_peer& to, std::uint64_t from, std::span<const std::byte> message,
                               std::chrono::milliseconds longest);

} // namespace mailroom
