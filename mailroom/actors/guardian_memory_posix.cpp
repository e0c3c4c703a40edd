#include <mailroom/actors/guardian_memory_posix.hpp>

#include <mailroom/actors/guardian_calls_posix.hpp>

#include <cerrno>
#include <pthread.h>

namespace mailroom {

namespace {

/// A line of /proc/self/maps: `7f0c1c000000-7f0c1c021000 rw-p 00000000 00:00 0   [heap]`.
struct mapping {
  unsigned long begin = 0;
  unsigned long end = 0;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  int name[2] = {0, 0}; ///< how its name begins

  bool is_of_file() const noexcept { return name[0] == '/' && !shared; }
  bool is_of_kernel() const noexcept { return name[0] == '[' && name[1] == 'v'; } // vdso, vvar

  /// Some programs move their code into large pages, which are of no file.
  bool is_needed() const noexcept { return is_of_file() || is_of_kernel() || executable; }
};

class maps_file {
public:
  bool is_open() const noexcept { return file_.is_open(); }

  /// False at the end.
  bool next(mapping& result) noexcept {
    result = {};
    at_ = file_.next();
    result.begin = number();
    result.end = number();
    for (; at_ >= 0 && at_ != ' '; at_ = file_.next()) {
      result.writable = result.writable || at_ == 'w';
      result.executable = result.executable || at_ == 'x';
      result.shared = result.shared || at_ == 's';
    }
    for (auto columns = 0; columns < 3; ++columns) // offset, device, inode
      skip_column();
    for (auto& each : result.name)
      if (at_ >= 0 && at_ != '\n') {
        each = at_;
        at_ = file_.next();
      }
    while (at_ >= 0 && at_ != '\n')
      at_ = file_.next();
    return at_ == '\n';
  }

private:
  /// With the one character behind it.
  unsigned long number() noexcept {
    unsigned long result = 0;
    for (; at_ >= 0 && at_ != '-' && at_ != ' '; at_ = file_.next())
      result = result * 16 + static_cast<unsigned long>(at_ <= '9' ? at_ - '0' : at_ - 'a' + 10);
    at_ = file_.next();
    return result;
  }

  void skip_column() noexcept {
    while (at_ == ' ')
      at_ = file_.next();
    while (at_ >= 0 && at_ != ' ' && at_ != '\n')
      at_ = file_.next();
    while (at_ == ' ')
      at_ = file_.next();
  }

  bare::proc_file file_{"/proc/self/maps"};
  int at_ = 0;
};

unsigned long least(unsigned long left, unsigned long right) noexcept {
  return left < right ? left : right;
}

unsigned long most(unsigned long left, unsigned long right) noexcept {
  return left < right ? right : left;
}

void unmap(unsigned long begin, unsigned long end) noexcept {
  if (begin < end)
    bare::call(SYS_munmap, static_cast<long>(begin), static_cast<long>(end - begin));
}

} // namespace

thread_memory thread_memory::of_this_thread() noexcept {
  thread_memory result;
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0)
    return result;
  void* start = nullptr;
  std::size_t size = 0;
  if (::pthread_attr_getstack(&attributes, &start, &size) == 0) {
    result.begin = reinterpret_cast<unsigned long>(start);
    result.end = result.begin + size;
  }
  ::pthread_attr_destroy(&attributes);
  return result;
}

void forget_memory(const thread_memory& mine) noexcept {
  maps_file maps;
  if (!maps.is_open() || !mine.holds(&maps) || !mine.holds(&errno))
    return;
  unsigned long end_of_variables = 0;
  for (mapping each; maps.next(each);) {
    auto begins_as_zero = each.name[0] == 0 && each.begin == end_of_variables; // behind variables that have a value
    end_of_variables = each.is_of_file() && each.writable ? each.end : 0;
    if (each.is_needed() || begins_as_zero)
      continue;
    unmap(each.begin, least(each.end, mine.begin));
    unmap(most(each.begin, mine.end), each.end);
  }
}

} // namespace mailroom
