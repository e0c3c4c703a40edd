// One thread does it all: it forks the guardians, and waits for what they report, for what the programs write and for the guardians' ends. A child is
// over when its guardian is: then nothing of it is left, and what it wrote is in the pipes.

#include <mailroom/actors/child_process.hpp>

#include <mailroom/actors/guardian_posix.hpp>
#include <mailroom/actors/line_cutter.hpp>
#include <mailroom/actors/program_image_posix.hpp>
#include <mailroom/actors/start_queue.hpp>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unordered_map>

namespace mailroom {

namespace {

const std::string subject = "process keeper";

/// How the thread knows what an event is about: the child's number and one of these.
enum class source : std::uint64_t { guardian, report, output, error_output };
constexpr std::uint64_t sources = 4;
constexpr std::uint64_t wake_event = 0; // no child has the number 0

int checked(long result, const char* call) {
  if (result < 0)
    throw failure{system_failure(call, subject)};
  return static_cast<int>(result);
}

std::string in_words(start_step step, const process_spec& what) {
  switch (step) {
    case start_step::descriptors:
      return "dup";
    case start_step::fork:
      return "fork";
    case start_step::limit:
      return "setrlimit";
    case start_step::directory:
      return "chdir to " + what.working_directory.string();
    case start_step::execute:
      return "execve";
  }
  return "start";
}

/// What the user holds. What he says goes right to the guardian, or is kept until there is one.
class guarded_child final : public child_process {
public:
  void ask_to_end() override {
    std::lock_guard guard{mutex_};
    asked_ = true;
    say_so();
  }

  void kill() override {
    std::lock_guard guard{mutex_};
    killed_ = true;
    say_so();
  }

  bool was_killed() const {
    std::lock_guard guard{mutex_};
    return killed_;
  }

  void attach(file_descriptor guardian) {
    std::lock_guard guard{mutex_};
    guardian_ = std::move(guardian);
    say_so();
  }

  void detach() {
    std::lock_guard guard{mutex_};
    guardian_.reset();
  }

  /// Keeper's thread only.
  int guardian() const noexcept { return guardian_.get(); }

private:
  void say_so() noexcept {
    char packet = 0;
    if (guardian_ && asked_)
      ::send(guardian_.get(), &packet, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (guardian_ && killed_)
      ::shutdown(guardian_.get(), SHUT_WR);
    asked_ = asked_ && !guardian_;
  }

  mutable std::mutex mutex_;
  file_descriptor guardian_;
  bool asked_ = false;
  bool killed_ = false;
};

using start_requests = start_queue<program_image, guarded_child>;

/// One pipe that a program writes to.
struct stream {
  file_descriptor reading;
  line_cutter lines;
  bool is_error = false;
};

struct pipe_pair {
  file_descriptor reading, writing;
};

/// Whether this process has it. Where it has none, the number may have gone to something else, which is then closed on exec.
bool is_standard(int native) noexcept {
  auto flags = ::fcntl(native, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

expected<pipe_pair> make_pipe(const std::string& program) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return tl::unexpected{system_failure("pipe", program)};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK); // our end only
  return pipe_pair{file_descriptor{ends[0]}, file_descriptor{ends[1]}};
}

expected<pipe_pair> make_conversation(const std::string& program) {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return tl::unexpected{system_failure("socketpair", program)};
  return pipe_pair{file_descriptor{ends[0]}, file_descriptor{ends[1]}};
}

} // namespace

// -- one child ----------------------------------------------------------------------------------------------------------------

class process_keeper::impl {
public:
  impl();
  ~impl();

  void post(start_requests::request what);

private:
  struct running {
    std::uint64_t number;
    process_spec what;
    child_events events;
    std::shared_ptr<guarded_child> handle;
    guardian keeper{};
    stream output{};
    stream error_output{};
    bool started = false;
    std::optional<expected<process_exit>> how{};
  };

  /// Where a program's output goes, and what is to be closed when it has that.
  struct output_end {
    int native;
    file_descriptor owned;
  };

  void run();
  bool goes_on();
  void start(start_requests::request& what);
  expected<void> launch(running& child, const program_image& image);
  expected<output_end> open_output(const running& child, stream& to, int ours);
  expected<void> watch_all(const running& child);
  void forget(int native) noexcept;
  void forget_all(running& child) noexcept;
  expected<void> watch(const running& child, source which, int native, std::uint32_t events);
  void on_event(std::uint64_t key);
  void read_reports(running& child);
  void on_report(running& child, const guardian_report& what);
  bool read_some(running& child, stream& from);
  void drain(running& child, stream& from);
  void finish(running& child);

  const pid_t owner_ = ::getpid();
  file_descriptor epoll_;
  file_descriptor wake_;
  file_descriptor null_;
  file_descriptor this_process_;

  start_requests requests_;

