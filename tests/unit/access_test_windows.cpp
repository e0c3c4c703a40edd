// Who may reach a process: the descriptors of the preset as they are built, and as the system gives them back from what a running system has
// made; and a squatter's pipe, on which neither side relies.

#include <mailroom/mailroom.hpp>

#include <mailroom/runtime/access_windows.hpp>
#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/runtime/system_call_windows.hpp>

#include <support/catch.hpp>
#include <support/temporary_directory.hpp>
#include <support/transport_world.hpp>

#include <algorithm>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

using mailroom::endpoint;
using mailroom::errc;
using mailroom::handle;
using mailroom::same_user;
using mailroom::this_user;
using test::temporary_directory;

namespace {

constexpr auto system_account = "S-1-5-18";
constexpr auto network = "S-1-5-2";
constexpr auto administrators = "S-1-5-32-544";
constexpr auto medium = "S-1-16-8192";

struct entry {
  bool allows = false;
  std::string who;
  ACCESS_MASK what = 0;

  friend auto operator<=>(const entry&, const entry&) = default;
  friend std::ostream& operator<<(std::ostream& out, const entry& each) {
    return out << (each.allows ? "allow " : "deny ") << each.who << " 0x" << std::hex << each.what << std::dec;
  }
};

/// What a descriptor says, in plain values.
struct access {
  std::string owner;
  bool keeps_out_parents = false; ///< P: nothing is inherited
  std::vector<entry> entries;
  std::string label; ///< empty: none
  ACCESS_MASK kept_from_lower = 0;
};

std::string text_of(PSID user) {
  wchar_t* text = nullptr;
  REQUIRE(::ConvertSidToStringSidW(user, &text) != 0);
  auto result = mailroom::narrow(text);
  ::LocalFree(text);
  return result;
}

/// Generic rights as what they stand for with files and pipes, into which the system turns them or not.
ACCESS_MASK specific(ACCESS_MASK what) {
  GENERIC_MAPPING files{FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};
  ::MapGenericMask(&what, &files);
  return what;
}

template <class Use> void for_each_entry(ACL* list, Use use) {
  for (DWORD i = 0; list != nullptr && i < list->AceCount; ++i) {
    void* found = nullptr;
    REQUIRE(::GetAce(list, i, &found) != 0);
    use(*static_cast<ACCESS_ALLOWED_ACE*>(found)); // the other kinds begin alike
  }
}

access read(PSECURITY_DESCRIPTOR from) {
  access result;
  BOOL there = FALSE;
  BOOL ignored = FALSE;
  PSID owner = nullptr;
  ACL* list = nullptr;
  REQUIRE(::GetSecurityDescriptorOwner(from, &owner, &ignored) != 0);
  if (owner != nullptr)
    result.owner = text_of(owner);
  SECURITY_DESCRIPTOR_CONTROL control = 0;
  DWORD revision = 0;
  REQUIRE(::GetSecurityDescriptorControl(from, &control, &revision) != 0);
  result.keeps_out_parents = (control & SE_DACL_PROTECTED) != 0;
  REQUIRE(::GetSecurityDescriptorDacl(from, &there, &list, &ignored) != 0);
  REQUIRE(there);
  REQUIRE(list != nullptr); // else everybody may
  for_each_entry(list, [&](ACCESS_ALLOWED_ACE& each) {
    REQUIRE((each.Header.AceType == ACCESS_ALLOWED_ACE_TYPE || each.Header.AceType == ACCESS_DENIED_ACE_TYPE));
    result.entries.push_back(
      {each.Header.AceType == ACCESS_ALLOWED_ACE_TYPE, text_of(&each.SidStart), specific(each.Mask)});
  });
  list = nullptr;
  REQUIRE(::GetSecurityDescriptorSacl(from, &there, &list, &ignored) != 0);
  for_each_entry(there ? list : nullptr, [&](ACCESS_ALLOWED_ACE& each) {
    if (each.Header.AceType != SYSTEM_MANDATORY_LABEL_ACE_TYPE)
      return;
    result.label = text_of(&each.SidStart);
    result.kept_from_lower = each.Mask;
  });
  return result;
}

/// As built from the preset's notation.
access asked_for(const std::string& notation) {
  mailroom::security built{notation};
  REQUIRE(built.attributes() != nullptr);
  return read(static_cast<SECURITY_ATTRIBUTES*>(built.attributes())->lpSecurityDescriptor);
}

/// As the system tells it of an open object.
access found(const handle& object, SE_OBJECT_TYPE type) {
  REQUIRE(object);
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  constexpr SECURITY_INFORMATION wanted =
    OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION;
  REQUIRE(::GetSecurityInfo(object.get(), type, wanted, nullptr, nullptr, nullptr, nullptr, &descriptor)
          == ERROR_SUCCESS);
  auto result = read(descriptor);
  ::LocalFree(descriptor);
  return result;
}

handle open(const std::wstring& what, DWORD flags = 0) {
  return handle{::CreateFileW(what.c_str(), READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              nullptr, OPEN_EXISTING, flags, nullptr)};
}

/// Neither the network nor anybody but this user and the system. `tolerated`: the administrators too, who own what elevated programs make.
void check_ours_alone(const access& what, bool tolerates_administrators) {
  auto may = [&](const std::string& who) {
    return who == this_user() || who == system_account || (tolerates_administrators && who == administrators);
  };
  CHECK(may(what.owner));
  CHECK_FALSE(what.entries.empty());
  for (auto& each : what.entries) {
    CAPTURE(each);
    CHECK((!each.allows || may(each.who)));
  }
  auto ours = std::ranges::any_of(
    what.entries, [](auto& each) { return each.allows && each.who == this_user() && each.what == FILE_ALL_ACCESS; });
  CHECK(ours);
}

/// A system that runs, and where its things are.
struct running {
  temporary_directory place;
  mailroom::system sys{{.process = "bank", .directory = place.path() / "run"}};
  endpoint where{*mailroom::runtime_directory::open(place.path() / "run"), *mailroom::process_name::parse("bank")};
};

/// A pipe of the name that somebody was faster with. Its owner and nobody else but us may use it, so that it can wait for our bytes.
class squatter {
public:
  squatter(const endpoint& where, const std::string& owner, const std::string& label = {}) {
    mailroom::security who{"O:" + owner + "D:P(A;;GA;;;WD)" + label};
    REQUIRE(who.attributes() != nullptr);
    pipe_ = handle{::CreateNamedPipeW(
      mailroom::widen(mailroom::pipe_name(where)).c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE,
      PIPE_UNLIMITED_INSTANCES, 4096, 4096, 0, static_cast<SECURITY_ATTRIBUTES*>(who.attributes()))};
    why_not_ = mailroom::last_error();
    if (!pipe_)
      return;
    connecting_.hEvent = event_.get();
    ::ConnectNamedPipe(pipe_.get(), &connecting_);
  }
  ~squatter() {
    if (!pipe_)
      return;
    DWORD ignored = 0;
    ::CancelIoEx(pipe_.get(), &connecting_);
    ::GetOverlappedResult(pipe_.get(), &connecting_, &ignored, TRUE);
  }

