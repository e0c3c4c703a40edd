// Row 6 of the faults: a directory that is not ours alone is refused with path and cause, and nothing half-made is left.

#include <mailroom/runtime/runtime_directory.hpp>

#include <support/catch.hpp>
#include <support/environment.hpp>
#include <support/temporary_directory.hpp>

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using mailroom::errc;
using mailroom::runtime_directory;
using test::environment_variable;
using test::temporary_directory;

namespace fs = std::filesystem;

namespace {

mailroom::error refusal(const fs::path& path) {
  auto opened = runtime_directory::open(path);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().subject() == path.string());
  return opened.error();
}

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777u;
}

/// The umask of this process, for the length of a test.
class file_mask {
public:
  explicit file_mask(mode_t mask) : before_{::umask(mask)} {}
  ~file_mask() { ::umask(before_); }

private:
  mode_t before_;
};

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

} // namespace

TEST_CASE("a directory that is missing is made for this user alone", "[runtime_directory]") {
  temporary_directory parent;
  for (mode_t mask : {0000, 0022, 0077}) {
    file_mask masked{mask};
    auto path = parent.path() / std::to_string(mask);
    auto opened = runtime_directory::open(path);
    REQUIRE(opened);
    CHECK(mode_of(path) == 0700);
    CHECK((*opened)->path() == path);
    CHECK((*opened)->native() >= 0);
  }
}

TEST_CASE("a directory can be opened again, also while it is open", "[runtime_directory]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  auto first = runtime_directory::open(path);
  auto second = runtime_directory::open(path);
  REQUIRE(first);
  REQUIRE(second);
  CHECK((*first)->native() != (*second)->native());
}

TEST_CASE("the open directory is closed to programs that this one starts, and with its last owner",
          "[runtime_directory]") {
  temporary_directory parent;
  auto native = -1;
  {
    auto opened = runtime_directory::open(parent.path() / "run");
    REQUIRE(opened);
    native = (*opened)->native();
    CHECK((::fcntl(native, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(::fcntl(native, F_GETFD) == -1);
}

TEST_CASE("parents of the directory are not made", "[runtime_directory]") {
  temporary_directory parent;
  auto why = refusal(parent.path() / "missing" / "run");
  CHECK(why.code() == errc::system_error);
  CHECK(why.cause() == "mkdir: No such file or directory (errno 2)");
  CHECK_FALSE(fs::exists(parent.path() / "missing"));
}

TEST_CASE("row 6: a directory that is open to others is refused", "[runtime_directory][row6]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  fs::create_directory(path);
  for (mode_t mode : {0777, 0755, 0750, 0701, 0710, 0720, 0740, 0702, 01777}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    auto why = refusal(path);
    CHECK(why.code() == errc::denied);
    CHECK(why.cause() == "open to other users; it must have mode 0700");
    CHECK(mode_of(path) == mode); // not ours to mend
  }
  REQUIRE(::chmod(path.c_str(), 0700) == 0);
  CHECK(runtime_directory::open(path));
}

TEST_CASE("row 6: a directory of another user is refused", "[runtime_directory][row6]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  fs::create_directory(path);
  REQUIRE(::chmod(path.c_str(), 0700) == 0);
  if (::chown(path.c_str(), 12345, static_cast<gid_t>(-1)) != 0) {
    // without privileges: the root directory, or what else belongs to root
    auto why = refusal("/");
    CHECK(why.code() == errc::denied);
    CHECK(why.cause() == "owned by user 0, not by us");
    return;
  }
  auto why = refusal(path);
  CHECK(why.code() == errc::denied);
  CHECK(why.cause() == "owned by user 12345, not by us");
}

TEST_CASE("row 6: a symbolic link is refused, wherever it leads", "[runtime_directory][row6]") {
  temporary_directory parent;
  auto target = parent.path() / "target";
  fs::create_directory(target);
  REQUIRE(::chmod(target.c_str(), 0700) == 0);
  auto link = parent.path() / "run";
  for (auto& leads_to : {target, parent.path() / "nowhere", fs::path{"run"}}) {
    fs::create_symlink(leads_to, link);
    auto why = refusal(link);
    CHECK(why.code() == errc::denied);
    CHECK(why.cause() == "a symbolic link or no directory");
    // a slash at the end would have the system follow it
    auto opened = runtime_directory::open(link / "");
    CHECK_FALSE(opened);
    fs::remove(link);
  }
  CHECK_FALSE(fs::exists(parent.path() / "nowhere"));
}

TEST_CASE("row 6: a file in the directory's place is refused", "[runtime_directory][row6]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  std::ofstream{path} << "mine";
  auto why = refusal(path);
  CHECK(why.code() == errc::denied);
  CHECK(why.cause() == "a symbolic link or no directory");
  CHECK(fs::is_regular_file(path));
}

TEST_CASE("row 6: a path that no file system takes is refused with the cause", "[runtime_directory][row6]") {
  temporary_directory parent;
  auto name = refusal(parent.path() / std::string(300, 'n'));
  CHECK(name.code() == errc::system_error);
  CHECK(name.cause().find("File name too long") != std::string::npos);
  CHECK(refusal(fs::path{"/"} / std::string(5000, 'p')).code() == errc::system_error);
  CHECK(refusal(fs::path{}).code() == errc::system_error);
  CHECK(refusal("/proc/mailroom").code() == errc::system_error);
}

TEST_CASE("a directory with a slash at its end is the same directory", "[runtime_directory]") {
  temporary_directory parent;
  auto opened = runtime_directory::open(parent.path() / "run" / "");
  REQUIRE(opened);
  CHECK((*opened)->path() == parent.path() / "run");
}

TEST_CASE("a directory lists its files and nothing else", "[runtime_directory]") {
  temporary_directory parent;
  auto opened = runtime_directory::open(parent.path() / "run");
  REQUIRE(opened);
  CHECK((*opened)->list().empty());
  for (auto* name : {"bank.lock", "bank.sock", ".hidden"})
    std::ofstream{parent.path() / "run" / name};
  CHECK(sorted((*opened)->list()) == std::vector<std::string>{".hidden", "bank.lock", "bank.sock"});
  CHECK((*opened)->list().size() == 3); // once more from the start
}

TEST_CASE("a directory that was moved away is still the one that was opened", "[runtime_directory]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  auto opened = runtime_directory::open(path);
  REQUIRE(opened);
  std::ofstream{path / "bank.lock"};
  fs::rename(path, parent.path() / "elsewhere");
  fs::create_directory(path);
  CHECK((*opened)->list() == std::vector<std::string>{"bank.lock"});
}

TEST_CASE("MAILROOM_DIR comes before the system's usual place", "[runtime_directory]") {
  environment_variable chosen{"MAILROOM_DIR", "/chosen"};
  environment_variable base{"XDG_RUNTIME_DIR", "/run/user/1"};
  CHECK(mailroom::default_runtime_directory() == "/chosen");
}

TEST_CASE("without MAILROOM_DIR the directory is in XDG_RUNTIME_DIR, else in /tmp", "[runtime_directory]") {
  auto in_tmp = "/tmp/mailroom-" + std::to_string(::geteuid());
  for (auto& empty : {std::optional<std::string>{}, std::optional<std::string>{""}}) {
    environment_variable chosen{"MAILROOM_DIR", empty};
    {
      environment_variable base{"XDG_RUNTIME_DIR", "/run/user/1"};
      CHECK(mailroom::default_runtime_directory() == "/run/user/1/mailroom");
    }
    {
      environment_variable base{"XDG_RUNTIME_DIR", empty};
      CHECK(mailroom::default_runtime_directory() == in_tmp);
    }
  }
}
