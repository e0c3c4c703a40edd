#include <mailroom/actors/guardian_posix.hpp>

#include <mailroom/actors/guardian_calls_posix.hpp>
#include <mailroom/actors/guardian_memory_posix.hpp>

// Between `clone` and its end the guardian makes system calls and nothing else: other threads may have held any lock of the C library, of the program
// or of a sanitizer when the memory was copied. So this file is compiled without sanitizers and without lazy binding (see CMakeLists.txt),
// and uses nothing of the standard library there.

#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace mailroom {

using bare::call;

namespace {

// -- the program --------------------------------------------------------------------------------------------------------------

/// Where the guardian's descriptors are once it has sorted them. The first three are the program's.
enum place : int { input, output, error_output, keeper, keeper_process, first_free };

struct program_start {
  const guardian_orders* orders;
  long guardian;
  start_step step = start_step::fork;
  int code = 0; ///< errno; 0: it runs
};

/// That this process may have anyway is the most that the program can be given.
bool limit_memory(std::uint64_t bytes) noexcept {
  struct {
    std::uint64_t soft, hard;
  } limit;
  if (call(SYS_prlimit64, 0, RLIMIT_AS, nullptr, &limit) != 0)
    return false;
  if (bytes < limit.hard)
    limit.hard = bytes;
  limit.soft = limit.hard;
  return call(SYS_prlimit64, 0, RLIMIT_AS, &limit, nullptr) == 0;
}

[[noreturn]] void fail(program_start& start, start_step step) noexcept {
  start.step = step;
  start.code = errno;
  bare::end(127);
}

/// In the program's process, which has the guardian's memory until it executes: what it writes, the guardian reads.
int become_program(void* argument) noexcept {
  auto& start = *static_cast<program_start*>(argument);
  auto& orders = *start.orders;
  call(SYS_setpgid, 0, 0);
  call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (call(SYS_getppid) != start.guardian) // killed before it could be watched
    bare::end(127);
  std::uint64_t no_signals = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, static_cast<long>(sizeof(no_signals)));
  if (orders.working_directory != nullptr && call(SYS_chdir, orders.working_directory) != 0)
    fail(start, start_step::directory);
  if (orders.max_memory != 0 && !limit_memory(orders.max_memory))
    fail(start, start_step::limit);
  call(SYS_execve, orders.program, orders.arguments, orders.environment);
  fail(start, start_step::execute);
}

