#include <mailroom/transports/peer_process_windows.hpp>

#include <mailroom/transports/peer_end.hpp>

#include <windows.h>

namespace mailroom {

namespace {

bool ends_within(const handle& process, std::chrono::milliseconds grace) {
  return process && ::WaitForSingleObject(process.get(), static_cast<DWORD>(grace.count())) == WAIT_OBJECT_0;
}

} // namespace

bool has_ended(const handle& process) {
  return ends_within(process, {});
}

error why_gone(const handle& process, std::chrono::milliseconds grace) {
  DWORD code = 0;
  if (!ends_within(process, grace) || !::GetExitCodeProcess(process.get(), &code))
    return connection_lost();
  return peer_ended(process_exit{static_cast<int>(code), 0});
}

} // namespace mailroom