  // the thread's own
  std::unordered_map<std::uint64_t, std::unique_ptr<running>> children_;
  std::uint64_t last_number_ = 0;
  std::array<char, 16 * 1024> buffer_;

  std::thread thread_;
};

void process_keeper::impl::start(start_requests::request& what) {
  if (!what.image)
    return what.end(tl::unexpected{what.image.error()});
  if (what.child->was_killed())
    return what.end(process_exit{0, SIGKILL});
  auto child = std::make_unique<running>(running{.number = ++last_number_,
                                                 .what = std::move(what.what),
                                                 .events = std::move(what.events),
                                                 .handle = std::move(what.child)});
  child->error_output.is_error = true;
  if (auto done = launch(*child, *what.image); !done) {
    forget_all(*child);
    what.events = std::move(child->events);
    return what.end(tl::unexpected{done.error()});
  }
  children_.emplace(child->number, std::move(child));
}

/// Everything that can fail comes before the fork, but one.
expected<void> process_keeper::impl::launch(running& child, const program_image& image) {
  auto program = child.what.program.string();
  auto conversation = make_conversation(program);
  if (!conversation)
    return tl::unexpected{conversation.error()};
  child.handle->attach(std::move(conversation->reading));
  auto output = open_output(child, child.output, STDOUT_FILENO);
  if (!output)
    return tl::unexpected{output.error()};
  auto error_output = open_output(child, child.error_output, STDERR_FILENO);
  if (!error_output)
    return tl::unexpected{error_output.error()};
  if (auto added = watch_all(child); !added)
    return added;
  auto& directory = child.what.working_directory;
  guardian_orders orders{.program = image.path(),
                         .arguments = image.arguments(),
                         .environment = image.environment(),
                         .working_directory = directory.empty() ? nullptr : directory.c_str(),
                         .max_memory = child.what.max_memory,
                         .null = null_.get(),
                         .output = output->native,
                         .error_output = error_output->native,
                         .keeper = conversation->writing.get(),
                         .keeper_process = this_process_.get()};
  child.keeper = start_guardian(orders);
  if (child.keeper.pid < 0)
    return tl::unexpected{system_failure("fork", program)};
  auto added = watch(child, source::guardian, child.keeper.process.get(), EPOLLIN);
  if (!added) {
    child.handle->kill();
    ::waitid(P_PID, static_cast<id_t>(child.keeper.pid), nullptr, WEXITED | __WALL);
  }
  return added;
}

/// The program's end, and ours in `to` where there is one.
expected<process_keeper::impl::output_end> process_keeper::impl::open_output(const running& child, stream& to,
                                                                             int ours) {
  if (child.what.output == child_output::discarded)
    return output_end{null_.get(), {}};
  if (child.what.output == child_output::inherited)
    return output_end{is_standard(ours) ? ours : null_.get(), {}};
  auto made = make_pipe(child.what.program.string());
  if (!made)
    return tl::unexpected{made.error()};
  to.reading = std::move(made->reading);
  return output_end{made->writing.get(), std::move(made->writing)};
}

/// What the programs write is not read before their start was told.
expected<void> process_keeper::impl::watch_all(const running& child) {
  auto result = watch(child, source::report, child.handle->guardian(), EPOLLIN);
  if (result && child.output.reading)
    result = watch(child, source::output, child.output.reading.get(), 0);
  if (result && child.error_output.reading)
    result = watch(child, source::error_output, child.error_output.reading.get(), 0);
  return result;
}

expected<void> process_keeper::impl::watch(const running& child, source which, int native, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = child.number * sources + static_cast<std::uint64_t>(which);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, native, &event) == 0
      || (errno == EEXIST && ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, native, &event) == 0))
    return {};
  return tl::unexpected{system_failure("epoll_ctl", child.what.program.string())};
}

/// Before it is closed: a forked child of this process may have a copy, for which epoll would go on telling.
void process_keeper::impl::forget(int native) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, native, nullptr);
}

/// Of which nothing more is expected.
void process_keeper::impl::forget_all(running& child) noexcept {
  for (auto native : {child.handle->guardian(), child.keeper.process.get(), child.output.reading.get(),
                      child.error_output.reading.get()})
    forget(native);
  child.handle->detach();
}

void process_keeper::impl::on_event(std::uint64_t key) {
  auto found = children_.find(key / sources);
  if (found == children_.end()) // it ended a moment ago
    return;
  auto& child = *found->second;
  switch (static_cast<source>(key % sources)) {
    case source::guardian:
      finish(child);
      break;
    case source::report:
      read_reports(child);
      break;
    case source::output:
      read_some(child, child.output);
      break;
    case source::error_output:
      read_some(child, child.error_output);
      break;
  }
}

