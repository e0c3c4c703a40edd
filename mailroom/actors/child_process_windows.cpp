// One thread does it all: it starts the programs, each in a job of its own, and waits at a completion port for what the jobs tell and for what the programs
// write. A child is over when nobody is left in its job: then what it wrote is in the pipes.

#include <mailroom/actors/child_process.hpp>

#include <mailroom/actors/line_cutter.hpp>
#include <mailroom/actors/program_image_windows.hpp>
#include <mailroom/actors/start_queue.hpp>
#include <mailroom/runtime/access_windows.hpp>
#include <mailroom/runtime/system_call_windows.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include <windows.h>

namespace mailroom {

namespace {

const std::string subject = "process keeper";

/// Of what is killed, as a shell says it of kill -9.
constexpr UINT exit_code_of_killed = 137;

/// What a program may write before it has to wait for us.
constexpr DWORD pipe_size = 64 * 1024;

/// The system does not promise to tell of each end in a job, so the thread looks by itself, too.
constexpr DWORD look_each = 1000; // ms

/// It tells of an end a moment before that can be seen.
constexpr DWORD longest_end = 1000; // ms

/// How the thread knows what an event is about: the child's number and one of these.
enum class source : ULONG_PTR { job, output, error_output };
constexpr ULONG_PTR sources = 4;
constexpr ULONG_PTR wake_event = 0; // no child has the number 0

handle checked(void* native, const char* call) {
  handle result{native};
  if (!result)
    throw failure{system_failure(call, subject)};
  return result;
}

/// What the user holds. What he says is done at once, or kept until there is somebody.
class job_child final : public child_process {
public:
  void ask_to_end() override {
    std::lock_guard guard{mutex_};
    wanted_ = true;
    // without a console there is no way to ask
    if (job_ && ::GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, program_) == 0)
      ::TerminateJobObject(job_, exit_code_of_killed);
  }

  void kill() override {
    std::lock_guard guard{mutex_};
    wanted_ = true;
    if (job_)
      ::TerminateJobObject(job_, exit_code_of_killed);
  }

  /// A program that has just begun would not hear that it is asked, so it does not begin.
  bool is_to_end() const {
    std::lock_guard guard{mutex_};
    return wanted_;
  }

  void attach(HANDLE job, DWORD program) {
    std::lock_guard guard{mutex_};
    job_ = job;
    program_ = program;
    if (wanted_)
      ::TerminateJobObject(job_, exit_code_of_killed);
  }

  void detach() {
    std::lock_guard guard{mutex_};
    job_ = nullptr;
  }

private:
  mutable std::mutex mutex_;
  HANDLE job_ = nullptr;
  DWORD program_ = 0;
  bool wanted_ = false;
};

using start_requests = start_queue<program_image, job_child>;

/// As the completion port gives it.
struct event {
  ULONG_PTR key = wake_event;
  DWORD size = 0;                  ///< of a job: what it tells
  OVERLAPPED* operation = nullptr; ///< of a job: the pid of whom it tells

