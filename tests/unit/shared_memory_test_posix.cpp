// Shared memory on POSIX: files that could shrink under the reader's feet, offers that come with something else, and a writer that is killed at
// any store. The rest is in shared_memory_test.cpp.

#include <mailroom/transports/shared_lane_posix.hpp>

#include <support/forked.hpp>
#include <support/raw_lane.hpp>
#include <support/transport_world.hpp>

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

using mailroom::errc;
using mailroom::file_descriptor;
using mailroom::frame_kind;
using mailroom::frame_view;
using mailroom::frame_writer;
using mailroom::ring_writer;
using mailroom::shared_segment;
using mailroom::transport_kind;
using test::byte_buffer;
using test::end;
using test::forked;
using test::frame;
using test::line;
using test::raw_lane;
using test::send_result;
using test::shared_world;
using test::transport_world;

using namespace std::chrono_literals;

namespace {

namespace lane_frames = mailroom::lane_frames;

constexpr std::size_t page = 4096;
constexpr std::size_t small = 16 * page;

std::string socket_of(const shared_world& world) {
  return world.path() / "bank.sock";
}

std::unique_ptr<shared_segment> segment(std::size_t capacity = small) {
  auto result = shared_segment::make(capacity);
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return std::move(*result);
}

file_descriptor memory_file(std::size_t size, unsigned flags, int seals) {
  file_descriptor result{::memfd_create("test", flags)};
  REQUIRE(result);
  REQUIRE(::ftruncate(result.get(), static_cast<off_t>(size)) == 0);
  if (seals != 0)
    REQUIRE(::fcntl(result.get(), F_ADD_SEALS, seals) == 0);
  return result;
}

constexpr std::size_t size_of_two(std::size_t capacity) {
  return page + 2 * capacity;
}

std::string why_not(file_descriptor file, std::size_t capacity = small) {
  auto result = shared_segment::adopt(std::move(file), capacity);
  return result ? "adopted" : to_string(result.error());
}

/// The opening side of a connection, by hand.
class raw_opener {
public:
  explicit raw_opener(const std::string& path) : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  int native() const { return socket_.get(); }
  void hang_up() { socket_.reset(); }

  bool write(std::span<const std::byte> bytes) const {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }

