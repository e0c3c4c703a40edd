#include <mailroom/transports/shared_segment_windows.hpp>

#include <limits>
#include <windows.h>

namespace mailroom {

namespace {

constexpr const char* subject = "shared memory";
constexpr DWORD access = FILE_MAP_READ | FILE_MAP_WRITE;

/// Where a view of a section may begin.
constexpr std::size_t granularity = std::size_t{64} << 10;

/// The control blocks, then the bytes of both rings.
constexpr std::size_t size_for(std::size_t capacity) noexcept {
  return granularity + 2 * capacity;
}

expected<void> check_capacity(std::uint64_t capacity) {
  constexpr std::uint64_t most = std::uint64_t{1} << 30;
  if (capacity == 0 || capacity % granularity != 0 || capacity > most)
    return tl::unexpected{
      error{errc::undecodable, subject, "a ring of " + std::to_string(capacity) + " bytes, which cannot be"}};
  return {};
}

tl::unexpected<error> failed(const char* call) {
  return tl::unexpected{system_failure(call, subject)};
}

tl::unexpected<error> denied(const std::string& why) {
  return tl::unexpected{error{errc::denied, subject, "denied: " + why}};
}

/// What the system says of a section.
struct section_facts {
  void* base;
  ULONG attributes; // SEC_...
  LARGE_INTEGER size;
};

/// Returns nothing for what is no section. ntdll's, since nothing above it tells; the same in every Windows.
std::optional<section_facts> facts_of(HANDLE section) {
  using query_type = LONG(NTAPI*)(HANDLE, int, void*, SIZE_T, SIZE_T*);
  static const auto query = reinterpret_cast<query_type>(
    reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "NtQuerySection")));
  constexpr int basic = 0;
  section_facts result{};
  if (query == nullptr || query(section, basic, &result, sizeof(result), nullptr) < 0)
    return std::nullopt;
  return result;
}

/// Pages that are not there when they are touched, which would end this process, are no part of it.
expected<void> check_section(HANDLE section, std::size_t capacity) {
  constexpr ULONG file = 0x0080'0000;        // SEC_FILE
  constexpr ULONG image = 0x0100'0000;       // SEC_IMAGE
  constexpr ULONG reserved = 0x0400'0000;    // SEC_RESERVE
  constexpr ULONG committed = 0x0800'0000;   // SEC_COMMIT
  constexpr ULONG large_pages = 0x8000'0000; // SEC_LARGE_PAGES
  auto facts = facts_of(section);
  if (!facts)
    return denied("the handle is no section");
  if ((facts->attributes & (committed | file | image | reserved | large_pages)) != committed)
    return denied("a section of something else than committed memory");
  if (static_cast<std::uint64_t>(facts->size.QuadPart) != size_for(capacity))
    return denied("a section of " + std::to_string(facts->size.QuadPart) + " bytes where two rings take "
                  + std::to_string(size_for(capacity)));
  return {};
}

} // namespace

expected<std::unique_ptr<shared_segment>> shared_segment::make(std::size_t capacity) {
  if (auto fine = check_capacity(capacity); !fine)
    return tl::unexpected{fine.error()};
  auto size = std::uint64_t{size_for(capacity)};
  handle section{::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, static_cast<DWORD>(size >> 32),
                                      static_cast<DWORD>(size), nullptr)};
  if (!section)
    return failed("CreateFileMapping");
  auto result = map(section.get(), capacity);
  if (result)
    (*result)->section_ = std::move(section);
  return result;
}

expected<std::unique_ptr<shared_segment>> shared_segment::adopt(std::uint32_t maker, std::uint64_t section,
                                                                std::size_t capacity) {
  if (auto fine = check_capacity(capacity); !fine)
    return tl::unexpected{fine.error()};
  if (section > std::numeric_limits<std::uintptr_t>::max())
    return denied("no handle has such a number");
  handle process{::OpenProcess(PROCESS_DUP_HANDLE, FALSE, maker)};
  if (!process)
    return failed("OpenProcess");
  // ours is a new one with no rights but these, whatever the number stands for over there; to close it closes nothing else
  HANDLE native = nullptr;
  if (!::DuplicateHandle(process.get(), reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(section)),
                         ::GetCurrentProcess(), &native, SECTION_QUERY | SECTION_MAP_READ | SECTION_MAP_WRITE, FALSE,
                         0))
    return failed("DuplicateHandle");
  handle mine{native};
  if (auto fine = check_section(mine.get(), capacity); !fine)
    return tl::unexpected{fine.error()};
  return map(mine.get(), capacity);
}

shared_segment::~shared_segment() {
  if (control_ != nullptr)
    ::UnmapViewOfFile(control_);
  for (auto* each : data_)
    if (each != nullptr) {
      ::UnmapViewOfFile(each);
      ::UnmapViewOfFile(each + capacity_);
    }
}

expected<std::unique_ptr<shared_segment>> shared_segment::map(void* section, std::size_t capacity) {
  std::unique_ptr<shared_segment> result{new shared_segment{capacity}};
  result->control_ = ::MapViewOfFile(section, access, 0, 0, granularity);
  if (result->control_ == nullptr)
    return failed("MapViewOfFile");
  constexpr int tries = 100;
  for (std::size_t i = 0; i < 2; ++i) {
    auto left = tries;
    while (!result->map_twice(section, i))
      if (--left == 0)
        return failed("MapViewOfFileEx");
  }
  return result;
}

/// Both halves where there was room for them a moment ago. False where another thread was faster to take it, or they cannot be mapped at all.
bool shared_segment::map_twice(void* section, std::size_t index) noexcept {
  auto* room = ::VirtualAlloc(nullptr, 2 * capacity_, MEM_RESERVE, PAGE_NOACCESS);
  if (room == nullptr)
    return false;
  ::VirtualFree(room, 0, MEM_RELEASE);
  auto from = static_cast<DWORD>(granularity + index * capacity_);
  auto* first = ::MapViewOfFileEx(section, access, 0, from, capacity_, room);
  if (first == nullptr)
    return false;
  auto* half = static_cast<std::byte*>(first);
  if (::MapViewOfFileEx(section, access, 0, from, capacity_, half + capacity_) == nullptr) {
    auto why = ::GetLastError();
    ::UnmapViewOfFile(first);
    ::SetLastError(why);
    return false;
  }
  data_[index] = half;
  return true;
}

ring_memory shared_segment::ring(std::size_t index) const noexcept {
  static_assert(2 * sizeof(ring_control) <= granularity);
  // a fresh section is all zero, which is what an empty ring is
  return {static_cast<ring_control*>(control_) + index, data_[index], capacity_};
}

} // namespace mailroom
