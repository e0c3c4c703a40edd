#include <support/forked.hpp>

#include <csignal>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

line::~line() {
  ::close(native_);
}

void line::tell() const {
  char byte = 0;
  ::send(native_, &byte, 1, MSG_NOSIGNAL);
}

bool line::hear() const {
  char byte = 0;
  return ::recv(native_, &byte, 1, 0) == 1;
}

forked::forked(const std::function<int(const line&)>& body) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error{"socketpair"};
  timeval patience{20, 0};
  for (auto end : ends)
    ::setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  pid_ = ::fork();
  if (pid_ < 0)
    throw std::runtime_error{"fork"};
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that is killed leaves nothing behind
    ::close(ends[0]);
    line to_parent{ends[1]};
    ::_exit(body(to_parent));
  }
  ::close(ends[1]);
  line_ = std::make_unique<line>(ends[0]);
}

forked::~forked() {
  if (pid_ > 0) {
    kill();
    wait();
  }
}

void forked::kill() const {
  ::kill(pid_, SIGKILL);
}

int forked::wait() {
  auto status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace test
