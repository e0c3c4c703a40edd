// Shared memory where the other side is not what it should be: how two sides agree, or do not, on a segment; a peer that scribbles, lies and rings. What
// only one system can do wrong, and writers that are killed, are beside.

#include <support/raw_lane.hpp>

#include <cstring>
#include <random>

using mailroom::errc;
using mailroom::frame_kind;
using mailroom::frame_view;
using mailroom::frame_writer;
using mailroom::transport_kind;
using test::byte_buffer;
using test::end;
using test::frame;
using test::raw_lane;
using test::raw_peer;
using test::raw_segment;
using test::send_result;
using test::shared_world;
using test::transport_world;

using namespace std::chrono_literals;

namespace {

namespace lane_frames = mailroom::lane_frames;

} // namespace

// -- agreeing -----------------------------------------------------------------------------------------------------------------

TEST_CASE("frames go through the rings once both sides have agreed", "[shared_memory]") {
  shared_world world;
  world.listen();
  const raw_lane lane{world.path(), "bank"};
  auto called = world.accepted();
  auto sent = frame(1, 1000);
  REQUIRE(called.send(sent) == send_result::sent);
  CHECK(lane.back().control->written == sent.size());
  CHECK(std::memcmp(lane.back().data, sent.data(), sent.size()) == 0);
}

TEST_CASE("frames about shared memory out of turn end the connection", "[shared_memory]") {
  shared_world world;
  world.listen();
  const raw_segment mine;
  const raw_peer opener{world.path(), "bank"};
  SECTION("a beginning without an offer") {
    opener.write(lane_frames::begin());
  }
  SECTION("a refusal") {
    opener.write(lane_frames::refuse("because"));
  }
  SECTION("an offer after another frame") {
    opener.write(frame(1));
    mine.offer_to(opener);
  }
  SECTION("an offer after an offer") {
    mine.offer_to(opener);
    mine.offer_to(opener);
  }
  SECTION("an offer without a size") {
    byte_buffer bytes;
    frame_writer{bytes, frame_kind::ring_offer}.finish();
    opener.write(bytes);
  }
  auto called = world.accepted();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
  CHECK(opener.closed_within(10s));
}

TEST_CASE("one side without shared memory: the pipe carries what there is", "[shared_memory]") {
  auto offers = GENERATE(true, false);
  CAPTURE(offers);
  shared_world world;
  std::vector<std::string> notices;
  std::mutex mutex;
  auto say = [&](mailroom::level, std::string text) {
    std::lock_guard guard{mutex};
    notices.push_back(std::move(text));
  };
  auto limits = transport_world::usual_limits();
  auto plain = test::make_transport(transport_kind::pipe, offers ? world.there_loop() : world.here_loop(), limits, say);
  auto sharing =
    test::make_transport(transport_kind::shared_memory, offers ? world.here_loop() : world.there_loop(), limits, say);
  auto listener = (offers ? plain : sharing)->listen(world.at("bank"), world.accept_handler());
  REQUIRE(listener);
  auto link = (offers ? sharing : plain)->connect(world.at("bank"));
  REQUIRE(link);
  end caller{*link, std::make_shared<test::recorder>(world.here_loop())};
  REQUIRE(caller.link->start(caller.heard));
  caller.link->admit(transport_world::admitted);
  auto called = world.accepted();
  called.echo();
  for (std::uint64_t id = 0; id < 100; ++id)
    REQUIRE(caller.send_patiently(frame(id, id * 100)));
  CHECK(caller.heard->wait_frames(100));
  caller.link->close({errc::cancelled, "test"});
  CHECK(caller.heard->wait_closed());
  std::lock_guard guard{mutex};
  REQUIRE(notices.size() == (offers ? 1 : 0));
  if (offers)
    CHECK(notices.front().find("will do: the other process says: shared memory is not among its transports")
          != std::string::npos);
}

// -- peers that lie -----------------------------------------------------------------------------------------------------------

