#pragma once
// What a guardian may do: system calls. Without the C library's own wrappers, which sanitizers replace by theirs. Included by the guardian's files
// only, which are compiled without sanitizers and without lazy binding (see CMakeLists.txt).

#include <cstddef>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mailroom::bare {

inline long word(const void* pointer) noexcept {
  return reinterpret_cast<long>(pointer);
}

inline long word(long value) noexcept {
  return value;
}

template <class... Arguments> long call(long number, Arguments... arguments) noexcept {
  return ::syscall(number, word(arguments)...);
}

#ifdef __GLIBC__
/// `clone` by the name that ThreadSanitizer does not replace. Its own one takes locks of the sanitizer's, which another thread may have held.
extern "C" int clone_as_it_is(int (*run)(void*), void* stack_end, int flags, void* argument, ...) noexcept
  asm("__clone");
#else
inline constexpr auto* clone_as_it_is = ::clone;
#endif

inline int open_to_read(const char* path) noexcept {
  return static_cast<int>(call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
}

[[noreturn]] inline void end(int code) noexcept {
  for (;;)
    call(SYS_exit_group, code);
}

/// A file of /proc, byte by byte.
class proc_file {
public:
  explicit proc_file(const char* path) noexcept : native_{open_to_read(path)} {}
  ~proc_file() {
    if (native_ >= 0)
      call(SYS_close, native_);
  }
  proc_file(const proc_file&) = delete;
  proc_file& operator=(const proc_file&) = delete;

  bool is_open() const noexcept { return native_ >= 0; }

  /// -1 at the end.
  int next() noexcept {
    if (at_ == size_) {
      size_ = call(SYS_read, native_, buffer_, static_cast<long>(sizeof(buffer_)));
      at_ = 0;
      if (size_ <= 0) {
        size_ = 0;
        return -1;
      }
    }
    return static_cast<unsigned char>(buffer_[at_++]);
  }

private:
  int native_;
  long at_ = 0;
  long size_ = 0;
  char buffer_[1024];
};

} // namespace mailroom::bare
