// What a process is told by the supervisor that started it.

#include <mailroom/mailroom.hpp>
#include <mailroom/runtime/origin.hpp>

#include <support/catch.hpp>
#include <support/environment.hpp>
#include <support/temporary_directory.hpp>

using test::environment_variable;
using test::temporary_directory;

namespace {

std::string why_not() {
  try {
    mailroom::origin told;
  } catch (const mailroom::failure& what) {
    return what.what();
  }
  return "it is fine";
}

} // namespace

TEST_CASE("a process that was told nothing knows nothing", "[origin]") {
  environment_variable name{"MAILROOM_PROCESS"};
  environment_variable parent{"MAILROOM_PARENT", ""};
  environment_variable pid{"MAILROOM_PARENT_PID", ""};
  mailroom::origin told;
  CHECK(told.process().empty());
  CHECK(told.parent().empty());
  CHECK(told.parent_pid() == 0);
}

TEST_CASE("one system at a time is the one that the supervisor means", "[origin]") {
  environment_variable name{"MAILROOM_PROCESS", "worker-1"};
  environment_variable parent{"MAILROOM_PARENT", "bank"};
  environment_variable pid{"MAILROOM_PARENT_PID", "4711"};
  for (auto i = 0; i < 2; ++i) {
    mailroom::origin first;
    CHECK(first.process() == "worker-1");
    CHECK(first.parent() == "bank");
    CHECK(first.parent_pid() == 4711);
    mailroom::origin second;
    CHECK(second.process().empty());
    CHECK(second.parent().empty());
    CHECK(second.parent_pid() == 0);
  }
}

TEST_CASE("what makes no sense is said with the variable's name, and keeps nobody from being told later", "[origin]") {
  environment_variable parent{"MAILROOM_PARENT", "bank"};
  SECTION("a name that is none") {
    environment_variable name{"MAILROOM_PROCESS", "a name"};
    CHECK(why_not().find("MAILROOM_PROCESS: ") == 0);
  }
  SECTION("a pid that is none") {
    environment_variable pid{"MAILROOM_PARENT_PID", "47 11"};
    CHECK(why_not() == "MAILROOM_PARENT_PID: '47 11' is not a process id");
  }
  CHECK(mailroom::origin{}.parent() == "bank");
}

TEST_CASE("a system without a name has the one that the supervisor gave, and only the first of a process", "[origin]") {
  temporary_directory directory;
  environment_variable name{"MAILROOM_PROCESS", "worker-1"};
  for (auto i = 0; i < 2; ++i) {
    mailroom::system first{{.directory = directory.path()}};
    CHECK(first.process() == "worker-1");
    mailroom::system second{{.directory = directory.path()}};
    CHECK(second.process() != "worker-1");
  }
  mailroom::system named{{.process = "own", .directory = directory.path()}};
  CHECK(named.process() == "own");
}