  void offer(std::size_t capacity, const std::vector<int>& natives) const {
    auto bytes = lane_frames::offer(capacity);
    iovec piece{bytes.data(), bytes.size()};
    alignas(cmsghdr) std::array<char, 256> space{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    auto size = natives.size() * sizeof(int);
    if (!natives.empty()) {
      message.msg_control = space.data();
      message.msg_controllen = CMSG_SPACE(size);
      auto* control = CMSG_FIRSTHDR(&message);
      control->cmsg_level = SOL_SOCKET;
      control->cmsg_type = SCM_RIGHTS;
      control->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(control), natives.data(), size);
    }
    REQUIRE(::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }

  /// The answer to the offer: its kind, and the text of a refusal. Nothing where the other side closes instead.
  std::optional<std::pair<frame_kind, std::string>> answer() const {
    byte_buffer head(mailroom::frame_header_size);
    if (::recv(socket_.get(), head.data(), head.size(), MSG_WAITALL) != static_cast<ssize_t>(head.size()))
      return std::nullopt;
    auto header = mailroom::read_header(head, mailroom::max_hello);
    if (!header)
      return std::nullopt;
    byte_buffer body(header->size);
    if (!body.empty()
        && ::recv(socket_.get(), body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size()))
      return std::nullopt;
    mailroom::body_reader in{body};
    return std::pair{header->kind, body.empty() ? std::string{} : std::string{in.text16()}};
  }

  bool closed_by_peer() const {
    std::byte ignored[256];
    ssize_t got = 1;
    while (got > 0)
      got = ::recv(socket_.get(), ignored, sizeof(ignored), 0);
    return got == 0 || errno == ECONNRESET;
  }

private:
  file_descriptor socket_;
};

} // namespace

// -- the file -----------------------------------------------------------------------------------------------------------------

TEST_CASE("a segment cannot shrink, grow or lose its seals", "[shared_memory]") {
  auto mine = segment();
  CHECK(::ftruncate(mine->native(), 0) != 0);
  CHECK(errno == EPERM);
  CHECK(::ftruncate(mine->native(), static_cast<off_t>(size_of_two(small) + page)) != 0);
  CHECK(::fcntl(mine->native(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
  CHECK((::fcntl(mine->native(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("both sides of a segment see the same rings, and what wraps around in one piece", "[shared_memory]") {
  auto mine = segment();
  auto theirs = shared_segment::adopt(file_descriptor{::dup(mine->native())}, small);
  REQUIRE(theirs);
  ring_writer writer{mine->from_maker()};
  mailroom::ring_reader reader{(*theirs)->from_maker()};
  ring_writer back{(*theirs)->from_adopter()};
  mailroom::ring_reader reader_back{mine->from_adopter()};
  for (std::uint64_t id = 0; id < 500; ++id) {
    auto sent = frame(id, 1000 + id % 77);
    REQUIRE(writer.write(sent) == sent.size());
    writer.commit();
    auto there = reader.readable();
    REQUIRE(std::equal(there.begin(), there.end(), sent.begin(), sent.end()));
    REQUIRE(back.write(there) == there.size());
    back.commit();
    reader.take(there.size());
    reader.give_back();
    auto echo = reader_back.readable();
    REQUIRE(std::equal(echo.begin(), echo.end(), sent.begin(), sent.end()));
    reader_back.take(echo.size());
    reader_back.give_back();
  }
}

TEST_CASE("a file that could shrink, or has another size, is not mapped", "[shared_memory]") {
  constexpr auto both = F_SEAL_SHRINK | F_SEAL_GROW;
  constexpr auto size = size_of_two(small);
  CHECK(why_not(memory_file(size, MFD_ALLOW_SEALING, both)) == "adopted");
  auto unsealed = "shared memory: denied: the file is not sealed against shrinking and growing";
  CHECK(why_not(memory_file(size, MFD_ALLOW_SEALING, 0)) == unsealed);
  CHECK(why_not(memory_file(size, MFD_ALLOW_SEALING, F_SEAL_GROW)) == unsealed);
  CHECK(why_not(memory_file(size, MFD_ALLOW_SEALING, F_SEAL_SHRINK)) == unsealed);
  CHECK(why_not(memory_file(size - 1, MFD_ALLOW_SEALING, both)).find("denied: a file of") != std::string::npos);
  CHECK(why_not(memory_file(size + page, MFD_ALLOW_SEALING, both)).find("denied: a file of") != std::string::npos);
  CHECK(why_not(memory_file(0, MFD_ALLOW_SEALING, both)).find("denied: a file of") != std::string::npos);
  CHECK(why_not(file_descriptor{::open("/dev/null", O_RDWR | O_CLOEXEC)}).find("F_GET_SEALS") != std::string::npos);
  for (auto capacity : {std::size_t{0}, std::size_t{1}, page + 1, std::size_t{1} << 62, ~std::size_t{0}})
    CHECK(why_not(memory_file(size, MFD_ALLOW_SEALING, both), capacity).find("which cannot be") != std::string::npos);
}

// -- agreeing -----------------------------------------------------------------------------------------------------------------

TEST_CASE("an offer that cannot be taken is refused with the reason, and the socket goes on", "[shared_memory]") {
  shared_world world;
  world.listen();
  raw_opener opener{socket_of(world)};
  std::string reason;
  SECTION("no descriptor") {
    opener.offer(small, {});
    reason = "no descriptor came with the offer";
  }
  SECTION("an unsealed file") {
    auto file = memory_file(size_of_two(small), MFD_ALLOW_SEALING, 0);
    opener.offer(small, {file.get()});
    reason = "not sealed";
  }
  SECTION("a shrunk file") {
    auto file = memory_file(size_of_two(small), MFD_ALLOW_SEALING, 0);
    REQUIRE(::ftruncate(file.get(), static_cast<off_t>(page)) == 0);
    REQUIRE(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    opener.offer(small, {file.get()});
    reason = "a file of 4096 bytes";
  }
  SECTION("a size that cannot be") {
    auto mine = segment();
    opener.offer(std::size_t{1} << 62, {mine->native()});
    reason = "which cannot be";
  }
  SECTION("no file at all") {
    opener.offer(small, {opener.native()});
    reason = "F_GET_SEALS";
  }
  auto answer = opener.answer();
  REQUIRE(answer);
  CHECK(answer->first == frame_kind::ring_refuse);
  CHECK(answer->second.find(reason) != std::string::npos);
  auto called = world.accepted();
  REQUIRE(opener.write(frame(1)));
  CHECK(called.heard->wait_frames(1));
}

TEST_CASE("of several descriptors none is left open", "[shared_memory]") {
  shared_world world; // which counts them
  world.listen();
  auto mine = segment();
  raw_opener opener{socket_of(world)};
  opener.offer(small, {mine->native(), opener.native(), opener.native()});
  auto answer = opener.answer();
  REQUIRE(answer);
  CHECK(answer->first == frame_kind::ring_begin);
}

TEST_CASE("where memory cannot be had the socket carries what there is, and the log says why", "[shared_memory]") {
  shared_world world;
  std::vector<std::string> notices;
  auto sharing = test::make_transport(transport_kind::shared_memory, world.here_loop(), transport_world::usual_limits(),
                                      [&](mailroom::level, std::string text) { notices.push_back(std::move(text)); });
  world.listen();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto none = before;
  none.rlim_cur = page;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
  auto link = sharing->connect(world.at("bank"));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  REQUIRE(link);
  end caller{*link, std::make_shared<test::recorder>(world.here_loop())};
  REQUIRE(caller.link->start(caller.heard));
  REQUIRE(notices.size() == 1);
  CHECK(notices.front().find("no shared memory, the socket will do: shared memory: fallocate") == 0);
  world.accepted().echo();
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  CHECK(caller.heard->wait_frames(1));
  caller.link->close({errc::cancelled, "test"});
  CHECK(caller.heard->wait_closed());
}

// -- writers that die ---------------------------------------------------------------------------------------------------------

TEST_CASE("a writer killed at any store: what it committed arrives whole, and nothing else", "[shared_memory]") {
  shared_world world;
  world.listen();
  auto sent = std::vector{frame(1, 3), frame(2, 0), frame(3, 5)};
  auto stores = 0;
  for (auto& each : sent)
    stores += static_cast<int>(each.size()) + 1;
  for (int last = 0; last <= stores; ++last) {
    CAPTURE(last);
    raw_lane lane{world.path(), "bank"};
    auto called = world.accepted();
    // in the child: byte by byte, then the commit, as often as it is given
    auto* at = lane.there().data;
    auto* control = lane.there().control;
    std::uint64_t position = 0;
    {
      forked child{[&](const line&) {
        auto left = last;
        for (auto& each : sent) {
          for (auto byte : each) {
            if (left-- == 0)
              ::raise(SIGKILL);
            at[position++] = byte;
          }
          if (left-- == 0)
            ::raise(SIGKILL);
          control->written.store(position);
        }
        ::raise(SIGKILL);
        return 0;
      }};
      lane.hang_up();
      CHECK(child.wait() == -SIGKILL);
    }
    std::vector<byte_buffer> committed;
    auto left = last;
    for (auto& each : sent)
      if ((left -= static_cast<int>(each.size()) + 1) >= 0)
        committed.push_back(each);
    REQUIRE(called.heard->wait_closed());
    CHECK((called.heard->frames() == committed));
    CHECK(called.heard->reason().code() == errc::process_down);
  }
}
