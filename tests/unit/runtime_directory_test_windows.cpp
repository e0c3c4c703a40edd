// Row 6 of the faults on Windows: a directory that is not ours alone is refused with path and cause.

#include <mailroom/runtime/runtime_directory.hpp>
#include <mailroom/runtime/system_call_windows.hpp>

#include <support/catch.hpp>
#include <support/environment.hpp>
#include <support/temporary_directory.hpp>

#include <algorithm>
#include <fstream>

#include <windows.h>

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

void make(const fs::path& path, const std::string& access) {
  mailroom::security who{access};
  REQUIRE(who.attributes() != nullptr);
  REQUIRE(::CreateDirectoryW(path.c_str(), static_cast<SECURITY_ATTRIBUTES*>(who.attributes())) != 0);
}

} // namespace

TEST_CASE("a directory that is missing is made, and can be opened again", "[runtime_directory]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  auto first = runtime_directory::open(path);
  REQUIRE(first);
  CHECK((*first)->path() == path);
  auto second = runtime_directory::open(path / "");
  REQUIRE(second);
  CHECK((*second)->path() == path);
}

TEST_CASE("parents of the directory are not made", "[runtime_directory]") {
  temporary_directory parent;
  CHECK(refusal(parent.path() / "missing" / "run").code() == errc::system_error);
  CHECK_FALSE(fs::exists(parent.path() / "missing"));
}

TEST_CASE("row 6: a directory that is open to others is refused", "[runtime_directory][row6]") {
  temporary_directory parent;
  make(parent.path() / "open", "D:P(A;OICI;FA;;;" + mailroom::this_user() + ")(A;OICI;FR;;;WD)");
  auto why = refusal(parent.path() / "open");
  CHECK(why.code() == errc::denied);
  CHECK(why.cause().starts_with("open to other users"));
  make(parent.path() / "closed", "D:P(A;OICI;FA;;;" + mailroom::this_user() + ")(A;OICI;FA;;;SY)");
  CHECK(runtime_directory::open(parent.path() / "closed"));
}

TEST_CASE("row 6: a file in the directory's place is refused", "[runtime_directory][row6]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  std::ofstream{path} << "mine";
  auto why = refusal(path);
  CHECK(why.code() == errc::denied);
  CHECK(why.cause() == "a symbolic link or no directory");
}

TEST_CASE("row 6: a path that no file system takes is refused with the cause", "[runtime_directory][row6]") {
  temporary_directory parent;
  CHECK(refusal(parent.path() / std::string(300, 'n')).code() == errc::system_error);
  CHECK(refusal(fs::path{}).code() == errc::system_error);
}

TEST_CASE("a path may be longer than MAX_PATH", "[runtime_directory]") {
  temporary_directory parent;
  auto path = parent.path();
  while (path.native().size() < 300)
    REQUIRE(runtime_directory::open(path /= "a-rather-long-name"));
  auto opened = runtime_directory::open(path);
  REQUIRE(opened);
  CHECK((*opened)->list().empty());
}

TEST_CASE("a directory lists its files and nothing else, each time anew", "[runtime_directory]") {
  temporary_directory parent;
  auto opened = runtime_directory::open(parent.path() / "run");
  REQUIRE(opened);
  CHECK((*opened)->list().empty());
  for (auto* name : {"bank.lock", "other", ".hidden"})
    std::ofstream{parent.path() / "run" / name};
  auto names = (*opened)->list();
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{".hidden", "bank.lock", "other"});
}

TEST_CASE("an open directory cannot be moved away", "[runtime_directory]") {
  temporary_directory parent;
  auto path = parent.path() / "run";
  auto opened = runtime_directory::open(path);
  REQUIRE(opened);
  std::error_code failed;
  fs::rename(path, parent.path() / "elsewhere", failed);
  CHECK(failed);
}

TEST_CASE("MAILROOM_DIR comes before the system's usual place", "[runtime_directory]") {
  environment_variable base{"LOCALAPPDATA", "C:\\Users\\ada\\AppData\\Local"};
  {
    environment_variable chosen{"MAILROOM_DIR", "C:\\chosen"};
    CHECK(mailroom::default_runtime_directory() == "C:\\chosen");
  }
  environment_variable chosen{"MAILROOM_DIR"};
  CHECK(mailroom::default_runtime_directory() == fs::path{"C:\\Users\\ada\\AppData\\Local"} / "mailroom");
}
