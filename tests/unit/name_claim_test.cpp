// One process owns a name at a time, by a lock that the kernel frees at its death: what one process can show of it.

#include <mailroom/runtime/name_claim.hpp>

#include <support/catch.hpp>
#include <support/claim_place.hpp>

#include <algorithm>
#include <fstream>
#include <thread>

using mailroom::errc;
using mailroom::name_claim;
using mailroom::runtime_directory;
using test::error_of;
using test::owned_by;
using test::taken_by;
using place = test::claim_place;

namespace fs = std::filesystem;

TEST_CASE("a name that nobody owns can be taken, and taken again after its release", "[name_claim]") {
  place here;
  for (int round = 0; round < 3; ++round) {
    auto claim = name_claim::take(here.at("bank"));
    REQUIRE(claim);
    CHECK(here.owned() == std::vector{owned_by("bank", test::self())});
  }
  CHECK(here.owned().empty());
}

TEST_CASE("a claim that ends leaves no file", "[name_claim]") {
  place here;
  {
    auto claim = name_claim::take(here.at("bank"));
    REQUIRE(claim);
    CHECK(here.directory().list() == std::vector<std::string>{"bank.lock"});
  }
  CHECK(here.directory().list().empty());
}

TEST_CASE("names differ by case and by directory", "[name_claim]") {
  place here;
  place there;
  auto first = name_claim::take(here.at("bank"));
  CHECK(name_claim::take(here.at("Bank")));
  CHECK(name_claim::take(there.at("bank")));
  CHECK(name_claim::take(here.at("bank.lock")));
}

TEST_CASE("row 6: a directory in the lock file's place is refused with path and cause", "[name_claim][row6]") {
  place here;
  fs::create_directory(here.file("bank.lock"));
  auto claim = name_claim::take(here.at("bank"));
  REQUIRE_FALSE(claim);
  CHECK(claim.error().code() == errc::system_error);
  CHECK(claim.error().subject() == here.file("bank.lock").string());
  CHECK(here.owned().empty());
}

TEST_CASE("of threads of one process that race for a name one gets it", "[name_claim]") {
  place here;
  for (int round = 0; round < 50; ++round) {
    std::vector<mailroom::expected<std::unique_ptr<name_claim>>> results;
    for (int i = 0; i < 4; ++i)
      results.emplace_back(nullptr);
    std::vector<std::thread> threads;
    for (auto& each : results)
      threads.emplace_back([&] { each = name_claim::take(here.at("bank")); });
    for (auto& each : threads)
      each.join();
    CHECK(std::count_if(results.begin(), results.end(), [](auto& each) { return each.has_value(); }) == 1);
  }
}

TEST_CASE("a name is taken for a second system of the same process", "[name_claim]") {
  place here;
  auto first = name_claim::take(here.at("bank"));
  CHECK(error_of(name_claim::take(here.at("bank"))) == taken_by("bank", test::self()));
  auto same = runtime_directory::open(here.directory().path() / ".." / "run");
  REQUIRE(same);
  CHECK(error_of(name_claim::take({*same, here.at("bank").process})) == taken_by("bank", test::self()));
}

TEST_CASE("row 5: a lock file of an earlier day is taken over", "[name_claim][row5]") {
  place here;
  for (auto* text : {"", "4711", "4711\nof an earlier day\n", "4711 1\n"}) {
    std::ofstream{here.file("bank.lock")} << text;
    CHECK(here.owned().empty());
    CHECK(error_of(name_claim::take(here.at("bank"))) == "no error");
  }
}

TEST_CASE("a claim says how its owner can be reached, as long as it is held", "[name_claim]") {
  place here;
  auto offer = [&] {
    auto owner = mailroom::owner_of(here.at("bank"));
    return owner ? std::to_string(owner->pid) + " " + owner->offer : "nobody";
  };
  auto self = std::to_string(test::self()) + " ";
  CHECK(offer() == "nobody");
  for (auto* each : {"shared_memory,pipe", "pipe", ""}) {
    auto claim = name_claim::take(here.at("bank"), each);
    REQUIRE(claim);
    CHECK(offer() == self + each);
    CHECK(error_of(name_claim::take(here.at("bank"), "copydata")) == taken_by("bank", test::self()));
    CHECK(offer() == self + each);
  }
  CHECK(offer() == "nobody");
}

TEST_CASE("of a claim's line only an offer is believed", "[name_claim]") {
  CHECK(mailroom::offer_in("4711 copydata,pipe\n") == "copydata,pipe");
  CHECK(mailroom::offer_in("4711 130 shared_memory\n") == "shared_memory");
  for (auto* line : {"", "\n", "4711\n", "4711 \n", "4711 pipe", "4711 Pipe\n", "4711 pi\x1bpe\n"})
    CHECK(mailroom::offer_in(line).empty());
  CHECK(mailroom::offer_in("1 " + std::string(100, 'x') + "\n").size() == 100);
  CHECK(mailroom::offer_in("1 " + std::string(101, 'x') + "\n").empty());
}
