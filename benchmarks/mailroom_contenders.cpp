// Mailroom itself in its default configuration: over each transport, and within one process. A plain thread calls; an actor answers.

#include "allocations.hpp"
#include "contender.hpp"
#include "peer.hpp"

#include <mailroom/mailroom.hpp>
#include <mailroom/message.hpp>

#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

namespace bench {

struct parcel {
  std::string bytes;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(bytes)); }
};

struct count_query {
  template <class Archive> void serialize(Archive&) {}
};

struct tally {
  std::uint64_t messages = 0;    ///< since the last query
  std::uint64_t dead = 0;        ///< letters of this process, ever
  std::uint64_t allocations = 0; ///< of this process, ever
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(messages), CEREAL_NVP(dead), CEREAL_NVP(allocations));
  }
};

} // namespace bench

MAILROOM_MESSAGE(bench::parcel, "bench.parcel")
MAILROOM_MESSAGE(bench::count_query, "bench.count_query")
MAILROOM_MESSAGE(bench::tally, "bench.tally")

namespace bench {

namespace {

using transport = mailroom::transport_kind;
using clock = std::chrono::steady_clock;

/// For what may have to wait for a long queue.
constexpr std::chrono::seconds patience{30};

/// In a directory that mailroom makes, for nobody else.
mailroom::config settings(const setting& mine, std::string process, transport over) {
  return {.process = std::move(process), .directory = mine.directory / "mailroom", .transports = {over}};
}

void spawn_actors(mailroom::system& sys) {
  sys.spawn("echo",
            [](caf::event_based_actor*) -> caf::behavior { return {[](parcel& what) { return std::move(what); }}; });
  sys.spawn("counter", [&sys](caf::event_based_actor*) -> caf::behavior {
    auto messages = std::make_shared<std::uint64_t>(0);
    return {
      [=](const parcel&) { ++*messages; },
      [=, &sys](const count_query&) {
        return tally{std::exchange(*messages, 0), sys.statistics().dead, allocation_count::total()};
      },
    };
  });
}

class mailroom_caller final : public caller {
public:
  /// `here`: the actors live in this process, in a second system or, without a transport, in the caller's own.
  mailroom_caller(const setting& mine, std::optional<transport> over, bool here)
    : payload_{payload_of(mine.what)}, window_{over ? 0 : usual_window(mine.what)} {
    auto kind = over.value_or(transport::pipe);
    if (over && here)
      other_.emplace(settings(mine, "server", kind));
    sys_.emplace(settings(mine, over ? "client" : "server", kind));
    if (here)
      spawn_actors(other_ ? *other_ : *sys_);
  }

  std::string_view request() override {
    echo_ = take(sys_->request<parcel>("server/echo", payload_));
    return echo_.bytes;
  }

  void send() override {
    if (auto sent = sys_->send("server/counter", payload_); !sent)
      throw std::runtime_error{to_string(sent.error())};
  }

  std::uint64_t received() override {
    auto result = take(sys_->request<tally>("server/counter", patience, count_query{}));
    if (auto dead = result.dead + sys_->statistics().dead; dead != 0)
      throw std::runtime_error{std::to_string(dead) + " dead letters"};
    return result.messages;
  }

  std::size_t window() const override { return window_; }

  std::optional<std::uint64_t> allocations_there() override {
    return take(sys_->request<tally>("server/counter", patience, count_query{})).allocations;
  }

private:
  template <class T> static T take(mailroom::expected<T> result) {
    if (!result)
      throw std::runtime_error{to_string(result.error())};
    return *std::move(result);
  }

  parcel payload_;
  parcel echo_;
  std::size_t window_;
  std::optional<mailroom::system> other_;
  std::optional<mailroom::system> sys_;
};

/// The one who asks is an actor too: it asks the next time when the reply to the last one has come.
class actor_caller final : public caller {
public:
  actor_caller(const setting& mine, transport over)
    : payload_{payload_of(mine.what)}, sys_{settings(mine, "client", over)}, server_{sys_.mailbox("server/echo")} {}

  std::string_view request() override {
    std::vector<clock::duration> ignored;
    time_requests(1, {}, payload_.bytes.size(), ignored);
    return echo_.bytes;
  }

  void time_requests(std::size_t count, std::chrono::milliseconds silence, std::size_t payload,
                     std::vector<clock::duration>& samples) override {
    std::promise<std::string> done;
    sys_.actors().spawn([&](caf::event_based_actor* self) { ask(self, count, silence, payload, samples, done); });
    if (auto flaw = done.get_future().get(); !flaw.empty())
      throw std::runtime_error{flaw};
  }

  void send() override { throw std::logic_error{"requests only"}; }
  std::uint64_t received() override { throw std::logic_error{"requests only"}; }

private:
  void ask(caf::event_based_actor* self, std::size_t left, std::chrono::milliseconds silence, std::size_t payload,
           std::vector<clock::duration>& samples, std::promise<std::string>& done) {
    if (left == 0) {
      done.set_value({});
      return;
    }
    if (silence.count() > 0)
      std::this_thread::sleep_for(silence);
    auto before = clock::now();
    self->request(server_, patience, payload_)
      .then(
        [=, this, &samples, &done](parcel& echo) {
          samples.push_back(clock::now() - before);
          echo_ = std::move(echo);
          if (echo_.bytes.size() != payload)
            done.set_value("an echo of another size");
          else
            ask(self, left - 1, silence, payload, samples, done);
        },
        [&done](caf::error& why) { done.set_value(to_string(mailroom::error{why})); });
  }

  parcel payload_;
  parcel echo_;
  mailroom::system sys_;
  caf::actor server_;
};

void serve(const setting& mine, transport over) {
  mailroom::system sys{settings(mine, "server", over)};
  spawn_actors(sys);
  tell_caller("ready");
  await_end();
}

contender between_processes(transport over, std::string about) {
  contender result;
  result.name = "mailroom/" + std::string{to_string(over)};
  result.about = std::move(about);
  result.pinned = true;
  result.serve = [over](const setting& mine) { serve(mine, over); };
  result.open = [over](const setting& mine, const std::string&) {
    return std::make_unique<mailroom_caller>(mine, over, false);
  };
  return result;
}

contender between_actors(transport over) {
  auto result = between_processes(over, "the same, asked by an actor with `.then`");
  result.name += ", actor";
  result.pinned = false;
  result.requests_only = true;
  result.open = [over](const setting& mine, const std::string&) { return std::make_unique<actor_caller>(mine, over); };
  return result;
}

contender in_one_process(std::string name, std::string about, std::optional<transport> over) {
  contender result;
  result.name = std::move(name);
  result.about = std::move(about);
  result.between_processes = false;
  result.open = [over](const setting& mine, const std::string&) {
    return std::make_unique<mailroom_caller>(mine, over, true);
  };
  return result;
}

} // namespace

std::vector<contender> mailroom_contenders(const std::vector<way>& ways) {
  std::vector<contender> result;
  for (auto& each : ways) {
    result.push_back(between_processes(each.over, "an actor in another process, " + each.about));
    result.push_back(between_actors(each.over));
  }
  result.push_back(
    in_one_process("mailroom/memory", "an actor in another system of the same process", transport::memory));
  result.push_back(
    in_one_process("mailroom/local", "an actor in the caller's own system: no frames, no encoding", std::nullopt));
  return result;
}

} // namespace bench
