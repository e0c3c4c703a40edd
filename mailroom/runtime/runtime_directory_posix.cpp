#include <mailroom/runtime/runtime_directory.hpp>

#include <mailroom/runtime/system_call_posix.hpp>

#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mailroom {

namespace {

/// Creates `path` for this user alone. Parents are the user's own business: only the last component is ours to make.
expected<void> make(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST)
    return {};
  return tl::unexpected{system_failure("mkdir", path.string())};
}

/// Ours and closed to others, or the reason why not.
expected<void> check(const std::filesystem::path& path, int directory) {
  struct stat status {};
  if (::fstat(directory, &status) != 0)
    return tl::unexpected{system_failure("fstat", path.string())};
  if (status.st_uid != ::geteuid())
    return tl::unexpected{
      error{errc::denied, path.string(), "owned by user " + std::to_string(status.st_uid) + ", not by us"}};
  if ((status.st_mode & 0077) != 0)
    return tl::unexpected{error{errc::denied, path.string(), "open to other users; it must have mode 0700"}};
  return {};
}

} // namespace

expected<std::shared_ptr<const runtime_directory>> runtime_directory::open(const std::filesystem::path& where) {
  // with a slash at the end the system would follow a symbolic link
  auto path = where.has_filename() ? where : where.parent_path();
  if (auto made = make(path); !made)
    return tl::unexpected{made.error()};
  auto native = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (native < 0) {
    if (errno == ELOOP || errno == ENOTDIR)
      return tl::unexpected{error{errc::denied, path.string(), "a symbolic link or no directory"}};
    return tl::unexpected{system_failure("open", path.string())};
  }
  std::shared_ptr<const runtime_directory> result{new runtime_directory{path, native}};
  if (auto checked = check(path, native); !checked)
    return tl::unexpected{checked.error()};
  return result;
}

runtime_directory::~runtime_directory() {
  ::close(native_);
}

std::vector<std::string> runtime_directory::list() const {
  std::vector<std::string> result;
  auto copy = ::openat(native_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0)
    return result;
  auto* stream = ::fdopendir(copy);
  if (stream == nullptr) {
    ::close(copy);
    return result;
  }
  while (auto* entry = ::readdir(stream))
    if (std::string_view name{entry->d_name}; name != "." && name != "..")
      result.emplace_back(name);
  ::closedir(stream);
  return result;
}

std::filesystem::path default_runtime_directory() {
  if (auto* chosen = std::getenv("MAILROOM_DIR"); chosen != nullptr && *chosen != '\0')
    return chosen;
  if (auto* base = std::getenv("XDG_RUNTIME_DIR"); base != nullptr && *base != '\0')
    return std::filesystem::path{base} / "mailroom";
  return "/tmp/mailroom-" + std::to_string(::geteuid());
}

} // namespace mailroom