  bool tells_of_end(DWORD pid) const noexcept {
    auto of_this = reinterpret_cast<ULONG_PTR>(operation) == pid
                   && (size == JOB_OBJECT_MSG_EXIT_PROCESS || size == JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS);
    return of_this || size == JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO;
  }
};

/// One pipe that a program writes to.
struct stream {
  handle reading;
  OVERLAPPED read{};
  bool is_reading = false;
  std::array<char, 16 * 1024> buffer;
  line_cutter lines;
  bool is_error = false;
  std::size_t read_since_end = 0;
};

/// What a program gets as its standard handles; only these are inherited.
struct standard_handles {
  handle input, output, error_output;
};

SECURITY_ATTRIBUTES inheritable() {
  return {sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
}

handle open_inheritable(const std::wstring& name, DWORD access) {
  auto how = inheritable();
  return handle{
    ::CreateFileW(name.c_str(), access, FILE_SHARE_READ | FILE_SHARE_WRITE, &how, OPEN_EXISTING, 0, nullptr)};
}

handle open_nothing() {
  return open_inheritable(L"NUL", GENERIC_READ | GENERIC_WRITE);
}

handle inheritable_copy(DWORD which) {
  HANDLE copy = nullptr;
  auto* ours = ::GetStdHandle(which);
  if (ours == nullptr || ours == INVALID_HANDLE_VALUE
      || ::DuplicateHandle(::GetCurrentProcess(), ours, ::GetCurrentProcess(), &copy, 0, TRUE, DUPLICATE_SAME_ACCESS)
           == 0)
    return open_nothing();
  return handle{copy};
}

/// Our end can be waited for at a completion port, the program's is an ordinary one.
expected<handle> make_pipe(handle& reading, const std::string& program) {
  auto id = new_incarnation();
  auto name = LR"(\\.\pipe\mailroom-child-)" + std::to_wstring(id.high) + L'-' + std::to_wstring(id.low);
  security for_us{same_user().pipe};
  reading =
    handle{::CreateNamedPipeW(name.c_str(), PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                              PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
                              pipe_size, pipe_size, 0, static_cast<SECURITY_ATTRIBUTES*>(for_us.attributes()))};
  if (!reading)
    return tl::unexpected{system_failure("CreateNamedPipe", program)};
  auto writing = open_inheritable(name, GENERIC_WRITE | FILE_READ_ATTRIBUTES);
  if (!writing)
    return tl::unexpected{system_failure("open pipe", program)};
  return writing;
}

/// Ends with its last handle, which is ours, and takes all processes in it along.
expected<handle> make_job(const process_spec& what, HANDLE port, ULONG_PTR key) {
  handle result{::CreateJobObjectW(nullptr, nullptr)};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  // a crash is an end, and not a window that somebody has to close
  limits.BasicLimitInformation.LimitFlags =
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
  if (what.max_memory != 0) {
    limits.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_PROCESS_MEMORY;
    limits.ProcessMemoryLimit = static_cast<SIZE_T>(what.max_memory);
  }
  JOBOBJECT_ASSOCIATE_COMPLETION_PORT told{reinterpret_cast<void*>(key), port};
  if (!result
      || ::SetInformationJobObject(result.get(), JobObjectExtendedLimitInformation, &limits, sizeof(limits)) == 0
      || ::SetInformationJobObject(result.get(), JobObjectAssociateCompletionPortInformation, &told, sizeof(told)) == 0)
    return tl::unexpected{system_failure("job object", what.program.string())};
  return result;
}

bool is_empty(HANDLE job) {
  JOBOBJECT_BASIC_ACCOUNTING_INFORMATION count{};
  return ::QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &count, sizeof(count), nullptr) != 0
         && count.ActiveProcesses == 0;
}

/// What CreateProcess is told beside the command line: what is inherited, and the job in which the program begins. So there is no moment at which it
/// would outlive us.
class start_attributes {
public:
  start_attributes(const standard_handles& standard, HANDLE job) : job_{job} {
    for (auto* each : {standard.input.get(), standard.output.get(), standard.error_output.get()})
      if (std::find(inherited_.begin(), inherited_.end(), each) == inherited_.end())
        inherited_.push_back(each);
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 2, 0, &size);
    memory_.resize(size);
    is_good_ = ::InitializeProcThreadAttributeList(native(), 2, 0, &size) != 0;
    if (!is_good_)
      return;
    is_made_ = true;
    is_good_ =
      ::UpdateProcThreadAttribute(native(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited_.data(),
                                  inherited_.size() * sizeof(HANDLE), nullptr, nullptr)
        != 0
      && ::UpdateProcThreadAttribute(native(), 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, &job_, sizeof(job_), nullptr, nullptr)
           != 0;
  }
  ~start_attributes() {
    if (is_made_)
      ::DeleteProcThreadAttributeList(native());
  }
  start_attributes(const start_attributes&) = delete;
  start_attributes& operator=(const start_attributes&) = delete;

  bool is_good() const noexcept { return is_good_; }
  LPPROC_THREAD_ATTRIBUTE_LIST native() noexcept {
    return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.data());
  }

private:
  HANDLE job_;
  std::vector<HANDLE> inherited_;
  std::vector<std::byte> memory_;
  bool is_made_ = false;
  bool is_good_ = false;
};

struct started_program {
  handle process;
  DWORD pid = 0;
};