/// Its pid, or -1. Returns when it executes, or has failed to: no page is copied for it, and nothing is needed to tell of its failure.
pid_t start_program(program_start& start) noexcept {
  alignas(16) char stack[16 * 1024];
  auto pid = bare::clone_as_it_is(become_program, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
  if (pid < 0)
    start.code = errno;
  return pid;
}

// -- becoming a process of its own --------------------------------------------------------------------------------------------

/// For kernels before 5.9.
void close_from_list(int first) noexcept {
  auto list = static_cast<int>(call(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (list < 0)
    return;
  struct entry { // as getdents64 writes it
    std::uint64_t inode;
    std::int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[1];
  };
  alignas(entry) char buffer[2048];
  for (;;) {
    auto size = call(SYS_getdents64, list, buffer, static_cast<long>(sizeof(buffer)));
    if (size <= 0)
      break;
    for (long at = 0; at < size;) {
      auto* each = reinterpret_cast<entry*>(buffer + at);
      int number = 0;
      for (auto* digit = each->name; *digit >= '0' && *digit <= '9'; ++digit)
        number = number * 10 + (*digit - '0');
      if (number >= first && number != list)
        call(SYS_close, number);
      at += each->size;
    }
  }
  call(SYS_close, list);
}

/// Puts ours into their places and closes all others, which the guardian has of its parent.
bool sort_descriptors(const guardian_orders& orders) noexcept {
  const int wanted[first_free] = {orders.null, orders.output, orders.error_output, orders.keeper,
                                  orders.keeper_process};
  int moved[first_free]; // out of the way of the places
  for (auto i = 0; i < first_free; ++i) {
    moved[i] = static_cast<int>(call(SYS_fcntl, wanted[i], F_DUPFD_CLOEXEC, int{first_free}));
    if (moved[i] < 0)
      return false;
  }
  for (auto i = 0; i < first_free; ++i)
    if (call(SYS_dup3, moved[i], i, i < keeper ? 0 : O_CLOEXEC) < 0)
      return false;
  if (call(SYS_close_range, int{first_free}, static_cast<long>(~0U), 0) != 0)
    close_from_list(first_free);
  return true;
}

/// No handler of the parent's ever runs here: all signals are blocked. The program inherits what is ignored, and children must not be.
void reset_signals() noexcept {
  const char by_default[64] = {}; // a sigaction of the kernel's, all zero: SIG_DFL
  for (auto number = 1; number <= 64; ++number)
    call(SYS_rt_sigaction, number, by_default, nullptr, 8);
}

// -- watching -----------------------------------------------------------------------------------------------------------------

void report(const guardian_report& what) noexcept {
  call(SYS_sendto, keeper, &what, static_cast<long>(sizeof(what)), MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
}

/// The guardian's life, after it has become a process of its own.
class watch {
public:
  explicit watch(pid_t program) noexcept : program_{program} {}

  /// Returns when all children are gone.
  void run(int child_ended) noexcept {
    while (reap()) {
      if (ending_)
        kill_children();
      pollfd ready[3] = {{keeper, POLLIN, 0}, {keeper_process, POLLIN, 0}, {child_ended, POLLIN, 0}};
      if (told_all_)
        ready[0].fd = ready[1].fd = -1;
      timespec again{0, 10'000'000}; // the list of children is not exact while they end
      call(SYS_ppoll, ready, 3, ending_ ? &again : nullptr, nullptr, 0);
      if ((ready[2].revents & POLLIN) != 0) {
        signalfd_siginfo info;
        call(SYS_read, child_ended, &info, static_cast<long>(sizeof(info)));
      }
      if (ready[1].revents != 0)
        ending_ = told_all_ = true;
      if (ready[0].revents != 0)
        obey();
    }
  }

private:
  /// Waits for those that have ended, ours and those that became ours. False when there is none left.
  bool reap() noexcept {
    for (;;) {
      siginfo_t info;
      info.si_pid = 0;
      if (call(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG | __WALL, nullptr) != 0)
        return false;
      if (info.si_pid == 0)
        return true;
      if (info.si_pid == program_) {
        program_ = 0;
        ending_ = true;
        auto exited = info.si_code == CLD_EXITED;
        report({guardian_report::kind::exited, exited ? info.si_status : 0, exited ? 0 : info.si_status});
      }
    }
  }

  /// Those of the dead become ours in their turn.
  void kill_children() noexcept {
    bare::proc_file children{"/proc/thread-self/children"};
    if (!children.is_open() && program_ != 0)
      call(SYS_kill, -program_, SIGKILL); // no /proc: its group is what can be known
    long pid = 0;
    for (auto each = children.is_open() ? children.next() : -1; each >= 0; each = children.next()) {
      if (each >= '0' && each <= '9') {
        pid = pid * 10 + (each - '0');
        continue;
      }
      if (pid > 0) // not waited for, so nobody else has that pid
        call(SYS_kill, pid, SIGKILL);
      pid = 0;
    }
  }

  void obey() noexcept {
    char packet = 0;
    auto size = call(SYS_recvfrom, keeper, &packet, 1, MSG_DONTWAIT, nullptr, nullptr);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
      ending_ = told_all_ = true;
    if (size > 0 && program_ != 0) {
      call(SYS_kill, program_, SIGTERM);
      call(SYS_kill, program_, SIGCONT); // a stopped one would not listen
    }
  }

  pid_t program_;
  bool ending_ = false;
  bool told_all_ = false;
};

[[noreturn]] void guard(const guardian_orders& orders, const thread_memory& memory) noexcept {
  call(SYS_setsid);
  call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  call(SYS_prctl, PR_SET_NAME, "mailroom:guard", 0, 0, 0);
  reset_signals();
  program_start start{&orders, call(SYS_getpid)};
  if (!sort_descriptors(orders)) {
    // the socket may not be in its place
    guardian_report failed{guardian_report::kind::failed, static_cast<std::int32_t>(start_step::descriptors), errno};
    call(SYS_sendto, orders.keeper, &failed, static_cast<long>(sizeof(failed)), MSG_NOSIGNAL, nullptr, 0);
    bare::end(1);
  }
  std::uint64_t child_signal = std::uint64_t{1} << (SIGCHLD - 1);
  auto child_ended = static_cast<int>(
    call(SYS_signalfd4, -1, &child_signal, static_cast<long>(sizeof(child_signal)), SFD_CLOEXEC | SFD_NONBLOCK));
  auto pid = child_ended < 0 ? -1 : start_program(start);
  if (child_ended < 0)
    start.code = errno;
  if (start.code != 0) {
    call(SYS_waitid, P_ALL, 0, nullptr, WEXITED | __WALL, nullptr);
    report({guardian_report::kind::failed, static_cast<std::int32_t>(start.step), start.code});
    bare::end(1);
  }
  report({guardian_report::kind::started, pid, 0});
  call(SYS_dup3, int{input}, int{output}, 0);
  call(SYS_dup3, int{input}, int{error_output}, 0);
  call(SYS_chdir, "/");
  forget_memory(memory);
  watch{pid}.run(child_ended);
  bare::end(0);
}

} // namespace

guardian start_guardian(const guardian_orders& orders) noexcept {
  auto memory = thread_memory::of_this_thread();
  int pidfd = -1;
  // without an exit signal. Not `fork`, which runs the handlers of everybody in the program who asked for it
  auto pid = static_cast<pid_t>(call(SYS_clone, CLONE_PIDFD, nullptr, &pidfd, nullptr, 0));
  if (pid == 0)
    guard(orders, memory);
  return {pid, file_descriptor{pidfd}};
}

} // namespace mailroom
