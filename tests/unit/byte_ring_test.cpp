// A stream of bytes through memory: whole and in order around every corner, and a position that cannot be breaks it for good.

#include <mailroom/transports/adaptive_spin.hpp>
#include <mailroom/transports/byte_ring.hpp>

#include <support/catch.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

using mailroom::adaptive_spin;
using mailroom::ring_control;
using mailroom::ring_memory;
using mailroom::ring_reader;
using mailroom::ring_writer;
using namespace std::chrono_literals;

namespace {

/// What a mirrored mapping does, by hand: `mirror` after each write.
struct ring {
  static constexpr std::size_t capacity = 64;

  ring_memory memory() { return {&control, data.data(), capacity}; }

  /// The writer writes over the end of the first half, or into it: both halves show the same.
  void mirror(std::uint64_t from, std::size_t size) {
    for (auto i = from; i < from + size; ++i) {
      auto at = i % capacity;
      auto written = (from % capacity) + (i - from);
      data[at] = data[at + capacity] = data[written];
    }
  }

  ring_control control;
  std::array<std::byte, 2 * capacity> data{};
};

std::vector<std::byte> bytes(std::size_t count, unsigned first) {
  std::vector<std::byte> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(static_cast<std::byte>(first + i));
  return result;
}

} // namespace

TEST_CASE("bytes come out of a ring as they went in, around every corner", "[byte_ring]") {
  ring memory;
  ring_writer writer{memory.memory()};
  ring_reader reader{memory.memory()};
  std::uint64_t position = 0;
  for (unsigned round = 0; round < 1000; ++round) {
    auto sent = bytes(1 + round * 7 % ring::capacity, round);
    REQUIRE(writer.room() == ring::capacity);
    REQUIRE(writer.write(sent) == sent.size());
    memory.mirror(position, sent.size());
    CHECK(reader.empty()); // not committed
    writer.commit();
    auto there = reader.readable();
    CHECK(std::equal(there.begin(), there.end(), sent.begin(), sent.end()));
    reader.take(there.size());
    reader.give_back();
    position += sent.size();
  }
  CHECK_FALSE(writer.broken());
  CHECK_FALSE(reader.broken());
}

TEST_CASE("a full ring takes nothing, and room comes with reading", "[byte_ring]") {
  ring memory;
  ring_writer writer{memory.memory()};
  ring_reader reader{memory.memory()};
  CHECK(writer.write(bytes(100, 0)) == ring::capacity);
  writer.commit();
  CHECK(writer.room() == 0);
  CHECK(writer.write(bytes(1, 0)) == 0);
  CHECK(reader.readable().size() == ring::capacity);
  CHECK(reader.held() == ring::capacity);
  reader.take(10);
  CHECK(reader.held() == ring::capacity - 10);
  CHECK(reader.kept_back() == 10);
  CHECK(writer.room() == 0); // not given back
  reader.give_back();
  CHECK(reader.kept_back() == 0);
  CHECK(writer.has_room(10));
  CHECK_FALSE(writer.has_room(11));
  CHECK(writer.room() == 10);
  CHECK(reader.readable().size() == ring::capacity - 10);
}

TEST_CASE("a sleeping reader is to be woken once, and one who looks is not", "[byte_ring]") {
  ring memory;
  ring_writer writer{memory.memory()};
  ring_reader reader{memory.memory()};
  auto send = [&] {
    writer.write(bytes(1, 0));
    return writer.commit();
  };
  CHECK_FALSE(send());
  CHECK_FALSE(reader.sleep()); // there is something already
  reader.take(1);
  reader.give_back();
  CHECK(reader.sleep());
  CHECK(send());
  CHECK_FALSE(send());
  reader.take(2);
  reader.give_back();
  CHECK(reader.sleep());
  reader.stay_awake();
  CHECK_FALSE(send());
}

TEST_CASE("a writer without room is to be woken once", "[byte_ring]") {
  ring memory;
  ring_writer writer{memory.memory()};
  ring_reader reader{memory.memory()};
  CHECK_FALSE(reader.writer_waits());
  writer.wait_for_room();
  CHECK(reader.writer_waits());
  CHECK_FALSE(reader.writer_waits());
}

