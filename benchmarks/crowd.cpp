#include "crowd.hpp"

#include "machine.hpp"
#include "peer.hpp"

#include <mailroom/mailroom.hpp>
#include <mailroom/message.hpp>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

namespace bench {

struct small_message {
  std::string bytes;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(bytes)); }
};

struct how_many {
  template <class Archive> void serialize(Archive&) {}
};

} // namespace bench

MAILROOM_MESSAGE(bench::small_message, "bench.small_message")
MAILROOM_MESSAGE(bench::how_many, "bench.how_many")

namespace bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds patience{60'000};
constexpr int messages = 200'000;
constexpr std::size_t payload = 64;

/// However few messages there are by then: on some systems each is a dear system call.
constexpr std::chrono::seconds longest_pour{4};
constexpr int between_looks = 256;

std::string address_of(int peer, int mailbox) {
  return "peer-" + std::to_string(peer) + "/counter-" + std::to_string(mailbox);
}

/// In a directory that mailroom makes, for nobody else.
mailroom::config settings(const std::filesystem::path& directory, std::string process) {
  return {.process = std::move(process), .directory = directory / "mailroom", .workers = 1};
}

template <class T> T value_of(mailroom::expected<T> result) {
  if (!result)
    throw std::runtime_error{to_string(result.error())};
  return *std::move(result);
}

std::vector<std::string> command(std::string name, const crowd& who, const std::filesystem::path& directory) {
  return {std::move(name), who.axis,
          "--directory",   directory.string(),
          "--peers",       std::to_string(who.peers),
          "--mailboxes",   std::to_string(who.mailboxes),
          "--callers",     std::to_string(who.callers)};
}

/// Microseconds of a one-way message.
double pour(mailroom::system& sys, const crowd& who) {
  std::vector<std::string> targets;
  for (int peer = 0; peer < who.peers; ++peer)
    for (int mailbox = 0; mailbox < who.mailboxes; ++mailbox)
      targets.push_back(address_of(peer, mailbox));
  small_message what{std::string(payload, 'x')};
  auto counted = [&] {
    std::uint64_t sum = 0;
    for (auto& each : targets)
      sum += value_of(sys.request<std::uint64_t>(each, patience, how_many{}));
    return sum;
  };
  counted(); // everybody is connected
  auto begin = clock::now();
  int sent = 0;
  for (; sent < messages && (sent % between_looks != 0 || clock::now() - begin < longest_pour); ++sent)
    if (auto outcome = sys.send(targets[static_cast<std::size_t>(sent) % targets.size()], what); !outcome)
      throw std::runtime_error{to_string(outcome.error())};
  // one answer behind the last message of each peer is enough, the count is taken apart
  for (int peer = 0; peer < who.peers; ++peer)
    value_of(sys.request<std::uint64_t>(address_of(peer, 0), patience, how_many{}));
  std::chrono::duration<double, std::micro> took = clock::now() - begin;
  return took.count() / sent;
}

/// Microseconds of a request, and the share of the unluckiest.
std::pair<double, double> call(mailroom::system& sys, const crowd& who) {
  constexpr auto length = 500ms;
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(who.callers));
  std::vector<std::thread> threads;
  std::atomic<bool> failed{false};
  auto begin = clock::now();
  for (auto& count : counts)
    threads.emplace_back([&] {
      small_message what{std::string(payload, 'x')};
      while (clock::now() - begin < length) {
        if (!sys.request<small_message>("peer-0/echo", patience, what))
          failed = true;
        ++count;
      }
    });
  for (auto& each : threads)
    each.join();
  std::chrono::duration<double, std::micro> took = clock::now() - begin;
  if (failed)
    throw std::runtime_error{"a request failed"};
  auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  std::uint64_t sum = 0;
  for (auto each : counts)
    sum += each;
  return {took.count() / static_cast<double>(sum), static_cast<double>(*least) / static_cast<double>(*most)};
}

double wake_ups_per_second() {
  constexpr std::chrono::seconds length{10};
  auto before = wake_ups().value_or(0);
  std::this_thread::sleep_for(length);
  return static_cast<double>(wake_ups().value_or(0) - before - 1)
         / static_cast<double>(length.count()); // our own sleep is one
}

} // namespace