void process_keeper::impl::read_reports(running& child) {
  guardian_report what{};
  for (;;) {
    auto size = ::recv(child.handle->guardian(), &what, sizeof(what), MSG_DONTWAIT);
    if (size == sizeof(what)) {
      on_report(child, what);
    } else if (size >= 0 || (errno != EAGAIN && errno != EINTR)) {
      forget(child.handle->guardian()); // its end comes with the pidfd
      return;
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void process_keeper::impl::on_report(running& child, const guardian_report& what) {
  switch (what.what) {
    case guardian_report::kind::started:
      child.started = true;
      if (child.events.on_started)
        child.events.on_started(static_cast<std::uint32_t>(what.first));
      if (child.output.reading) {
        static_cast<void>(watch(child, source::output, child.output.reading.get(), EPOLLIN));
        static_cast<void>(watch(child, source::error_output, child.error_output.reading.get(), EPOLLIN));
      }
      break;
    case guardian_report::kind::failed:
      child.how = tl::unexpected{system_failure(in_words(static_cast<start_step>(what.first), child.what),
                                                child.what.program.string(), what.second)};
      break;
    case guardian_report::kind::exited:
      child.how = process_exit{what.first, what.second};
      break;
  }
}

/// One buffer, so that others have their turn. Whether there was something.
bool process_keeper::impl::read_some(running& child, stream& from) {
  if (!child.started)
    read_reports(child);
  auto tell = [&](std::string_view line) {
    if (child.events.on_line)
      child.events.on_line(line, from.is_error);
  };
  auto size = ::read(from.reading.get(), buffer_.data(), buffer_.size());
  if (size > 0) {
    from.lines.feed({buffer_.data(), static_cast<std::size_t>(size)}, tell);
    return true;
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  from.lines.finish(tell);
  forget(from.reading.get());
  from.reading.reset();
  return false;
}

/// What was written before the end: no more than a pipe holds, whoever may still have its other end.
void process_keeper::impl::drain(running& child, stream& from) {
  if (!from.reading)
    return;
  auto rest = ::fcntl(from.reading.get(), F_GETPIPE_SZ);
  for (auto size = static_cast<int>(buffer_.size()); rest > 0 && from.reading && read_some(child, from); rest -= size) {
    // nop
  }
  from.lines.finish([&](std::string_view line) {
    if (child.events.on_line)
      child.events.on_line(line, from.is_error);
  });
}

/// The guardian has ended.
void process_keeper::impl::finish(running& child) {
  read_reports(child);
  drain(child, child.output);
  drain(child, child.error_output);
  siginfo_t info{};
  auto known = ::waitid(P_PID, static_cast<id_t>(child.keeper.pid), &info, WEXITED | __WALL) == 0;
  if (!child.how) // somebody has ended the guardian, and with it the program
    child.how = process_exit{0, known && info.si_code != CLD_EXITED ? info.si_status : SIGKILL};
  forget_all(child);
  auto ended = std::move(children_.extract(child.number).mapped());
  if (ended->events.on_exit)
    ended->events.on_exit(std::move(*ended->how));
}

// -- the thread ---------------------------------------------------------------------------------------------------------------

process_keeper::impl::impl()
  : epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
    wake_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")},
    null_{checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null")},
    this_process_{checked(::syscall(SYS_pidfd_open, owner_, 0), "pidfd_open")} {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_event;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event), "epoll_ctl");
  // the program's signals are for the program's own threads; and a guardian has all of them blocked from its first moment
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::optional<error> failed;
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& what) {
    failed = system_failure("start a thread", subject, what.code().value());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed)
    throw failure{*failed};
}

process_keeper::impl::~impl() {
  if (::getpid() != owner_) { // a forked child of ours has neither the thread nor the children
    thread_.detach();
    return;
  }
  requests_.close();
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void process_keeper::impl::post(start_requests::request what) {
  requests_.push(std::move(what));
  ::eventfd_write(wake_.get(), 1);
}

void process_keeper::impl::run() {
  std::array<epoll_event, 64> events;
  while (goes_on()) {
    auto count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == wake_event) {
        eventfd_t ignored = 0;
        ::eventfd_read(wake_.get(), &ignored);
      } else {
        on_event(events[i].data.u64);
      }
    }
  }
}

/// False when the thread has nothing left to do.
bool process_keeper::impl::goes_on() {
  if (requests_.take([this](start_requests::request& each) { start(each); }))
    return true;
  for (auto& [number, child] : children_)
    child->handle->kill();
  return !children_.empty();
}

process_keeper::process_keeper() : impl_{std::make_unique<impl>()} {
  // nop
}

process_keeper::~process_keeper() = default;

std::shared_ptr<child_process> process_keeper::start(process_spec what, child_events events) {
  auto handle = std::make_shared<guarded_child>();
  auto image = program_image::of(what);
  impl_->post({std::move(what), std::move(image), std::move(events), handle});
  return handle;
}

} // namespace mailroom