TEST_CASE("positions that cannot be end the connection, and others live", "[shared_memory]") {
  shared_world world;
  auto [caller, other_end] = world.pair();
  raw_lane lane{world.path(), "bank"};
  auto called = world.accepted();
  SECTION("of the writer") {
    lane.there().control->written = raw_segment::capacity + 1;
  }
  SECTION("of the writer, far away") {
    lane.there().control->written = ~std::uint64_t{0} - 5;
  }
  SECTION("of the reader") {
    lane.back().control->taken = 1;
    called.send(frame(1)); // which finds out
  }
  SECTION("of the reader, while it reads") {
    lane.back().control->taken = 1000;
    called.send(frame(1));
    lane.writer.write(frame(2));
    lane.writer.commit();
  }
  lane.bell();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
  CHECK(lane.peer().closed_within(10s));
  caller.send(frame(9));
  CHECK(other_end.heard->wait_frames(1));
}

TEST_CASE("one who hangs up and goes on writing, or only rings, does not keep the I/O role", "[shared_memory]") {
  shared_world world;
  auto [caller, other_end] = world.pair();
  other_end.echo();
  raw_lane lane{world.path(), "bank"};
  auto called = world.accepted();
  std::atomic<bool> stop{false};
  auto hangs_up = GENERATE(true, false);
  CAPTURE(hangs_up);
  std::thread busy{[&] {
    auto one = frame(1, 8);
    if (hangs_up)
      lane.hang_up();
    while (!stop) {
      if (lane.writer.room() >= one.size())
        lane.writer.write(one);
      lane.writer.commit();
      if (!hangs_up)
        lane.bell();
    }
  }};
  for (std::uint64_t id = 0; id < 50; ++id) {
    CHECK(caller.send(frame(id)) == send_result::sent);
    CHECK(caller.heard->wait_frames(id + 1, 5s));
  }
  if (hangs_up)
    CHECK(called.heard->wait_closed());
  stop = true;
  busy.join();
}

TEST_CASE("garbage in the ring ends the connection as garbage on the socket does", "[shared_memory]") {
  shared_world world;
  world.listen();
  raw_lane lane{world.path(), "bank"};
  auto called = world.accepted();
  lane.writer.write(byte_buffer(100, std::byte{0xff}));
  lane.writer.commit();
  lane.bell();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
}

TEST_CASE("a frame that stays half in the ring ends its connection in time", "[shared_memory]") {
  auto limits = transport_world::usual_limits();
  limits.max_trickle = 100ms;
  shared_world world{limits};
  world.listen();
  raw_lane lane{world.path(), "bank"};
  auto called = world.accepted();
  auto half = frame(1, 100);
  half.resize(50);
  lane.writer.write(half);
  lane.writer.commit();
  lane.bell();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
}

TEST_CASE("a peer that scribbles over positions, lengths and bytes harms nobody but itself", "[shared_memory]") {
  shared_world world;
  auto [caller, other_end] = world.pair();
  other_end.echo();
  std::mt19937_64 random{42};
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds{test::rounds(5, 60)};
  auto connections = 0;
  auto frames = std::size_t{0};
  for (; std::chrono::steady_clock::now() < until; ++connections) {
    raw_lane lane{world.path(), "bank"};
    auto called = world.accepted();
    // the reader looks at each byte itself, as a decoder would
    std::atomic<unsigned> sum{0};
    called.heard->hook([&](const frame_view& view) {
      for (auto each : view.body)
        sum += std::to_integer<unsigned>(each);
      called.link->send(frame(1, 100), mailroom::send_mode::system);
    });
    auto there = lane.there();
    auto back = lane.back();
    for (int i = 0; i < 2000 && !called.heard->closed(); ++i) {
      lane.writer.write(frame(random(), random() % 3000));
      lane.writer.commit();
      for (auto scribbles = random() % 4; scribbles > 0; --scribbles)
        there.data[random() % there.capacity] = static_cast<std::byte>(random());
      if (random() % 500 == 0)
        there.control->written = random() % 2 == 0 ? random() : there.control->written + random() % 5000;
      if (random() % 500 == 0)
        back.control->taken = random() % 2 == 0 ? random() : back.control->taken + random() % 50;
      there.control->reader_sleeps = static_cast<std::uint32_t>(random() % 2);
      back.control->writer_waits = static_cast<std::uint32_t>(random() % 2);
      if (random() % 4 == 0)
        lane.bell();
    }
    frames += called.heard->count();
    called.link->close({errc::cancelled, "test"});
    REQUIRE(called.heard->wait_closed());
    auto before = caller.heard->count();
    REQUIRE(caller.send(frame(7)) == send_result::sent);
    REQUIRE(caller.heard->wait_frames(before + 1));
  }
  CHECK(connections > 0);
  CHECK(frames > 0);
}
