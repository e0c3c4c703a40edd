// The rows of the fault matrix that need what only POSIX has: modes, links, mounts, sockets that outlive their owner.

#include <processes/world.hpp>

#include <fstream>
#include <sys/mount.h>
#include <unistd.h>

using namespace test;

TEST_CASE("row 5: the socket of a dead owner is taken over silently", "[faults]") {
  temporary_directory directory;
  process owner{programs / "host", {"mortal"}, directory.path()};
  mailroom::system sys{{.process = "heir", .directory = directory.path()}};
  REQUIRE(sys.wait_for("mortal/control", 20s));
  owner.kill();
  owner.wait();
  CHECK(std::filesystem::exists(directory.path() / "mortal.sock"));
  log_lines log;
  mailroom::system next{{.process = "mortal", .directory = directory.path(), .log = log.callback()}};
  CHECK(log.count("") == 0);
}

TEST_CASE("row 6: a directory that cannot be trusted or used stops the start, with path and cause", "[faults]") {
  temporary_directory base;
  auto path = base.path() / "runtime";
  auto expect = [&](errc code, const std::string& cause) { check_start_fails(path, code, cause); };
  SECTION("open to others") {
    for (auto mode : {0777, 0755, 0710, 0701}) {
      std::filesystem::create_directory(path);
      std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
      expect(errc::denied, "open to other users");
      CHECK(std::filesystem::is_empty(path));
    }
  }
  SECTION("a symbolic link") {
    std::filesystem::create_directory(base.path() / "elsewhere");
    std::filesystem::permissions(base.path() / "elsewhere", std::filesystem::perms::owner_all);
    std::filesystem::create_directory_symlink(base.path() / "elsewhere", path);
    expect(errc::denied, "symbolic link");
    CHECK(std::filesystem::is_empty(base.path() / "elsewhere"));
  }
  SECTION("a symbolic link at the place of the lock") {
    std::filesystem::create_directory(path);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::filesystem::create_symlink(base.path() / "target", path / "starter.lock");
    expect(errc::system_error, "Too many levels of symbolic links");
    CHECK_FALSE(std::filesystem::exists(base.path() / "target"));
  }
  SECTION("another owner") {
    std::filesystem::create_directory(path);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    if (::geteuid() != 0 || ::chown(path.c_str(), 12345, 12345) != 0) {
      WARN("not root: the other owner is not tried");
      return;
    }
    expect(errc::denied, "owned by user 12345");
  }
  SECTION("a file system that is full, or read-only") {
    std::filesystem::create_directory(path);
    if (::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=4k,nr_inodes=2,mode=0700") != 0) {
      WARN("mounting is not permitted: the file system's faults are not tried");
      return;
    }
    std::ofstream{path / "filler"} << "x"; // the last inode
    auto full = start_error(path);
    ::mount("tmpfs", path.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "mode=0700");
    auto read_only = start_error(path, "other");
    ::umount(path.c_str());
    CHECK(full.code() == errc::system_error);
    CHECK(full.cause().find("No space left on device") != std::string::npos);
    CHECK(full.subject().find("starter") != std::string::npos);
    CHECK(read_only.code() == errc::system_error);
    CHECK(read_only.cause().find("Read-only file system") != std::string::npos);
  }
}

TEST_CASE("row 6: a start that failed leaves nothing half-made", "[faults]") {
  temporary_directory directory;
  // the name can be claimed, but a directory is in the way of the socket
  std::filesystem::create_directory(directory.path() / "starter.sock");
  auto failed = start_error(directory.path());
  CHECK(failed.code() == errc::system_error);
  CHECK(failed.subject().find("starter.sock") != std::string::npos);
  std::filesystem::remove(directory.path() / "starter.sock");
  CHECK(start_error(directory.path()).cause() == "it started");
}