/// Within the job, and with the first thread running.
expected<started_program> start_program(const process_spec& what, const program_image& image,
                                        const standard_handles& standard, job_child& child, HANDLE job) {
  auto program = what.program.string();
  auto directory = what.working_directory.empty()
                     ? std::wstring{}
                     : std::filesystem::path{what.working_directory}.make_preferred().native();
  std::error_code ignored;
  if (!directory.empty() && !std::filesystem::is_directory(directory, ignored))
    return tl::unexpected{system_failure("start in " + what.working_directory.string(), program, ERROR_DIRECTORY)};
  start_attributes attributes{standard, job};
  if (!attributes.is_good())
    return tl::unexpected{system_failure("UpdateProcThreadAttribute", program)};
  STARTUPINFOEXW how{};
  how.StartupInfo.cb = sizeof(how);
  how.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  how.StartupInfo.hStdInput = standard.input.get();
  how.StartupInfo.hStdOutput = standard.output.get();
  how.StartupInfo.hStdError = standard.error_output.get();
  how.lpAttributeList = attributes.native();
  auto command_line = image.command_line(); // it may be written to
  auto environment = image.environment();
  DWORD flags = CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
  if (::GetConsoleCP() == 0) // where we have no console, a program that wants one would open a window
    flags |= CREATE_NO_WINDOW;
  PROCESS_INFORMATION started{};
  if (::CreateProcessW(image.path().c_str(), command_line.data(), nullptr, nullptr, TRUE, flags, environment.data(),
                       directory.empty() ? nullptr : directory.c_str(), &how.StartupInfo, &started)
      == 0)
    return tl::unexpected{system_failure("CreateProcess", program)};
  handle thread{started.hThread};
  started_program result{handle{started.hProcess}, started.dwProcessId};
  BOOL is_in_job = FALSE;
  ::IsProcessInJob(result.process.get(), job, &is_in_job); // Wine may pass over that attribute
  if (!is_in_job && ::AssignProcessToJobObject(job, result.process.get()) == 0) {
    auto why = system_failure("AssignProcessToJobObject", program);
    ::TerminateProcess(result.process.get(), exit_code_of_killed);
    return tl::unexpected{why};
  }
  child.attach(job, result.pid);
  ::ResumeThread(thread.get());
  return result;
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
    ULONG_PTR number;
    child_events events;
    std::shared_ptr<job_child> user;
    handle job{};
    started_program program{};
    stream output{};
    stream error_output{};
    std::optional<process_exit> how{};
    bool is_over = false; ///< nobody is left in the job
  };

  void run();
  bool goes_on();
  void start(start_requests::request& what);
  expected<void> launch(running& child, const process_spec& what, const program_image& image);
  expected<handle> make_output(running& child, stream& to, source which, const process_spec& what, DWORD standard);
  void read_more(stream& from);
  void on_event(const event& what);
  void on_read(running& child, stream& from);
  void look_at(running& child, DWORD patience);
  void look_at_all();
  void finish_if_over(running& child);
  ULONG_PTR key_of(const running& child, source which) const {
    return child.number * sources + static_cast<ULONG_PTR>(which);
  }

  handle port_;

  start_requests requests_;

  // the thread's own
  std::unordered_map<ULONG_PTR, std::unique_ptr<running>> children_;
  ULONG_PTR last_number_ = 0;

  std::thread thread_;
};

void process_keeper::impl::start(start_requests::request& what) {
  if (!what.image)
    return what.end(tl::unexpected{what.image.error()});
  if (what.child->is_to_end())
    return what.end(process_exit{static_cast<int>(exit_code_of_killed), 0});
  auto made = std::make_unique<running>();
  auto& child = *made;
  child.number = ++last_number_;
  child.user = what.child;
  child.error_output.is_error = true;
  if (auto done = launch(child, what.what, *what.image); !done)
    return what.end(tl::unexpected{done.error()});
  child.events = std::move(what.events);
  children_.emplace(child.number, std::move(made));
  if (child.events.on_started)
    child.events.on_started(child.program.pid);
  for (auto* each : {&child.output, &child.error_output})
    if (each->reading)
      read_more(*each);
}

expected<void> process_keeper::impl::launch(running& child, const process_spec& what, const program_image& image) {
  auto job = make_job(what, port_.get(), key_of(child, source::job));
  if (!job)
    return tl::unexpected{job.error()};
  child.job = std::move(*job);
  auto output = make_output(child, child.output, source::output, what, STD_OUTPUT_HANDLE);
  if (!output)
    return tl::unexpected{output.error()};
  auto error_output = make_output(child, child.error_output, source::error_output, what, STD_ERROR_HANDLE);
  if (!error_output)
    return tl::unexpected{error_output.error()};
  standard_handles standard{open_nothing(), std::move(*output), std::move(*error_output)};
  auto started = start_program(what, image, standard, *child.user, child.job.get());
  if (!started)
    return tl::unexpected{started.error()};
  child.program = std::move(*started);
  return {};
}

/// The program's end.
expected<handle> process_keeper::impl::make_output(running& child, stream& to, source which, const process_spec& what,
                                                   DWORD standard) {
  if (what.output == child_output::discarded)
    return open_nothing();
  if (what.output == child_output::inherited)
    return inheritable_copy(standard);
  auto result = make_pipe(to.reading, what.program.string());
  if (result && ::CreateIoCompletionPort(to.reading.get(), port_.get(), key_of(child, which), 0) == nullptr)
    return tl::unexpected{system_failure("CreateIoCompletionPort", what.program.string())};
  return result;
}

void process_keeper::impl::on_event(const event& what) {
  auto found = children_.find(what.key / sources);
  if (found == children_.end()) // it ended a moment ago
    return;
  auto& child = *found->second;
  switch (static_cast<source>(what.key % sources)) {
    case source::job:
      look_at(child, what.tells_of_end(child.program.pid) ? longest_end : 0);
      break;
    case source::output:
      on_read(child, child.output);
      break;
    case source::error_output:
      on_read(child, child.error_output);
      break;
  }
  finish_if_over(child);
}

