// Rows 4 and 5 of the faults on Windows, where a second owner is a second run of this test program, and the names of the system's objects.

#include <mailroom/runtime/name_claim.hpp>
#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/runtime/system_call_windows.hpp>

#include <support/catch.hpp>
#include <support/claim_place.hpp>
#include <support/environment.hpp>
#include <support/process.hpp>

#include <chrono>
#include <thread>

using mailroom::name_claim;
using mailroom::process_name;
using test::error_of;
using test::owned_by;
using test::process;
using test::taken_by;
using place = test::claim_place;

namespace {

/// Runs "holds a name" below: another process that owns `bank` until it is killed.
process holder(const place& here) {
  process result{test::running_program(), {"holds a name until it is killed"}, here.directory().path()};
  auto owned = [&] { return here.owned() == std::vector{owned_by("bank", result.pid())}; };
  for (auto patience = 0; patience < 2000 && !owned(); ++patience)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  REQUIRE(owned());
  return result;
}

std::string pipe_of(const place& here, std::string_view name) {
  return mailroom::pipe_name(here.at(name));
}

} // namespace

// Hidden, since `holder` runs it in another process.
TEST_CASE("holds a name until it is killed", "[.]") {
  auto directory = mailroom::runtime_directory::open(mailroom::default_runtime_directory());
  REQUIRE(directory);
  auto claim = name_claim::take({*directory, *process_name::parse("bank")});
  REQUIRE(claim);
  std::this_thread::sleep_for(std::chrono::seconds{50});
}

TEST_CASE("a name of another process is taken, with its pid", "[name_claim]") {
  place here;
  auto other = holder(here);
  CHECK(error_of(name_claim::take(here.at("bank"))) == taken_by("bank", other.pid()));
  CHECK(name_claim::take(here.at("Bank")));
}

TEST_CASE("row 5: the name of a killed process is free at once, silently", "[name_claim][row5]") {
  place here;
  for (auto round = 0; round < 3; ++round) {
    auto other = holder(here);
    other.kill();
    other.wait();
    CHECK(std::filesystem::exists(here.file("bank.lock")));
    CHECK(here.owned().empty());
    CHECK(error_of(name_claim::take(here.at("bank"))) == "no error");
  }
}

TEST_CASE("upper case is escaped in the names of files and objects", "[object_name]") {
  place here;
  auto name = [](std::string_view text) { return *process_name::parse(text); };
  CHECK(mailroom::lock_file_name(name("bank")) == "bank.lock");
  CHECK(mailroom::lock_file_name(name("Bank.OF-9_x")) == "+bank.+o+f-9_x.lock");
  CHECK(pipe_of(here, "Bank").ends_with("-+bank"));
  CHECK(pipe_of(here, "Bank") != pipe_of(here, "bank"));
  for (auto* text : {"bank", "Bank", "BANK.lock", "a-B_c.9"})
    CHECK(mailroom::process_of_lock_file(mailroom::lock_file_name(name(text))) == name(text));
  for (auto* file : {"bank", ".lock", "no name.lock", "Bank.lock", "+.lock", "++.lock", "+9.lock", "bank+.lock"})
    CHECK_FALSE(mailroom::process_of_lock_file(file));
}

TEST_CASE("every spelling of a directory's path leads to the same pipe, and every directory to another",
          "[object_name]") {
  place here;
  place there;
  auto path = here.directory().path();
  auto upper = path.parent_path() / "RUN";
  for (auto& each : {path / "", path / ".." / "run", upper}) {
    auto same = mailroom::runtime_directory::open(each);
    REQUIRE(same);
    CHECK(mailroom::pipe_name({*same, here.at("bank").process}) == pipe_of(here, "bank"));
  }
  CHECK(pipe_of(here, "bank") != pipe_of(there, "bank"));
}

TEST_CASE("names that DOS gave to devices are names like others", "[name_claim]") {
  place here;
  for (auto* name : {"nul", "con", "com1", "aux"}) {
    CHECK(error_of(name_claim::take(here.at(name))) == "no error");
  }
}
