// Who waits for an answer of a peer: each is taken once, and nothing of them is left behind.

#include <mailroom/runtime/pending_requests.hpp>

#include <support/catch.hpp>

#include <array>
#include <memory>
#include <set>
#include <vector>

using mailroom::call;
using mailroom::pending_requests;
using mailroom::requester;
using mailroom::typed_call;

namespace {

using waiting = std::shared_ptr<call>;

waiting caller() {
  return std::make_shared<typed_call<>>();
}

/// Adds a caller for each number from the count of `callers` up to `end`.
void add_until(std::uint64_t end, pending_requests& all, std::vector<waiting>& callers) {
  for (std::uint64_t id = callers.size(); id < end; ++id) {
    callers.push_back(caller());
    all.add(id, callers.back());
  }
}

/// Whether `who` is there and is `whom`.
bool is(const std::optional<requester>& who, const waiting& whom) {
  return who && std::get<waiting>(*who) == whom;
}

} // namespace

TEST_CASE("a request is taken once, by its number", "[pending_requests]") {
  pending_requests all;
  auto ada = caller();
  auto bob = caller();
  CHECK(all.empty());
  all.add(1, ada);
  all.add(2, bob);
  CHECK_FALSE(all.empty());
  CHECK_FALSE(all.take(3));
  CHECK(is(all.take(2), bob));
  CHECK_FALSE(all.take(2));
  CHECK(is(all.take(1), ada));
  CHECK(all.empty());
}

TEST_CASE("memory that is used again holds nobody", "[pending_requests]") {
  pending_requests all;
  auto ada = caller();
  for (std::uint64_t id = 1; id <= 1000; ++id) {
    all.add(id, ada);
    CHECK(ada.use_count() == 2);
    all.take(id);
    CHECK(ada.use_count() == 1);
    CHECK(all.empty());
  }
}

TEST_CASE("after many at a time each is still who it was", "[pending_requests]") {
  pending_requests all;
  std::vector<waiting> callers;
  add_until(500, all, callers);
  for (std::uint64_t id = 0; id < 500; id += 2)
    CHECK(is(all.take(id), callers[id]));
  add_until(600, all, callers);
  for (std::uint64_t id = 1; id < 500; id += 2)
    CHECK(is(all.take(id), callers[id]));
  for (std::uint64_t id = 500; id < 600; ++id)
    CHECK(is(all.take(id), callers[id]));
  CHECK(all.empty());
}

TEST_CASE("all but some are taken, and these stay", "[pending_requests]") {
  pending_requests all;
  std::vector<waiting> callers;
  add_until(10, all, callers);
  std::set<waiting> taken;
  for (auto& each : all.take_all_but(std::array<std::uint64_t, 3>{2, 5, 77}))
    taken.insert(std::get<waiting>(each));
  auto expected = std::set<waiting>{callers.begin(), callers.end()};
  expected.erase(callers[2]);
  expected.erase(callers[5]);
  CHECK(taken == expected);
  CHECK(is(all.take(2), callers[2]));
  CHECK(is(all.take(5), callers[5]));
  CHECK(all.empty());
}