  explicit operator bool() const { return static_cast<bool>(pipe_); }
  unsigned long why_not() const { return why_not_; }

  bool was_called() const { return ::WaitForSingleObject(event_.get(), 5000) == WAIT_OBJECT_0; }

  /// How many bytes a caller had written before it went away.
  DWORD bytes() const {
    DWORD result = 0;
    ::PeekNamedPipe(pipe_.get(), nullptr, 0, nullptr, &result, nullptr);
    return result;
  }

private:
  handle event_{::CreateEventW(nullptr, TRUE, FALSE, nullptr)};
  handle pipe_;
  unsigned long why_not_ = 0;
  OVERLAPPED connecting_{};
};

/// Windows lets nobody give a pipe to somebody else. Who runs elevated may give it to the administrators; Wine does not ask.
constexpr auto somebody_else = administrators;

#define OR_SAY_WHY_NOT(squatter)                                                                                       \
  if (!(squatter)) {                                                                                                   \
    WARN("error " << (squatter).why_not() << ": a foreign owner is not tried, which needs an elevated program");       \
    return;                                                                                                            \
  }

} // namespace

// -- the preset same_user ----------------------------------------------------

TEST_CASE("the preset same_user lets this user and the system use the pipe, here and from medium integrity up",
          "[access]") {
  auto what = asked_for(same_user().pipe);
  CHECK(what.owner == this_user());
  CHECK(what.keeps_out_parents);
  // a refusal counts only before what it refuses
  CHECK(what.entries
        == std::vector<entry>{{false, network, FILE_ALL_ACCESS},
                              {true, system_account, FILE_ALL_ACCESS},
                              {true, this_user(), FILE_ALL_ACCESS}});
  CHECK(what.label == medium);
  CHECK(what.kept_from_lower == SYSTEM_MANDATORY_LABEL_NO_WRITE_UP);
}

