// Shared memory on Windows: sections and handles that are not what was offered, and a writer that is killed at any store. The rest is in
// shared_memory_test.cpp.

#include <mailroom/transports/shared_segment_windows.hpp>

#include <support/environment.hpp>
#include <support/process.hpp>
#include <support/raw_lane.hpp>

#include <cstdlib>
#include <windows.h>

using mailroom::errc;
using mailroom::frame_kind;
using mailroom::handle;
using mailroom::ring_reader;
using mailroom::ring_writer;
using mailroom::shared_segment;
using test::byte_buffer;
using test::frame;
using test::raw_lane;
using test::raw_peer;
using test::shared_world;

using namespace std::chrono_literals;

namespace {

namespace lane_frames = mailroom::lane_frames;

constexpr std::size_t small = std::size_t{64} << 10;

constexpr std::size_t size_of_two(std::size_t capacity) {
  return (std::size_t{64} << 10) + 2 * capacity;
}

handle section(std::size_t size, DWORD flags = 0, HANDLE file = INVALID_HANDLE_VALUE) {
  handle result{::CreateFileMappingW(file, nullptr, PAGE_READWRITE | flags, 0, static_cast<DWORD>(size), nullptr)};
  REQUIRE(result);
  return result;
}

handle file_in(const std::filesystem::path& directory) {
  handle result{::CreateFileW((directory / "file").c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS,
                              FILE_FLAG_DELETE_ON_CLOSE, nullptr)};
  REQUIRE(result);
  return result;
}

std::uint64_t number_of(const handle& which) {
  return reinterpret_cast<std::uintptr_t>(which.get());
}

bool is_open(const handle& which) {
  DWORD ignored = 0;
  return ::GetHandleInformation(which.get(), &ignored) != 0;
}

/// Adopts by a number in this process.
std::string why_not(std::uint64_t number, std::size_t capacity = small) {
  auto result = shared_segment::adopt(::GetCurrentProcessId(), number, capacity);
  return result ? "adopted" : to_string(result.error());
}

std::string why_not(const handle& which, std::size_t capacity = small) {
  auto result = why_not(number_of(which), capacity);
  CHECK(is_open(which));
  return result;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Frames, each followed by a store of the position that commits it.
std::vector<byte_buffer> frames_of_victim() {
  return {frame(1, 3), frame(2, 0), frame(3, 5)};
}

constexpr auto stores_variable = "MAILROOM_TEST_STORES";

} // namespace

// -- the section --------------------------------------------------------------------------------------------------------------

TEST_CASE("both sides of a section see the same rings, and what wraps around in one piece", "[shared_memory]") {
  auto mine = shared_segment::make(small);
  REQUIRE(mine);
  auto made = (*mine)->take_section();
  auto theirs = shared_segment::adopt(::GetCurrentProcessId(), number_of(made), small);
  REQUIRE(theirs);
  made.reset(); // the mappings stay
  ring_writer writer{(*mine)->from_maker()};
  ring_reader reader{(*theirs)->from_maker()};
  ring_writer back{(*theirs)->from_adopter()};
  ring_reader reader_back{(*mine)->from_adopter()};
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

TEST_CASE("segments are made and adopted while other threads take memory", "[shared_memory]") {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i)
    others.emplace_back([&] {
      while (!stop)
        if (auto* taken = ::VirtualAlloc(nullptr, 2 * small, MEM_RESERVE, PAGE_NOACCESS); taken != nullptr)
          ::VirtualFree(taken, 0, MEM_RELEASE);
    });
  for (int i = 0; i < 200; ++i) {
    auto mine = shared_segment::make(small);
    REQUIRE(mine);
    CHECK(why_not((*mine)->take_section()) == "adopted");
  }
  stop = true;
  for (auto& each : others)
    each.join();
}

TEST_CASE("what is no section of committed memory, or has another size, is not mapped", "[shared_memory]") {
  test::temporary_directory directory;
  constexpr auto size = size_of_two(small);
  CHECK(why_not(section(size)) == "adopted");
  auto other_memory = "shared memory: denied: a section of something else than committed memory";
  CHECK(why_not(section(size, SEC_RESERVE)) == other_memory); // to touch it would be an access violation
  auto file = file_in(directory.path());
  CHECK(why_not(section(size, 0, file.get())) == other_memory);
  CHECK(says(why_not(section(size - 1 - 4096)), "denied: a section of"));
  CHECK(says(why_not(section(size + 4096)), "denied: a section of"));
  CHECK(says(why_not(section(1)), "denied: a section of"));
  auto no_section = "shared memory: denied: the handle is no section";
  CHECK(why_not(file) == no_section);
  CHECK(why_not(handle{::CreateEventW(nullptr, TRUE, FALSE, nullptr)}) == no_section);
  CHECK(why_not(handle{::OpenProcess(PROCESS_ALL_ACCESS, FALSE, ::GetCurrentProcessId())}) == no_section);
  for (auto pseudo : {-1, -2}) // the process and the thread
    CHECK(why_not(static_cast<std::uintptr_t>(pseudo)) == no_section);
  for (auto number : {std::uint64_t{0}, std::uint64_t{1} << 30, std::uint64_t{1} << 63})
    CHECK(says(why_not(number), "DuplicateHandle"));
  for (auto capacity : {std::size_t{0}, std::size_t{1}, small + 4096, std::size_t{1} << 62, ~std::size_t{0}})
    CHECK(says(why_not(section(size), capacity), "which cannot be"));
}

TEST_CASE("a number of a section means that of the process that made it", "[shared_memory]") {
  auto mine = section(size_of_two(small));
  auto nobody = shared_segment::adopt(0, number_of(mine), small);
  REQUIRE_FALSE(nobody);
  CHECK(says(to_string(nobody.error()), "OpenProcess"));
  // the number is of a section here, and of nothing there
  const test::process other{test::running_program(), {"shared memory child: sleeps"}, {}};
  CHECK_FALSE(shared_segment::adopt(static_cast<std::uint32_t>(other.pid()), number_of(mine), small));
  CHECK(is_open(mine));
}

TEST_CASE("shared memory child: sleeps", "[.]") {
  std::this_thread::sleep_for(60s); // until its parent ends it, which does long before
}

// -- agreeing -----------------------------------------------------------------------------------------------------------------

TEST_CASE("an offer that cannot be taken is refused with the reason, and the pipe goes on", "[shared_memory]") {
  shared_world world;
  world.listen();
  const raw_peer opener{world.path(), "bank"};
  std::string reason;
  handle offered;
  std::uint64_t capacity = small;
  SECTION("no handle") {
    reason = "DuplicateHandle";
  }
  SECTION("no section") {
    offered = handle{::CreateEventW(nullptr, TRUE, FALSE, nullptr)};
    reason = "the handle is no section";
  }
  SECTION("memory that may not be there") {
    offered = section(size_of_two(small), SEC_RESERVE);
    reason = "something else than committed memory";
  }
  SECTION("a small section") {
    offered = section(4096);
    reason = "a section of 4096 bytes";
  }
  SECTION("a size that cannot be") {
    offered = section(size_of_two(small));
    capacity = std::uint64_t{1} << 62;
    reason = "which cannot be";
  }
  opener.write(lane_frames::offer(capacity, number_of(offered)));
  auto answer = opener.read_frame();
  CHECK(answer.header.kind == frame_kind::ring_refuse);
  CHECK(says({answer.body.begin(), answer.body.end()}, reason));
  REQUIRE(world.notices().size() == 1);
  CHECK(says(world.notices().front(), "no shared memory, the pipe will do: shared memory: "));
  CHECK(says(world.notices().front(), reason));
  CHECK((!offered || is_open(offered)));
  auto called = world.accepted();
  opener.write(frame(1));
  CHECK(called.heard->wait_frames(1));
}

TEST_CASE("an offer without a section ends the connection", "[shared_memory]") {
  shared_world world;
  world.listen();
  const raw_peer opener{world.path(), "bank"};
  opener.write(lane_frames::offer(small));
  auto called = world.accepted();
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().code() == errc::undecodable);
}