void serve_crowd(const crowd& who, const std::filesystem::path& directory) {
  if (who.bare()) {
    serve_bare_crowd(who, directory);
    return;
  }
  std::vector<std::unique_ptr<mailroom::system>> systems;
  for (int peer = 0; peer < who.peers; ++peer) {
    auto& sys =
      *systems.emplace_back(std::make_unique<mailroom::system>(settings(directory, "peer-" + std::to_string(peer))));
    sys.spawn("echo", [](caf::event_based_actor*) -> caf::behavior {
      return {[](small_message& what) { return std::move(what); }};
    });
    for (int mailbox = 0; mailbox < who.mailboxes; ++mailbox)
      sys.spawn("counter-" + std::to_string(mailbox), [](caf::event_based_actor*) -> caf::behavior {
        auto count = std::make_shared<std::uint64_t>(0);
        return {[=](const small_message&) { ++*count; }, [=](const how_many&) { return *count; }};
      });
  }
  tell_caller("ready");
  await_end();
}

void do_crowd(const crowd& who, const std::filesystem::path& directory) {
  crowd_point result;
  try {
    auto other = child_process::start(command("serve-crowd", who, directory));
    other->read_line(patience);
    if (who.bare()) {
      result.cost = pour_bare(who, directory, payload, messages);
    } else {
      mailroom::system sys{settings(directory, "client")};
      if (who.axis == "callers")
        std::tie(result.cost, result.share) = call(sys, who);
      else
        result.cost = pour(sys, who);
    }
    other->finish(patience);
  } catch (const std::exception& why) {
    result.error = why.what();
  }
  tell_caller(nlohmann::json{{"cost", result.cost}, {"share", result.share}, {"error", result.error}}.dump());
}

void do_idle(const std::filesystem::path& directory) {
  idle_figure result;
  try {
    crowd one{"idle"};
    auto other = child_process::start(command("serve-crowd", one, directory));
    other->read_line(patience);
    {
      mailroom::system sys{settings(directory, "client")};
      value_of(sys.request<std::uint64_t>("peer-0/counter-0", patience, how_many{}));
      std::this_thread::sleep_for(2s); // what followed the request has ended
      result.connected = wake_ups_per_second();
      auto watching = sys.actors().spawn([&](caf::event_based_actor* self) -> caf::behavior {
        self->monitor(sys.mailbox("peer-0/counter-0"));
        return {[](int) {}};
      });
      std::this_thread::sleep_for(1s);
      result.watched = wake_ups_per_second();
      caf::anon_send_exit(watching, caf::exit_reason::user_shutdown);
    }
    other->finish(patience);
  } catch (const std::exception& why) {
    result.error = why.what();
  }
  tell_caller(
    nlohmann::json{{"connected", result.connected}, {"watched", result.watched}, {"error", result.error}}.dump());
}

std::vector<crowd_point> measure_crowds(const std::filesystem::path& directory) {
  std::vector<crowd> crowds;
  for (int count : {1, 10, 100, 1000})
    crowds.push_back({"mailboxes", 1, count, 1});
  for (int count : {1, 4, 16, 64})
    crowds.push_back({"peers", count, 1, 1});
  if (has_bare_crowd())
    for (int count : {1, 4, 16, 64})
      crowds.push_back({"bare peers", count, 1, 1});
  for (int count : {1, 4, 16, 64})
    crowds.push_back({"callers", 1, 1, count});
  std::vector<crowd_point> result;
  for (auto& each : crowds) {
    constexpr int laps = 5;
    std::vector<crowd_point> points;
    for (int lap = 0; lap < laps; ++lap) {
      auto child = child_process::start(command("crowd", each, directory));
      auto told = nlohmann::json::parse(child->read_line(patience));
      points.push_back({each, told.at("cost"), told.at("share"), told.at("error")});
      child->finish(patience);
    }
    std::ranges::sort(points, {}, &crowd_point::cost);
    auto wrong = std::ranges::find_if(points, [](auto& point) { return !point.error.empty(); });
    result.push_back(wrong != points.end() ? *wrong : points[laps / 2]);
  }
  return result;
}

idle_figure measure_idle(const std::filesystem::path& directory) {
  auto child = child_process::start({"idle", "--directory", directory.string()});
  auto told = nlohmann::json::parse(child->read_line(patience));
  child->finish(patience);
  return {told.at("connected"), told.at("watched"), told.at("error")};
}

} // namespace bench