TEST_CASE("the preset same_user keeps the directory and its files to this user and the system", "[access]") {
  for (auto& each : {same_user().directory, same_user().file}) {
    auto what = asked_for(each);
    CHECK(what.owner == this_user());
    CHECK(what.keeps_out_parents);
    CHECK(what.entries
          == std::vector<entry>{{true, system_account, FILE_ALL_ACCESS}, {true, this_user(), FILE_ALL_ACCESS}});
  }
}

TEST_CASE("the preset same_user trusts this user at the other end and nobody else", "[access]") {
  CHECK(same_user().trusts(this_user()));
  for (auto* other : {"", system_account, administrators, "S-1-1-0", "S-1-5-21-1-2-3-1001"})
    CHECK_FALSE(same_user().trusts(other));
}

TEST_CASE("the pipe of a running system has the access of the preset", "[access]") {
  running bank;
  auto what = found(open(mailroom::widen(mailroom::pipe_name(bank.where)), FILE_FLAG_OVERLAPPED), SE_KERNEL_OBJECT);
  auto wanted = asked_for(same_user().pipe);
  check_ours_alone(what, false);
  CHECK(what.owner == wanted.owner);
  CHECK(what.entries == wanted.entries);
  CHECK(what.label == wanted.label);
  CHECK(what.kept_from_lower == wanted.kept_from_lower);
}

TEST_CASE("the directory of a running system is this user's and the system's", "[access]") {
  running bank;
  check_ours_alone(found(open((bank.place.path() / "run").native(), FILE_FLAG_BACKUP_SEMANTICS), SE_FILE_OBJECT), true);
}

TEST_CASE("the lock file of a running system is this user's and the system's", "[access]") {
  running bank;
  check_ours_alone(found(open((bank.place.path() / "run" / "bank.lock").native()), SE_FILE_OBJECT), true);
}

// -- a squatter --------------------------------------------------------------

TEST_CASE("who calls a squatter's pipe is told whose it is, and has sent nothing", "[access][pipe]") {
  running teller;
  endpoint bank{teller.where.directory, *mailroom::process_name::parse("vault")};
  squatter there{bank, somebody_else};
  OR_SAY_WHY_NOT(there);
  auto result = teller.sys.request<std::int64_t>("vault/any", std::int64_t{1});
  REQUIRE_FALSE(result);
  CHECK(result.error().code() == errc::denied);
  CHECK(to_string(result.error())
        == std::string{"vault/any: denied: the process at the other end belongs to user "} + somebody_else);
  CHECK(there.was_called());
  CHECK(there.bytes() == 0);
}

TEST_CASE("a system whose pipe a squatter has does not start, and says so", "[access][pipe]") {
  temporary_directory place;
  endpoint bank{*mailroom::runtime_directory::open(place.path() / "run"), *mailroom::process_name::parse("bank")};
  auto start = [&] { mailroom::system sys{{.process = "bank", .directory = place.path() / "run"}}; };
  {
    squatter there{bank, somebody_else};
    OR_SAY_WHY_NOT(there);
    try {
      start();
      FAIL("it started");
    } catch (const mailroom::failure& what) {
      CHECK(what.why().code() == errc::denied);
      CHECK(to_string(what.why())
            == mailroom::pipe_name(bank) + ": denied: a pipe of that name belongs to user " + somebody_else);
    }
  }
  CHECK_NOTHROW(start());
}

TEST_CASE("what an earlier life of the process left of its pipe is no squatter's", "[access][pipe]") {
  running teller;
  endpoint vault{teller.where.directory, *mailroom::process_name::parse("vault")};
  squatter leftover{vault, this_user()}; // whose callers have not noticed
  REQUIRE(leftover);
  mailroom::system again{{.process = "vault", .directory = teller.place.path() / "run"}};
  CHECK(again.process() == "vault");
}

TEST_CASE("a pipe that a process of lower integrity was faster with is a squatter's, whoever runs it",
          "[access][pipe]") {
  running teller;
  endpoint vault{teller.where.directory, *mailroom::process_name::parse("vault")};
  squatter low{vault, this_user(), "S:(ML;;NW;;;LW)"};
  REQUIRE(low);
  CHECK(to_string(teller.sys.request<std::int64_t>("vault/any", std::int64_t{1}).error())
        == "vault/any: denied: the process at the other end is of lower integrity");
  CHECK(low.was_called());
  CHECK(low.bytes() == 0);
  CHECK_THROWS_WITH((mailroom::system{{.process = "vault", .directory = teller.place.path() / "run"}}),
                    mailroom::pipe_name(vault) + ": denied: a pipe of that name is of lower integrity");
}