// -- writers that die ---------------------------------------------------------------------------------------------------------

/// Byte by byte, then the commit, as often as it is told; then it is gone without a word.
TEST_CASE("shared memory child: writes and is killed", "[.]") {
  const auto* told = std::getenv(stores_variable);
  REQUIRE(told != nullptr);
  raw_lane lane{std::getenv("MAILROOM_DIR"), "bank"};
  auto left = std::atoi(told);
  auto store = [&] {
    if (left-- == 0)
      ::TerminateProcess(::GetCurrentProcess(), static_cast<UINT>(test::killed.code));
  };
  auto there = lane.there();
  std::uint64_t position = 0;
  for (auto& each : frames_of_victim()) {
    for (auto byte : each) {
      store();
      there.data[position++] = byte;
    }
    store();
    there.control->written = position;
  }
  left = 0;
  store();
}

TEST_CASE("a writer killed at any store: what it committed arrives whole, and nothing else", "[shared_memory]") {
  shared_world world;
  world.listen();
  auto stores = 0;
  for (auto& each : frames_of_victim())
    stores += static_cast<int>(each.size()) + 1;
  for (int last = 0; last <= stores; ++last) {
    CAPTURE(last);
    const test::environment_variable told{stores_variable, std::to_string(last)};
    test::process child{test::running_program(), {"shared memory child: writes and is killed"}, world.path()};
    auto called = world.accepted();
    CHECK(child.wait() == test::killed.code);
    std::vector<byte_buffer> committed;
    auto left = last;
    for (auto& each : frames_of_victim())
      if ((left -= static_cast<int>(each.size()) + 1) >= 0)
        committed.push_back(each);
    REQUIRE(called.heard->wait_closed());
    CHECK((called.heard->frames() == committed));
    auto why = called.heard->reason();
    CHECK(why.code() == errc::process_down);
    CHECK(why.why_down() == mailroom::down_cause::exited);
  }
}
