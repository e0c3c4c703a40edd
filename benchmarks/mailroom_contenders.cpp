// Mailroom itself in its default configuration: over each transport, and within one process. A plain thread calls; an actor answers.

#include "contender.hpp"
#include "peer.hpp"

#include <mailroom/mailroom.hpp>
#include <mailroom/message.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>

namespace bench {

struct parcel {
  std::string bytes;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(bytes)); }
};

struct count_query {
  template <class Archive> void serialize(Archive&) {}
};

struct tally {
  std::uint64_t messages = 0; ///< since the last query
  std::uint64_t dead = 0;     ///< letters of this process, ever
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(messages), CEREAL_NVP(dead)); }
};

} // namespace bench

MAILROOM_MESSAGE(bench::parcel, "bench.parcel")
MAILROOM_MESSAGE(bench::count_query, "bench.count_query")
MAILROOM_MESSAGE(bench::tally, "bench.tally")

namespace bench {

namespace {

using transport = mailroom::transport_kind;

/// For what may have to wait for a long queue.
constexpr std::chrono::seconds patience{30};

mailroom::config settings(const setting& mine, std::string process, transport over) {
  return {.process = std::move(process), .directory = mine.directory, .transports = {over}};
}

void spawn_actors(mailroom::system& sys) {
  sys.spawn("echo",
            [](caf::event_based_actor*) -> caf::behavior { return {[](parcel& what) { return std::move(what); }}; });
  sys.spawn("counter", [&sys](caf::event_based_actor*) -> caf::behavior {
    auto messages = std::make_shared<std::uint64_t>(0);
    return {
      [=](const parcel&) { ++*messages; },
      [=, &sys](const count_query&) {
        return tally{std::exchange(*messages, 0), sys.statistics().dead};
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

void serve(const setting& mine, transport over) {
  mailroom::system sys{settings(mine, "server", over)};
  spawn_actors(sys);
  tell_caller("ready");
  await_end();
}

contender between_processes(transport over, std::string about, bool pinned) {
  return {
    "mailroom/" + std::string{to_string(over)}, std::move(about), pinned,
    [over](const setting& mine) { serve(mine, over); },
    [over](const setting& mine, const std::string&) { return std::make_unique<mailroom_caller>(mine, over, false); }};
}

contender in_one_process(std::string name, std::string about, std::optional<transport> over) {
  return {std::move(name), std::move(about), false, nullptr, [over](const setting& mine, const std::string&) {
            return std::make_unique<mailroom_caller>(mine, over, true);
          }};
}

} // namespace

std::vector<contender> mailroom_contenders() {
  return {
    between_processes(transport::pipe, "an actor in another process, over a Unix stream socket", true),
    between_processes(transport::shared_memory, "the same through shared memory, with a short spin", true),
    in_one_process("mailroom/memory", "an actor in another system of the same process", transport::memory),
    in_one_process("mailroom/local", "an actor in the caller's own system: no frames, no encoding", std::nullopt),
  };
}

} // namespace bench
