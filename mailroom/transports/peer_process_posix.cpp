#include <mailroom/transports/peer_process_posix.hpp>

#include <mailroom/transports/peer_end.hpp>

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mailroom {

namespace {

file_descriptor open_pidfd(int socket, std::uint32_t pid) {
#ifdef SO_PEERPIDFD
  int native = -1;
  socklen_t size = sizeof(native);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &native, &size) == 0)
    return file_descriptor{native};
#else
  static_cast<void>(socket);
#endif
  return file_descriptor{static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0))};
}

/// How the process ended, where it is a child of ours that nobody has waited for; it stays to be waited for.
std::optional<process_exit> peek_exit(std::uint32_t pid) {
  siginfo_t info{};
  if (::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
    return std::nullopt;
  if (info.si_code == CLD_EXITED)
    return process_exit{info.si_status, 0};
  return process_exit{0, info.si_status};
}

} // namespace

peer_process::peer_process(int socket, std::uint32_t pid) : pidfd_{open_pidfd(socket, pid)}, pid_{pid} {
  // nop
}

bool peer_process::has_ended() const {
  if (!pidfd_)
    return ::kill(static_cast<pid_t>(pid_), 0) != 0 && errno == ESRCH;
  pollfd waiting{pidfd_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

error peer_process::why_gone() const {
  return has_ended() ? peer_ended(peek_exit(pid_)) : connection_lost();
}

} // namespace mailroom