void process_keeper::impl::read_more(stream& from) {
  from.read = {};
  from.is_reading =
    ::ReadFile(from.reading.get(), from.buffer.data(), static_cast<DWORD>(from.buffer.size()), nullptr, &from.read) != 0
    || last_error() == ERROR_IO_PENDING;
}

/// One buffer, so that others have their turn. When nobody is left who could write, the rest of what is in the pipe: no more than it holds,
/// whoever may still have its other end.
void process_keeper::impl::on_read(running& child, stream& from) {
  from.is_reading = false;
  DWORD size = 0;
  ::GetOverlappedResult(from.reading.get(), &from.read, &size, FALSE);
  auto end = std::remove(from.buffer.begin(), from.buffer.begin() + size, '\r');
  from.lines.feed({from.buffer.data(), static_cast<std::size_t>(end - from.buffer.begin())},
                  [&](std::string_view line) {
                    if (child.events.on_line)
                      child.events.on_line(line, from.is_error);
                  });
  DWORD rest = 0;
  if (child.is_over) {
    from.read_since_end += size;
    if (::PeekNamedPipe(from.reading.get(), nullptr, 0, nullptr, &rest, nullptr) == 0 || rest == 0
        || from.read_since_end > pipe_size)
      return;
  }
  read_more(from);
}

/// `patience` in milliseconds: for an end that was told.
void process_keeper::impl::look_at(running& child, DWORD patience) {
  if (child.is_over)
    return;
  auto* process = child.program.process.get();
  if (!child.how && ::WaitForSingleObject(process, patience) == WAIT_OBJECT_0) {
    DWORD code = 0;
    ::GetExitCodeProcess(process, &code);
    child.how = process_exit{static_cast<int>(code), 0};
    ::TerminateJobObject(child.job.get(), exit_code_of_killed); // what it leaves behind
  }
  if (!child.how || !is_empty(child.job.get()))
    return;
  child.is_over = true;
  for (auto* each : {&child.output, &child.error_output})
    if (each->is_reading) // a read that has found something comes as it would have
      ::CancelIoEx(each->reading.get(), &each->read);
}

void process_keeper::impl::finish_if_over(running& child) {
  if (!child.is_over || child.output.is_reading || child.error_output.is_reading)
    return;
  for (auto* each : {&child.output, &child.error_output})
    each->lines.finish([&](std::string_view line) {
      if (child.events.on_line)
        child.events.on_line(line, each->is_error);
    });
  child.user->detach();
  auto ended = std::move(children_.extract(child.number).mapped());
  if (ended->events.on_exit)
    ended->events.on_exit(*ended->how);
}

// -- the thread ---------------------------------------------------------------------------------------------------------------

process_keeper::impl::impl()
  : port_{checked(::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1), "CreateIoCompletionPort")} {
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& what) {
    throw failure{system_failure("start a thread", subject, static_cast<unsigned long>(what.code().value()))};
  }
}

process_keeper::impl::~impl() {
  requests_.close();
  ::PostQueuedCompletionStatus(port_.get(), 0, wake_event, nullptr);
  thread_.join();
}

void process_keeper::impl::post(start_requests::request what) {
  requests_.push(std::move(what));
  ::PostQueuedCompletionStatus(port_.get(), 0, wake_event, nullptr);
}

void process_keeper::impl::run() {
  auto last_look = ::GetTickCount64();
  while (goes_on()) {
    event what;
    auto got = ::GetQueuedCompletionStatus(port_.get(), &what.size, &what.key, &what.operation,
                                           children_.empty() ? INFINITE : look_each);
    if (what.key != wake_event && (got != 0 || what.operation != nullptr))
      on_event(what);
    if (auto now = ::GetTickCount64(); now - last_look >= look_each) {
      last_look = now;
      look_at_all();
    }
  }
}

void process_keeper::impl::look_at_all() {
  std::vector<running*> all;
  for (auto& [number, child] : children_)
    all.push_back(child.get());
  for (auto* each : all) {
    look_at(*each, 0);
    finish_if_over(*each);
  }
}

/// False when the thread has nothing left to do.
bool process_keeper::impl::goes_on() {
  if (requests_.take([this](start_requests::request& each) { start(each); }))
    return true;
  for (auto& [number, child] : children_)
    child->user->kill();
  return !children_.empty();
}

process_keeper::process_keeper() : impl_{std::make_unique<impl>()} {
  // nop
}

process_keeper::~process_keeper() = default;

std::shared_ptr<child_process> process_keeper::start(process_spec what, child_events events) {
  auto user = std::make_shared<job_child>();
  auto image = program_image::of(what);
  impl_->post({std::move(what), std::move(image), std::move(events), user});
  return user;
}

} // namespace mailroom
