// What only the kernel can do to a connection: processes that die, sockets that are left behind, strangers that speak no frames, and no
// descriptors left. The contract itself is in transport_contract_test.cpp.

#include <support/forked.hpp>
#include <support/transport_world.hpp>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using mailroom::down_cause;
using mailroom::errc;
using mailroom::error;
using mailroom::frame_view;
using mailroom::process_exit;
using mailroom::transport_kind;
using mailroom::transport_limits;
using test::byte_buffer;
using test::end;
using test::forked;
using test::frame;
using test::gate;
using test::line;
using test::send_mode;
using test::send_result;
using test::transport_world;

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using clock = std::chrono::steady_clock;

/// Where a world is going to be, for the child that is forked before: in a child of a process with threads every allocation may wait for ever,
/// for a lock that another thread had.
class place {
public:
  std::filesystem::path directory() const { return parent_.path() / "run"; }
  std::string socket() const { return directory() / "bank.sock"; }

private:
  test::temporary_directory parent_;
};

class pipe_world : public transport_world {
public:
  explicit pipe_world(transport_limits limits = usual_limits()) : transport_world{transport_kind::pipe, limits} {}
  explicit pipe_world(const place& where) : transport_world{transport_kind::pipe, usual_limits(), where.directory()} {}
  std::string socket() const { return path() / "bank.sock"; }
};

