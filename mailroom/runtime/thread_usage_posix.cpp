#include <mailroom/runtime/thread_usage.hpp>

#include <sys/resource.h>

namespace mailroom {

std::optional<thread_usage> thread_usage::now() noexcept {
#ifdef RUSAGE_THREAD
  rusage found{};
  if (::getrusage(RUSAGE_THREAD, &found) != 0)
    return std::nullopt;
  auto time = [](const timeval& value) {
    return std::chrono::seconds{value.tv_sec} + std::chrono::microseconds{value.tv_usec};
  };
  return thread_usage{time(found.ru_utime) + time(found.ru_stime), static_cast<std::uint64_t>(found.ru_nvcsw),
                      static_cast<std::uint64_t>(found.ru_nivcsw)};
#else
  return std::nullopt;
#endif
}

} // namespace mailroom
