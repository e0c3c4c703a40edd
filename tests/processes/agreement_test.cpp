// Two processes with lists of transports of their own: what they have in common carries what they say, and where that is nothing they are told.

#include <processes/world.hpp>

using namespace test;
using kind = mailroom::transport_kind;
using kinds = std::vector<kind>;

namespace {

/// A system that lists `ours`, and place for a host with a list of its own.
class couple {
public:
  explicit couple(kinds ours, std::string name = "tester")
    : sys{{.process = std::move(name),
           .directory = directory_.path(),
           .transports = std::move(ours),
           .log = log.callback(),
           .log_level = mailroom::level::info}} {}

  /// In place of the last one, if any.
  void start_host(std::string_view theirs) {
    host_.reset();
    host_.emplace(programs / "host", std::vector<std::string>{"host", "transports=" + std::string{theirs}},
                  directory_.path());
  }

private:
  temporary_directory directory_;
  std::optional<process> host_;

public:
  log_lines log;
  mailroom::system sys;
};

struct agreement {
  kinds ours;
  std::string theirs;
  std::string used;
};

std::ostream& operator<<(std::ostream& out, const agreement& what) {
  for (auto each : what.ours)
    out << mailroom::to_string(each) << ' ';
  return out << "and " << what.theirs;
}

#ifdef _WIN32
const kinds everything{kind::pipe, kind::copydata};
const std::vector<agreement> agreements{
  {{kind::copydata, kind::pipe}, "pipe", "pipe"},
  {{kind::pipe}, "copydata,pipe", "pipe"},
  {{kind::copydata}, "copydata,pipe", "copydata"},
  {{kind::copydata, kind::pipe}, "copydata", "copydata"},
  {{kind::copydata, kind::pipe}, "pipe,copydata", "copydata"}, // as who calls prefers
  {{kind::pipe, kind::copydata}, "copydata,pipe", "pipe"},
  {{kind::shared_memory}, "copydata,pipe", "pipe"},
  {{kind::shared_memory, kind::copydata}, "copydata,shared_memory", "shared_memory"},
};
const std::vector<agreement> disagreements{
  {{kind::copydata}, "pipe", "it offers pipe, this process copydata"},
  {{kind::pipe}, "copydata", "it offers copydata, this process pipe"},
  {{kind::memory, kind::shared_memory}, "copydata", "it offers copydata, this process memory,shared_memory"},
};
#else
const kinds everything{kind::pipe};
const std::vector<agreement> agreements{
  {{kind::memory, kind::pipe}, "pipe", "pipe"},
  {{kind::shared_memory}, "pipe", "pipe"},
  {{kind::pipe}, "shared_memory", "pipe"},
  {{kind::shared_memory}, "pipe,shared_memory", "shared_memory"},
  {{kind::pipe, kind::shared_memory}, "shared_memory,pipe", "pipe"}, // as who calls prefers
};
const std::vector<agreement> disagreements{
  {{kind::memory}, "pipe", "it offers pipe, this process memory"},
  {{kind::pipe}, "memory", "it offers memory, this process pipe"},
  {{kind::memory}, "memory,pipe", "it offers memory,pipe, this process memory; memory leads nowhere"},
};
#endif

/// The host that is there cannot be reached, and `what` says why.
void check_refused(const mailroom::error& what, const std::string& why) {
  CHECK(what.code() == errc::version_mismatch);
  auto text = to_string(what);
  CAPTURE(text);
  CHECK(text.starts_with("host"));
  CHECK(text.find(": no transport in common: " + why) != std::string::npos);
}

} // namespace

TEST_CASE("two processes use the first transport of who calls that the other has too", "[agreement]") {
  auto each = GENERATE(from_range(agreements));
  CAPTURE(each);
  couple two{everything, "observer"};
  two.start_host(each.theirs);
  auto found = two.sys.wait_for("host/control", 20s); // now it listens on all of its own
  INFO((found ? "" : to_string(found.error())));
  REQUIRE(found);
  log_lines log;
  mailroom::system caller{{.process = "caller",
                           .directory = two.sys.directory(),
                           .transports = each.ours,
                           .log = log.callback(),
                           .log_level = mailroom::level::info}};
  CHECK(caller.request<number>("host/echo", number{1}) == number{1});
  CHECK(log.count("host is up: connected to process") == 1);
  CHECK(log.count(" over " + each.used) == 1);
}

TEST_CASE("two processes without a transport in common are told what each offers, in every call", "[agreement]") {
  auto each = GENERATE(from_range(disagreements));
  CAPTURE(each);
  couple two{each.ours};
  two.start_host(each.theirs);
  auto& sys = two.sys;
  auto began = clock::now();
  check_refused(failure_of(sys.wait_for("host", 120s)), each.used);
  check_refused(failure_of(sys.wait_for("host/echo", 120s)), each.used);
  check_refused(failure_of(sys.request<number>("host/echo", {.timeout = 120s}, number{1})), each.used);
  check_refused(failure_of(sys.send("host/echo", number{1})), each.used);
  caf::scoped_actor self{sys.actors()};
  self->request(sys.mailbox("host/echo"), 120s, number{1})
    .receive([](const number&) { FAIL("nobody can have answered"); },
             [&](caf::error& what) { check_refused(mailroom::error{what}, each.used); });
  self->monitor(sys.mailbox("host/echo"));
  self->receive([&](const caf::down_msg& what) { check_refused(mailroom::error{what.reason}, each.used); });
  CHECK(clock::now() - began < 100s); // no patience was used up
}

TEST_CASE("who waits for a process to start waits no longer when it cannot be reached", "[agreement]") {
  auto each = GENERATE(from_range(disagreements));
  CAPTURE(each);
  couple two{each.ours};
  auto began = clock::now();
  auto waiting = two.sys.request_future<number>("host/echo", {.timeout = 120s, .wait_for_process = 120s}, number{1});
  two.start_host(each.theirs);
  check_refused(failure_of(waiting.get()), each.used);
  CHECK(clock::now() - began < 100s);
}

TEST_CASE("a process that starts anew with another list of transports is found", "[agreement]") {
  couple two{{kind::pipe}};
  for (auto round = 0; round < 2; ++round) {
    two.start_host("memory");
    CHECK(failure_of(two.sys.wait_for("host", 20s)).code() == errc::version_mismatch);
    two.start_host("memory,pipe");
    REQUIRE(two.sys.wait_for("host/control", 20s));
    CHECK(two.sys.request<number>("host/echo", number{1}) == number{1});
  }
}

TEST_CASE("two systems of one process agree on memory, or are told that they do not", "[agreement]") {
  couple one{{kind::memory}, "one"};
  auto beside = [&](std::string name, kinds transports) {
    return mailroom::config{
      .process = std::move(name), .directory = one.sys.directory(), .transports = std::move(transports)};
  };
  mailroom::system two{beside("two", {kind::pipe, kind::memory})};
  mailroom::system three{beside("three", {kind::pipe})};
  spawn_mailboxes(one.sys);
  CHECK(two.request<number>("one/echo", number{1}) == number{1});
  CHECK(to_string(failure_of(three.request<number>("one/echo", number{1})))
        == "one/echo: no transport in common: it offers memory, this process pipe");
}