/// A client that knows nothing of frames.
class raw_client {
public:
  raw_client() : native_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {}
  explicit raw_client(const std::string& path) : raw_client{} { connected_ = connect(path); }
  ~raw_client() { hang_up(); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  bool connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return ::connect(native_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  bool write(std::span<const std::byte> bytes) const {
    return ::send(native_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }

  /// Waits until the other side has closed the connection; false where it sends something instead, or nothing for long.
  bool closed_by_peer(std::chrono::seconds most = 10s) const {
    timeval patience{most.count(), 0};
    ::setsockopt(native_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    char byte = 0;
    auto got = ::recv(native_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  void hang_up() {
    if (native_ >= 0)
      ::close(std::exchange(native_, -1));
  }

private:
  int native_;
  bool connected_ = false;
};

std::vector<byte_buffer> frames(std::uint64_t first, std::size_t count, std::size_t size = 8) {
  std::vector<byte_buffer> result;
  for (std::uint64_t id = first; id < first + count; ++id)
    result.push_back(frame(id, size));
  return result;
}

bool never() {
  return false;
}

} // namespace

// -- processes that die ------------------------------------------------------

TEST_CASE("row 1: what a killed process had written arrives, then its death with the signal", "[pipe][row1]") {
  auto reads_late = GENERATE(false, true);
  CAPTURE(reads_late);
  place here;
  auto sent = frames(0, 50, 1000);
  forked child{[&](const line& parent) {
    parent.hear();
    raw_client client{here.socket()};
    for (auto& each : sent)
      if (!client.write(each))
        return 1;
    parent.tell();
    ::pause();
    return 0;
  }};
  pipe_world world{here};
  world.on_accept([&](const end& fresh) {
    fresh.link->admit(transport_world::admitted);
    return !reads_late;
  });
  world.listen();
  child.tell();
  auto called = world.accepted();
  REQUIRE(child.hear());
  CHECK(called.link->peer().pid == static_cast<std::uint32_t>(child.pid()));
  child.kill();
  if (reads_late) {
    CHECK(child.wait() == -SIGKILL); // it is gone altogether, and so is its exit status
    REQUIRE(called.link->start(called.heard));
  }
  REQUIRE(called.heard->wait_closed());
  CHECK((called.heard->frames() == sent));
  auto why = called.heard->reason();
  CHECK(why.code() == errc::process_down);
  CHECK(why.why_down() == down_cause::exited);
  if (reads_late) {
    CHECK(why.cause() == "process down: it died");
  } else {
    CHECK(exit_status(why) == process_exit{0, SIGKILL});
    CHECK(why.cause() == "process down: killed by signal 9");
    CHECK(child.wait() == -SIGKILL); // and its parent can still wait for it
  }
}

TEST_CASE("row 1: a killed process is noticed within 100 ms", "[pipe][row1]") {
  CHECK(test::once_within(100ms, [] {
    place here;
    forked child{[&](const line& parent) {
      parent.hear();
      raw_client client{here.socket()};
      ::pause();
      return 0;
    }};
    pipe_world world{here};
    world.listen();
    child.tell();
    auto called = world.accepted();
    auto killed = clock::now();
    child.kill();
    REQUIRE(called.heard->wait_closed());
    CHECK(exit_status(called.heard->reason()) == process_exit{0, SIGKILL});
    return called.heard->closed_at() - killed;
  }));
}

TEST_CASE("a process that exits is told with its code", "[pipe]") {
  place here;
  forked child{[&](const line& parent) {
    parent.hear();
    raw_client client{here.socket()};
    client.write(frame(1));
    parent.hear();
    return 7;
  }};
  pipe_world world{here};
  world.listen();
  child.tell();
  auto called = world.accepted();
  REQUIRE(called.heard->wait_frames(1));
  child.tell();
  REQUIRE(called.heard->wait_closed());
  CHECK(exit_status(called.heard->reason()) == process_exit{7, 0});
  CHECK(called.heard->reason().cause() == "process down: it exited with code 7");
  CHECK(child.wait() == 7);
}

TEST_CASE("row 1: a child that keeps the socket open does not hide the death", "[pipe][row1]") {
  auto driven = GENERATE(false, true);
  CAPTURE(driven);
  CHECK(test::once_within(100ms, [&] {
    place here;
    auto sent = frames(0, 20);
    forked child{[&](const line& parent) {
      parent.hear();
      raw_client client{here.socket()};
      if (::fork() == 0) {
        parent.hear(); // until the test is over
        ::_exit(0);
      }
      for (auto& each : sent)
        client.write(each);
      ::pause();
      return 0;
    }};
    pipe_world world{here};
    world.listen();
    child.tell();
    auto called = world.accepted();
    called.link->admit(transport_world::admitted);
    REQUIRE(called.heard->wait_frames(sent.size()));
    gate driving;
    std::thread driver;
    if (driven) {
      driver = std::thread{[&] {
        called.drive(20s, [&] {
          driving.open();
          return false;
        });
      }};
      REQUIRE(driving.wait());
    }
    auto killed = clock::now();
    child.kill();
    REQUIRE(called.heard->wait_closed());
    if (driven)
      driver.join();
    CHECK(called.heard->frames() == sent);
    CHECK(called.heard->reason().why_down() == down_cause::exited);
    CHECK(exit_status(called.heard->reason()) == process_exit{0, SIGKILL});
    return called.heard->closed_at() - killed;
  }));
}

TEST_CASE("row 1: a death is not missed by callers that drive now and then", "[pipe][row1]") {
  for (int i = 0; i < 20; ++i) {
    place here;
    forked child{[&](const line& parent) {
      parent.hear();
      raw_client client{here.socket()};
      if (::fork() == 0) {
        parent.hear();
        ::_exit(0);
      }
      ::pause();
      return 0;
    }};
    pipe_world world{here};
    world.listen();
    child.tell();
    auto called = world.accepted();
    std::atomic<bool> stop{false};
    std::thread driver{[&] {
      while (!stop)
        called.drive(50us, never);
    }};
    std::this_thread::sleep_for(std::chrono::microseconds{100 * i});
    child.kill();
    auto noticed = called.heard->wait_closed(5s);
    stop = true;
    driver.join();
    REQUIRE(noticed);
    CHECK(called.heard->reason().why_down() == down_cause::exited);
  }
}

TEST_CASE("a process that only lets go of the connection is not dead", "[pipe]") {
  pipe_world world;
  world.listen();
  raw_client client{world.socket()};
  auto called = world.accepted();
  auto begin = clock::now();
  client.hang_up();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->closed_at() - begin < 5s);
  auto why = called.heard->reason();
  CHECK(why
        == error{errc::process_down, {}, "process down: the connection was lost"}.because(down_cause::disconnected));
}

TEST_CASE("a peer that lets go does not hold up the others' I/O", "[pipe]") {
  pipe_world world;
  auto [caller, called] = world.pair();
  called.echo();
  CHECK(test::once_within(10ms, [&, &caller = caller] {
    std::vector<std::unique_ptr<raw_client>> others;
    for (int n = 0; n < 10; ++n)
      others.push_back(std::make_unique<raw_client>(world.socket()));
    for (int n = 0; n < 10; ++n)
      world.accepted();
    auto before = caller.heard->count();
    others.clear();
    auto begin = clock::now();
    REQUIRE(caller.send(frame(1)) == send_result::sent);
    REQUIRE(caller.heard->wait_frames(before + 1));
    return clock::now() - begin;
  }));
}

// -- names and files ---------------------------------------------------------

TEST_CASE("row 5: the socket that a dead owner left is nobody, and is replaced", "[pipe][row5]") {
  place here;
  forked child{[&](const line& parent) {
    parent.hear();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    here.socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
    auto native = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::bind(native, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 || ::listen(native, 1) != 0)
      return 1;
    parent.tell();
    ::pause();
    return 0;
  }};
  pipe_world world{here};
  child.tell();
  REQUIRE(child.hear());
  child.kill();
  child.wait();
  REQUIRE(fs::exists(world.socket()));
  auto link = world.here().connect(world.at("bank"));
  REQUIRE_FALSE(link);
  CHECK(link.error() == error{errc::no_such_process, "bank"});
  world.pair();
}

TEST_CASE("row 5: whatever file stands in the socket's place is replaced, a directory is not", "[pipe][row5]") {
  pipe_world world;
  std::ofstream{world.socket()} << "mine";
  CHECK(world.here().connect(world.at("bank")).error().code() == errc::no_such_process);
  world.listen();
  world.pair();
  world.stop_listening();
  CHECK_FALSE(fs::exists(world.socket()));
  fs::create_symlink("nowhere", world.socket());
  world.listen();
  world.pair();
  world.stop_listening();
  fs::create_directory(world.socket());
  auto refused = world.there().listen(world.at("bank"), [](auto) {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::system_error);
  CHECK(refused.error().subject() == world.socket());
}

TEST_CASE("row 6: a long directory does not break a long name", "[pipe][row6]") {
  test::leak_check leaks;
  test::temporary_directory parent;
  auto loop = mailroom::io_loop::make();
  REQUIRE(loop);
  auto pipe = test::make_transport(transport_kind::pipe, **loop, transport_world::usual_limits(), [](auto, auto) {});
  auto deep = parent.path() / std::string(100, 'd') / std::string(100, 'e');
  fs::create_directories(deep);
  auto directory = mailroom::runtime_directory::open(deep / "run");
  REQUIRE(directory);
  mailroom::endpoint where{*directory, *mailroom::process_name::parse(std::string(64, 'n'))};
  auto listening = pipe->listen(where, [](auto) {});
  INFO((listening ? "" : to_string(listening.error())));
  REQUIRE(listening);
  CHECK(pipe->connect(where));
}

// -- strangers ---------------------------------------------------------------

TEST_CASE("row 9: whatever a stranger writes and wherever it stops, its connection ends and others live",
          "[pipe][row9]") {
  pipe_world world;
  auto [bystander, beside] = world.pair();
  auto whole = frame(1, 40);
  for (std::size_t size = 0; size < whole.size(); size += 5) {
    raw_client client{world.socket()};
    auto called = world.accepted();
    client.write(std::span{whole}.first(size));
    client.hang_up();
    REQUIRE(called.heard->wait_closed());
    CHECK(called.heard->reason().code() == errc::process_down);
    CHECK(called.heard->count() == 0);
  }
  for (int fill : {0x00, 0x01, 0x7f, 0xff}) {
    raw_client client{world.socket()};
    auto called = world.accepted();
    client.write(byte_buffer(20'000, static_cast<std::byte>(fill)));
    if (fill == 0)
      continue; // empty frames of kind 0: for the session to judge
    REQUIRE(called.heard->wait_closed());
    CHECK((called.heard->reason().code() == errc::undecodable || called.heard->reason().code() == errc::too_large));
    CHECK(client.closed_by_peer());
  }
  REQUIRE(bystander.send(frame(5)) == send_result::sent);
  CHECK(beside.heard->wait_frames(1));
}

TEST_CASE("row 9: a frame that trickles ends its connection in time", "[pipe][row9]") {
  auto limits = transport_world::usual_limits();
  limits.max_trickle = 50ms;
  pipe_world world{limits};
  world.listen();
  for (std::size_t size : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{23}}) {
    CAPTURE(size);
    raw_client client{world.socket()};
    auto called = world.accepted();
    auto whole = frame(1);
    client.write(frame(0));
    REQUIRE(called.heard->wait_frames(1));
    auto begin = clock::now();
    client.write(std::span{whole}.first(size));
    REQUIRE(called.heard->wait_closed());
    CHECK(called.heard->closed_at() - begin >= 49ms);
    CHECK(called.heard->reason()
          == error{errc::undecodable, "connection", "protocol error: a frame took too long to arrive"});
  }
}

TEST_CASE("row 9: a frame that comes byte by byte ends its connection in time", "[pipe][row9]") {
  auto limits = transport_world::usual_limits();
  limits.max_trickle = 50ms;
  pipe_world world{limits};
  world.listen();
  raw_client client{world.socket()};
  auto called = world.accepted();
  auto whole = frame(1, 4000);
  for (std::size_t i = 0; i < whole.size() && !called.heard->closed(); ++i) {
    client.write(std::span{whole}.subspan(i, 1));
    std::this_thread::sleep_for(2ms);
  }
  CHECK(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
}

TEST_CASE("row 9: a frame that trickles ends its connection though a caller drives it", "[pipe][row9]") {
  auto limits = transport_world::usual_limits();
  limits.max_trickle = 50ms;
  pipe_world world{limits};
  world.listen();
  raw_client client{world.socket()};
  auto called = world.accepted();
  auto whole = frame(1);
  client.write(std::span{whole}.first(20));
  std::this_thread::sleep_for(1ms);
  called.drive(200ms, never); // longer than the frame may take
  CHECK(called.heard->wait_closed(5s));
  CHECK(called.heard->reason().code() == errc::undecodable);
}

TEST_CASE("frames that follow each other are no trickle, however long it goes on", "[pipe]") {
  auto limits = transport_world::usual_limits();
  limits.max_trickle = 500ms;
  pipe_world world{limits};
  world.listen();
  byte_buffer stream;
  for (auto& each : frames(0, 60, 100))
    stream.insert(stream.end(), each.begin(), each.end());
  // again where we stood still for so long ourselves
  CHECK(test::once_within(400ms, [&] {
    raw_client client{world.socket()};
    auto called = world.accepted();
    // always within a frame, and each frame quick enough
    client.write(std::span{stream}.first(10));
    auto last = clock::now();
    clock::duration longest{};
    for (std::size_t i = 10; i + 116 <= stream.size(); i += 116) {
      std::this_thread::sleep_for(15ms); // all of them together are longer than one frame may take
      auto written = client.write(std::span{stream}.subspan(i, 116));
      longest = std::max(longest, clock::now() - last);
      last = clock::now();
      if (longest < 400ms)
        REQUIRE(written);
    }
    if (longest < 400ms) {
      CHECK(called.heard->wait_frames(59));
      CHECK_FALSE(called.heard->closed());
    }
    return longest;
  }));
}

TEST_CASE("row 18: connections without a hello are closed after the handshake timeout", "[pipe][row18]") {
  auto limits = transport_world::usual_limits();
  limits.handshake_timeout = 50ms;
  pipe_world world{limits};
  std::atomic<bool> admits{false};
  world.on_accept([&](const end& fresh) {
    if (admits)
      fresh.link->admit(100);
    return true;
  });
  world.listen();
  auto begin = clock::now();
  raw_client silent{world.socket()};
  auto called = world.accepted();
  admits = true;
  raw_client admitted{world.socket()};
  auto guest = world.accepted();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->closed_at() - begin >= 50ms);
  CHECK(called.heard->reason() == error{errc::timeout, "connection", "timeout: no hello within the handshake timeout"});
  CHECK(silent.closed_by_peer());
  std::this_thread::sleep_for(60ms);
  CHECK_FALSE(guest.heard->closed());
}

TEST_CASE("row 18: too many connections without a hello are turned away at once", "[pipe][row18]") {
  auto limits = transport_world::usual_limits();
  limits.max_half_open = 3;
  pipe_world world{limits};
  auto [bystander, beside] = world.pair();
  std::vector<std::unique_ptr<raw_client>> silent;
  std::vector<end> called;
  for (int i = 0; i < 3; ++i) {
    silent.push_back(std::make_unique<raw_client>(world.socket()));
    called.push_back(world.accepted());
  }
  for (int i = 0; i < 20; ++i) {
    raw_client one_more{world.socket()};
    CHECK(one_more.closed_by_peer());
  }
  CHECK(world.notices().size() == 20);
  CHECK(world.notices().front().find("3 others have not said hello; from process " + std::to_string(::getpid()))
        != std::string::npos);
  // those within the limit stay, and each that is admitted or gone makes room for one
  for (auto& each : called)
    CHECK_FALSE(each.heard->closed());
  called.front().link->admit(100);
  raw_client fourth{world.socket()};
  world.accepted();
  CHECK(raw_client{world.socket()}.closed_by_peer());
  silent.back().reset();
  REQUIRE(called.back().heard->wait_closed());
  raw_client fifth{world.socket()};
  world.accepted();
  REQUIRE(bystander.send(frame(1)) == send_result::sent);
  CHECK(beside.heard->wait_frames(1));
}

// -- descriptors -------------------------------------------------------------

TEST_CASE("row 13: without descriptors callers are turned away, once each, and old connections live", "[pipe][row13]") {
  pipe_world world;
  auto [caller, called] = world.pair();
  std::array<raw_client, 3> clients;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  {
    auto next = ::dup(0);
    ::close(next);
    auto none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    for (auto& each : clients) {
      CHECK(each.connect(world.socket()));
      CHECK(each.closed_by_peer());
    }
    caller.send(frame(1));
    CHECK(called.heard->wait_frames(1));
    CHECK(world.here().connect(world.at("bank")).error().code() == errc::system_error);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  }
  CHECK(world.notices() == std::vector<std::string>(clients.size(), "connection refused: too many open files"));
  world.pair();
}

TEST_CASE("what the transport opens is closed to programs that this process starts", "[pipe]") {
  pipe_world world;
  auto [caller, called] = world.pair();
  auto inherited = 0;
  for (auto& each : fs::directory_iterator{"/proc/self/fd"}) {
    auto native = std::stoi(each.path().filename());
    std::error_code ignored;
    auto target = fs::read_symlink(each, ignored).string();
    auto ours =
      target.starts_with("socket:") || target.starts_with("anon_inode:[") || target.find("/run") != std::string::npos;
    if (native > 2 && ours && (::fcntl(native, F_GETFD) & FD_CLOEXEC) == 0)
      ++inherited;
  }
  CHECK(inherited == 0);
}
