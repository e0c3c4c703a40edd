// Rows 4 and 5 of the faults, as far as forked children of the test program can show them, and what a lock by fcntl has to beware of.

#include <mailroom/runtime/name_claim.hpp>

#include <support/catch.hpp>
#include <support/claim_place.hpp>
#include <support/forked.hpp>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using mailroom::endpoint;
using mailroom::errc;
using mailroom::name_claim;
using mailroom::runtime_directory;
using test::error_of;
using test::forked;
using test::line;
using test::owned_by;
using test::taken_by;
using place = test::claim_place;

namespace fs = std::filesystem;

namespace {

/// A child that claims a name, says so and holds it until it is told, or for ever.
std::unique_ptr<forked> holder(const endpoint& where) {
  auto child = std::make_unique<forked>([&](const line& parent) {
    auto claim = name_claim::take(where);
    if (!claim)
      return 1;
    parent.tell();
    parent.hear();
    return 0;
  });
  REQUIRE(child->hear());
  return child;
}

/// Whether somebody else than this process can take the name.
bool free_for_others(const endpoint& where) {
  forked child{[&](const line&) { return name_claim::take(where) ? 0 : 1; }};
  return child.wait() == 0;
}

} // namespace

TEST_CASE("the lock file is this user's alone", "[name_claim]") {
  place here;
  auto claim = name_claim::take(here.at("bank"));
  struct stat status {};
  REQUIRE(::stat(here.file("bank.lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777u) == 0600);
}

TEST_CASE("a name is taken for a second system of the same process too", "[name_claim]") {
  place here;
  auto first = name_claim::take(here.at("bank"));
  auto second = name_claim::take(here.at("bank"));
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::name_taken);
  CHECK(error_of(second) == taken_by("bank", ::getpid()));
  // and asking did not let go of the lock, as closing another descriptor of the file would
  CHECK_FALSE(free_for_others(here.at("bank")));
}

TEST_CASE("a name is the same name by whatever path its directory is reached", "[name_claim]") {
  place here;
  auto claim = name_claim::take(here.at("bank"));
  auto again = runtime_directory::open(here.directory().path() / ".." / "run");
  REQUIRE(again);
  CHECK(error_of(name_claim::take({*again, here.at("bank").process})) == taken_by("bank", ::getpid()));
  CHECK_FALSE(free_for_others(here.at("bank")));
}

TEST_CASE("a name of another process is taken, with its pid", "[name_claim]") {
  place here;
  auto child = holder(here.at("bank"));
  auto claim = name_claim::take(here.at("bank"));
  REQUIRE_FALSE(claim);
  CHECK(claim.error().code() == errc::name_taken);
  CHECK(error_of(claim) == taken_by("bank", child->pid()));
  CHECK(here.owned() == std::vector{owned_by("bank", child->pid())});
  child->tell();
  CHECK(child->wait() == 0);
  CHECK(name_claim::take(here.at("bank")));
}

TEST_CASE("row 5: the name of a killed process is free at once, silently", "[name_claim][row5]") {
  place here;
  for (int round = 0; round < 10; ++round) {
    auto child = holder(here.at("bank"));
    child->kill();
    CHECK(child->wait() == -SIGKILL);
    CHECK(fs::exists(here.file("bank.lock")));
    CHECK(here.owned().empty());
    CHECK(error_of(name_claim::take(here.at("bank"))) == "no error");
  }
}

TEST_CASE("row 5: a child that the dead owner forked does not keep the name", "[name_claim][row5]") {
  place here;
  auto child = std::make_unique<forked>([&](const line& parent) {
    auto claim = name_claim::take(here.at("bank"));
    if (::fork() == 0) {
      // holds every descriptor of its parent, until the test is over
      parent.tell();
      parent.hear();
      ::_exit(0);
    }
    ::pause();
    return 0;
  });
  REQUIRE(child->hear());
  CHECK_FALSE(name_claim::take(here.at("bank")));
  child->kill();
  CHECK(child->wait() == -SIGKILL);
  CHECK(error_of(name_claim::take(here.at("bank"))) == "no error");
}

TEST_CASE("a forked child owns none of its parent's names, and takes none from it", "[name_claim]") {
  place here;
  auto claim = name_claim::take(here.at("bank"));
  forked child{[&](const line&) {
    auto again = name_claim::take(here.at("bank"));
    if (again || error_of(again) != taken_by("bank", ::getppid()))
      return 1;
    if (here.owned() != std::vector{owned_by("bank", ::getppid())})
      return 2;
    if (!name_claim::take(here.at("own")))
      return 3;
    claim->reset(); // its copy of the parent's claim ends
    return 0;
  }};
  CHECK(child.wait() == 0);
  CHECK(fs::exists(here.file("bank.lock")));
  CHECK_FALSE(free_for_others(here.at("bank")));
  CHECK(here.owned() == std::vector{owned_by("bank", ::getpid())});
}

TEST_CASE("row 5: a lock file that somebody left is taken over", "[name_claim][row5]") {
  place here;
  std::ofstream{here.file("bank.lock")} << "4711\nof an earlier day\n";
  CHECK(here.owned().empty());
  auto claim = name_claim::take(here.at("bank"));
  REQUIRE(claim);
  CHECK_FALSE(free_for_others(here.at("bank")));
}

TEST_CASE("row 6: a symbolic link in the lock file's place is not followed", "[name_claim][row6]") {
  place here;
  auto target = here.file("target");
  for (auto exists : {false, true}) {
    if (exists)
      std::ofstream{target} << "mine";
    fs::create_symlink(target, here.file("bank.lock"));
    auto claim = name_claim::take(here.at("bank"));
    REQUIRE_FALSE(claim);
    CHECK(claim.error().code() == errc::system_error);
    CHECK(claim.error().subject() == here.file("bank.lock").string());
    CHECK(here.owned().empty());
    CHECK(fs::exists(target) == exists);
    fs::remove(here.file("bank.lock"));
  }
}

TEST_CASE("row 6: a directory that is gone is refused with the cause", "[name_claim][row6]") {
  place here;
  fs::remove(here.directory().path());
  auto claim = name_claim::take(here.at("bank"));
  REQUIRE_FALSE(claim);
  CHECK(claim.error().code() == errc::system_error);
}

TEST_CASE("the end of a claim does not remove a file that replaced its own", "[name_claim]") {
  place here;
  auto claim = name_claim::take(here.at("bank"));
  REQUIRE(claim);
  fs::remove(here.file("bank.lock"));
  auto child = holder(here.at("bank")); // whoever deletes the file lets another one in
  claim->reset();
  CHECK(fs::exists(here.file("bank.lock")));
  CHECK(error_of(name_claim::take(here.at("bank"))) == taken_by("bank", child->pid()));
}

TEST_CASE("the claim is closed to programs that this process starts", "[name_claim]") {
  place here;
  auto before = std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
  auto claim = name_claim::take(here.at("bank"));
  auto inherited = 0;
  for (auto& each : fs::directory_iterator{"/proc/self/fd"}) {
    std::error_code ignored;
    if (fs::read_symlink(each, ignored) == here.file("bank.lock"))
      inherited += (::fcntl(std::stoi(each.path().filename()), F_GETFD) & FD_CLOEXEC) == 0 ? 1 : 0;
  }
  CHECK(inherited == 0);
  claim->reset();
  CHECK(std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{}) == before);
}

TEST_CASE("the processes of a directory are those that own a name now", "[name_claim]") {
  place here;
  auto mine = name_claim::take(here.at("mine"));
  auto child = holder(here.at("theirs"));
  for (auto* file : {"stale.lock", "other.sock", ".lock", "no name.lock", "lock"})
    std::ofstream{here.file(file)};
  for (int round = 0; round < 3; ++round)
    CHECK(here.owned() == std::vector{owned_by("mine", ::getpid()), owned_by("theirs", child->pid())});
  // looking let go of nothing
  CHECK_FALSE(free_for_others(here.at("mine")));
}

TEST_CASE("row 4: of processes that race for a name one gets it, in every round", "[name_claim][row4]") {
  place here;
  constexpr int rivals = 8;
  for (int round = 0; round < 10; ++round) {
    std::vector<std::unique_ptr<forked>> children;
    for (int i = 0; i < rivals; ++i)
      children.push_back(std::make_unique<forked>([&](const line& parent) {
        parent.tell();
        parent.hear(); // the start
        auto claim = name_claim::take(here.at("bank"));
        parent.tell();
        parent.hear(); // all have tried
        return claim ? 10 : claim.error().code() == errc::name_taken ? 20 : 30;
      }));
    for (auto& each : children)
      REQUIRE(each->hear());
    for (auto& each : children)
      each->tell();
    for (auto& each : children)
      REQUIRE(each->hear());
    auto won = 0;
    auto lost = 0;
    for (auto& each : children) {
      each->tell();
      auto code = each->wait();
      won += code == 10 ? 1 : 0;
      lost += code == 20 ? 1 : 0;
    }
    CHECK(won == 1);
    CHECK(lost == rivals - 1);
  }
}

TEST_CASE("row 4: a name that changes hands has one owner at a time", "[name_claim][row4]") {
  // each owner marks its time by a file that it alone makes and removes
  place here;
  auto mark = here.file("owner");
  auto take_turns = [&](const line&) {
    for (int turn = 0; turn < 200;) {
      auto claim = name_claim::take(here.at("bank"));
      if (!claim) {
        if (claim.error().code() != errc::name_taken)
          return 2;
        std::this_thread::yield();
        continue;
      }
      auto native = ::open(mark.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (native < 0)
        return 1; // somebody else believes to be the owner
      ::close(native);
      ::unlink(mark.c_str());
      ++turn;
    }
    return 0;
  };
  std::vector<std::unique_ptr<forked>> children;
  for (int i = 0; i < 3; ++i)
    children.push_back(std::make_unique<forked>(take_turns));
  for (auto& each : children)
    CHECK(each->wait() == 0);
}

TEST_CASE("what the claim of another process says is believed while it lives, and only if it says it itself",
          "[name_claim][row5]") {
  place here;
  auto offer = [&] { return mailroom::owner_of(here.at("bank")).value_or(mailroom::name_owner{}).offer; };
  forked child{[&](const line& parent) {
    auto claim = name_claim::take(here.at("bank"), "memory,pipe");
    parent.tell();
    parent.hear();
    return 0;
  }};
  REQUIRE(child.hear());
  CHECK(offer() == "memory,pipe");
  // as if its predecessor's line were still there
  std::ofstream{here.file("bank.lock")} << "1 copydata\n";
  CHECK(here.owned() == std::vector{owned_by("bank", child.pid())});
  CHECK(offer().empty());
  std::ofstream{here.file("bank.lock")} << child.pid() << " pipe\n";
  CHECK(offer() == "pipe");
  child.kill();
  child.wait();
  CHECK(fs::exists(here.file("bank.lock")));
  CHECK_FALSE(mailroom::owner_of(here.at("bank")));
}