TEST_CASE("a writer's position that cannot be breaks the reader for good", "[byte_ring]") {
  for (auto lie : {std::uint64_t{ring::capacity + 1}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    ring memory;
    ring_reader reader{memory.memory()};
    CHECK_FALSE(reader.broken());
    memory.control.written = lie;
    CHECK_FALSE(reader.sleep()); // who sleeps would never find out
    CHECK(reader.readable().empty());
    CHECK(reader.broken());
    memory.control.written = 1;
    CHECK(reader.readable().empty());
    CHECK(reader.broken());
  }
}

TEST_CASE("a writer's position that goes back breaks the reader", "[byte_ring]") {
  ring memory;
  ring_reader reader{memory.memory()};
  memory.control.written = 10;
  reader.take(reader.readable().size());
  reader.give_back();
  memory.control.written = 9;
  CHECK(reader.empty());
  CHECK(reader.broken());
}

TEST_CASE("a reader's position that cannot be breaks the writer for good", "[byte_ring]") {
  for (auto lie : {std::uint64_t{1}, ~std::uint64_t{0} - ring::capacity, std::uint64_t{1} << 63}) {
    ring memory;
    ring_writer writer{memory.memory()};
    memory.control.taken = lie;
    CHECK(writer.room() == 0);
    CHECK(writer.broken());
    CHECK(writer.write(bytes(1, 0)) == 0);
    memory.control.taken = 0;
    CHECK(writer.room() == 0);
  }
}

TEST_CASE("a reader's position that cannot be is found out before half a ring is written", "[byte_ring]") {
  ring memory;
  ring_writer writer{memory.memory()};
  CHECK(writer.has_room(1));
  memory.control.taken = ring::capacity + 1;
  std::size_t written = 0;
  while (writer.has_room(1) && written <= ring::capacity)
    written += writer.write(bytes(1, 0));
  CHECK(writer.broken());
  CHECK(written <= ring::capacity / 2);
}

TEST_CASE("a writer that has seen room looks again before it is used up, and finds what was given back",
          "[byte_ring]") {
  ring memory;
  ring_writer writer{memory.memory()};
  ring_reader reader{memory.memory()};
  for (unsigned round = 0; round < 100; ++round) {
    for (std::size_t i = 0; i < ring::capacity; ++i) {
      REQUIRE(writer.has_room(1));
      REQUIRE(writer.write(bytes(1, round)) == 1);
    }
    CHECK_FALSE(writer.has_room(1));
    writer.commit();
    reader.take(reader.readable().size());
    CHECK_FALSE(writer.has_room(1));
    reader.give_back();
  }
  CHECK_FALSE(writer.broken());
}

TEST_CASE("a spin ends with what it waits for, or after its time", "[adaptive_spin]") {
  adaptive_spin patient{10s};
  auto looks = 0;
  CHECK(patient.wait([&] { return ++looks == 5; }));
  CHECK(looks == 5);
  adaptive_spin spin{20us};
  auto begin = adaptive_spin::clock::now();
  CHECK_FALSE(spin.wait([] { return false; }));
  CHECK(adaptive_spin::clock::now() - begin >= 20us);
}

TEST_CASE("a spin under a lock lets go of it between the looks", "[adaptive_spin]") {
  std::mutex mutex;
  std::unique_lock lock{mutex};
  std::atomic<bool> was_there{false};
  std::thread other{[&] {
    std::lock_guard guard{mutex};
    was_there = true;
  }};
  adaptive_spin patient{10s};
  auto held_while_looking = true;
  auto there = patient.wait_unlocked(lock, [&] {
    held_while_looking = held_while_looking && lock.owns_lock();
    std::this_thread::yield();
    return was_there.load();
  });
  CHECK(there);
  CHECK(held_while_looking);
  CHECK(lock.owns_lock());
  lock.unlock();
  other.join();
}

TEST_CASE("without time to spin, one look is all", "[adaptive_spin]") {
  adaptive_spin none{0us};
  auto looks = 0;
  for (int i = 0; i < 100; ++i)
    CHECK_FALSE(none.wait([&] { return ++looks, false; }));
  CHECK(looks == 100);
  CHECK(none.wait([] { return true; }));
}

TEST_CASE("a spin that does not pay is tried seldom, and often again once it does", "[adaptive_spin]") {
  adaptive_spin spin{1us};
  auto tries = [&](int waits) {
    auto count = 0;
    for (int i = 0; i < waits; ++i) {
      auto looks = 0;
      spin.wait([&] { return ++looks, false; });
      count += looks > 1 ? 1 : 0;
    }
    return count;
  };
  tries(50);
  auto seldom = tries(640);
  CHECK(seldom >= 5);
  CHECK(seldom <= 20);
  for (int i = 0; i < 3; ++i)
    spin.paid();
  CHECK(tries(5) == 5);
}
