#include <mailroom/transports/shared_segment_posix.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace mailroom {

namespace {

constexpr const char* subject = "shared memory";
constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::size_t page_size() noexcept {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// One page of control blocks, then the bytes of both rings.
std::size_t size_for(std::size_t capacity) noexcept {
  return page_size() + 2 * capacity;
}

expected<void> check_capacity(std::size_t capacity) {
  constexpr std::size_t most = std::size_t{1} << 30;
  if (capacity == 0 || capacity % page_size() != 0 || capacity > most)
    return tl::unexpected{
      error{errc::undecodable, subject, "a ring of " + std::to_string(capacity) + " bytes, which cannot be"}};
  return {};
}

tl::unexpected<error> failed(const char* call) {
  return tl::unexpected{system_failure(call, subject)};
}

} // namespace

expected<std::unique_ptr<shared_segment>> shared_segment::make(std::size_t capacity) {
  if (auto fine = check_capacity(capacity); !fine)
    return tl::unexpected{fine.error()};
  file_descriptor file{::memfd_create("mailroom", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!file)
    return failed("memfd_create");
  // the memory itself, not only the promise of it: a page that cannot be had later would be a signal
  if (auto code = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size_for(capacity))); code != 0)
    return tl::unexpected{system_failure("fallocate", subject, code)};
  if (::fcntl(file.get(), F_ADD_SEALS, seals) != 0)
    return failed("F_ADD_SEALS");
  std::unique_ptr<shared_segment> result{new shared_segment{std::move(file), capacity}};
  if (auto mapped = result->map(); !mapped)
    return tl::unexpected{mapped.error()};
  return result;
}

expected<std::unique_ptr<shared_segment>> shared_segment::adopt(file_descriptor file, std::size_t capacity) {
  if (auto fine = check_capacity(capacity); !fine)
    return tl::unexpected{fine.error()};
  constexpr int needed = F_SEAL_SHRINK | F_SEAL_GROW;
  auto have = ::fcntl(file.get(), F_GET_SEALS);
  if (have < 0)
    return failed("F_GET_SEALS");
  if ((have & needed) != needed)
    return tl::unexpected{error{errc::denied, subject, "denied: the file is not sealed against shrinking and growing"}};
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0)
    return failed("fstat");
  if (static_cast<std::size_t>(facts.st_size) != size_for(capacity))
    return tl::unexpected{error{errc::denied, subject,
                                "denied: a file of " + std::to_string(facts.st_size) + " bytes where two rings take "
                                  + std::to_string(size_for(capacity))}};
  std::unique_ptr<shared_segment> result{new shared_segment{std::move(file), capacity}};
  if (auto mapped = result->map(); !mapped)
    return tl::unexpected{mapped.error()};
  return result;
}

shared_segment::~shared_segment() {
  if (control_ != nullptr)
    ::munmap(control_, page_size());
  for (auto* each : data_)
    if (each != nullptr)
      ::munmap(each, 2 * capacity_);
}

expected<void> shared_segment::map() {
  constexpr int access = PROT_READ | PROT_WRITE;
  auto* control = ::mmap(nullptr, page_size(), access, MAP_SHARED, file_.get(), 0);
  if (control == MAP_FAILED)
    return failed("mmap");
  control_ = control;
  for (std::size_t i = 0; i < 2; ++i) {
    // room for the ring twice, then the same pages in both halves
    auto* room = ::mmap(nullptr, 2 * capacity_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
      return failed("mmap");
    data_[i] = static_cast<std::byte*>(room);
    auto from = static_cast<off_t>(page_size() + i * capacity_);
    for (auto* half : {data_[i], data_[i] + capacity_})
      if (::mmap(half, capacity_, access, MAP_SHARED | MAP_FIXED, file_.get(), from) == MAP_FAILED)
        return failed("mmap");
  }
  return {};
}

ring_memory shared_segment::ring(std::size_t index) const noexcept {
  static_assert(2 * sizeof(ring_control) <= 4096);
  // a fresh memory file is all zero, which is what an empty ring is
  return {static_cast<ring_control*>(control_) + index, data_[index], capacity_};
}

} // namespace mailroom
