// A name is a lock on NAME.lock by fcntl, which a forked child does not inherit and whose owner the kernel can name. It belongs to
// the process, not to the descriptor, so a map beside it tells apart the systems within one process; and because closing *any*
// descriptor of the file drops the lock, the file is opened once and never by name again while it is held. The file has one line, `PID OFFER`,
// which only explains: that of a dead owner is known by its pid.

#include <mailroom/runtime/name_claim.hpp>

#include <mailroom/runtime/system_call_posix.hpp>

#include <array>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <sys/stat.h>

namespace mailroom {

namespace {

constexpr std::string_view lock_suffix = ".lock";

/// Identifies a lock file within this process, whatever the path that led to it.
using claim_key = std::tuple<dev_t, ino_t, std::string>;

struct claims {
  std::mutex mutex;
  std::map<claim_key, std::string> held; // with its offer
  pid_t owner = ::getpid();              // a forked child holds none of its parent's locks
};

claims& held_here() {
  static claims result;
  return result;
}

expected<claim_key> key_of(const runtime_directory& where, const std::string& name) {
  struct stat status {};
  if (::fstat(where.native(), &status) != 0)
    return tl::unexpected{system_failure("fstat", where.path().string())};
  return claim_key{status.st_dev, status.st_ino, name};
}

struct flock whole_file(short type) {
  struct flock result {};
  result.l_type = type;
  result.l_whence = SEEK_SET;
  return result;
}

error taken(const std::string& name, pid_t owner) {
  return {errc::name_taken, name, "name taken by process " + std::to_string(owner)};
}

std::string lock_file_of(const endpoint& where) {
  return where.process.str() + std::string{lock_suffix};
}

/// Whether the file behind the descriptor is still the one of that name.
bool still_there(const runtime_directory& where, const std::string& file, int descriptor) {
  struct stat open_file {};
  struct stat named {};
  return ::fstat(descriptor, &open_file) == 0
         && ::fstatat(where.native(), file.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0
         && open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

class posix_claim final : public name_claim {
public:
  posix_claim(endpoint where, file_descriptor lock, claim_key key)
    : where_{std::move(where)}, lock_{std::move(lock)}, key_{std::move(key)} {}

  ~posix_claim() override {
    if (owner_ != ::getpid())
      return; // a forked child: the name is its parent's
    auto& here = held_here();
    std::lock_guard guard{here.mutex};
    // while it is locked: whoever locks it next finds that it is no longer the one of that name
    auto file = lock_file_of(where_);
    if (still_there(*where_.directory, file, lock_.get()))
      ::unlinkat(where_.directory->native(), file.c_str(), 0);
    lock_.reset();
    here.held.erase(key_);
  }

private:
  pid_t owner_ = ::getpid();
  endpoint where_;
  file_descriptor lock_;
  claim_key key_;
};

/// Best effort: nobody's call depends on it.
void sign(int lock, std::string_view offer) {
  auto line = std::to_string(::getpid()) + ' ' + std::string{offer} + '\n';
  if (::ftruncate(lock, 0) == 0)
    static_cast<void>(::pwrite(lock, line.data(), line.size(), 0) == 0);
}

/// Who holds the lock of a file, and what the file says of the way to him. Not for a file that this process holds.
std::optional<name_owner> owner_of(const runtime_directory& where, const std::string& file) {
  file_descriptor lock_file{::openat(where.native(), file.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)};
  auto owner = whole_file(F_WRLCK);
  if (!lock_file || ::fcntl(lock_file.get(), F_GETLK, &owner) != 0 || owner.l_type == F_UNLCK)
    return std::nullopt;
  std::array<char, 256> text;
  auto size = ::pread(lock_file.get(), text.data(), text.size(), 0);
  std::string_view line{text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  auto his = line.starts_with(std::to_string(owner.l_pid) + ' ');
  return name_owner{static_cast<std::uint32_t>(owner.l_pid), his ? offer_in(line) : std::string{}};
}

/// Locks the file of the name, once: nothing if it was replaced meanwhile.
expected<file_descriptor> lock(const endpoint& where) {
  auto file = lock_file_of(where);
  for (;;) {
    file_descriptor result{
      ::openat(where.directory->native(), file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!result)
      return tl::unexpected{system_failure("open", (where.directory->path() / file).string())};
    auto claim = whole_file(F_WRLCK);
    if (::fcntl(result.get(), F_SETLK, &claim) != 0) {
      if (errno != EACCES && errno != EAGAIN)
        return tl::unexpected{system_failure("lock", (where.directory->path() / file).string())};
      auto owner = whole_file(F_WRLCK);
      if (::fcntl(result.get(), F_GETLK, &owner) != 0 || owner.l_type == F_UNLCK)
        continue; // the owner let go between the two calls
      return tl::unexpected{taken(where.process.str(), owner.l_pid)};
    }
    if (still_there(*where.directory, file, result.get()))
      return result;
  }
}

} // namespace

expected<std::unique_ptr<name_claim>> name_claim::take(const endpoint& where, std::string_view offer) {
  auto key = key_of(*where.directory, where.process.str());
  if (!key)
    return tl::unexpected{key.error()};
  auto& here = held_here();
  std::lock_guard guard{here.mutex};
  if (here.owner != ::getpid()) {
    here.owner = ::getpid();
    here.held.clear();
  }
  if (here.held.contains(*key))
    return tl::unexpected{taken(where.process.str(), ::getpid())};
  auto locked = lock(where);
  if (!locked)
    return tl::unexpected{locked.error()};
  sign(locked->get(), offer);
  here.held.emplace(*key, offer);
  return std::make_unique<posix_claim>(where, std::move(*locked), std::move(*key));
}

std::optional<name_owner> owner_of(const endpoint& where) {
  auto key = key_of(*where.directory, where.process.str());
  if (!key)
    return std::nullopt;
  auto& here = held_here();
  std::lock_guard guard{here.mutex};
  if (auto found = here.held.find(*key); found != here.held.end())
    return name_owner{static_cast<std::uint32_t>(here.owner), found->second};
  return owner_of(*where.directory, lock_file_of(where));
}

std::vector<process_info> list_processes(const runtime_directory& where) {
  std::vector<process_info> result;
  auto& here = held_here();
  std::lock_guard guard{here.mutex};
  for (auto& file : where.list()) {
    if (!file.ends_with(lock_suffix))
      continue;
    auto name = file.substr(0, file.size() - lock_suffix.size());
    auto key = key_of(where, name);
    if (!key)
      continue;
    if (here.held.contains(*key)) {
      // opening our own lock file and closing it again would let go of the lock
      result.push_back({name, static_cast<std::uint32_t>(::getpid())});
      continue;
    }
    if (auto owner = owner_of(where, file))
      result.push_back({name, owner->pid});
  }
  return result;
}

} // namespace mailroom
