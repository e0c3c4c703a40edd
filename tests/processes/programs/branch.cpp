// A process that offers factories, or that supervises children of another one's.
//
//   branch NAME [supervise=PROCESS] [KEY=VALUE...]     options as in mailroom::set_option

#include <mailroom/actors/factory.hpp>
#include <mailroom/actors/supervisor.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <support/messages.hpp>

#include <atomic>
#include <iostream>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using test::number;
using test::text;

/// How many instances of the made actors live, and how many have at most.
struct census {
  std::atomic<std::int64_t> living{0};
  std::atomic<std::int64_t> most{0};
  std::atomic<std::int64_t> born{0};

  /// One more, as long as its behavior keeps this: until before anybody is told of its end.
  std::shared_ptr<void> count() {
    ++born;
    auto now = ++living;
    for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    return {this, [](census* of) { --of->living; }};
  }
};

census all;

/// Answers with what it was made with; ends when told to, and fails when told to.
caf::behavior cache(caf::event_based_actor* self, const std::string& policy, std::int64_t size) {
  return {
    [=, me = all.count()](const text& what) { return text{what.value + " " + policy + " " + std::to_string(size)}; },
    [=](const number& what) {
      self->quit(what.value == 0 ? caf::error{}
                                 : mailroom::error{mailroom::errc::remote_error, {}, "the cache is full"}.to_caf());
    },
  };
}

/// Fails as soon as it is up.
caf::behavior brief(caf::event_based_actor* self) {
  self->send(self, number{1});
  return cache(self, "lru", 0);
}

caf::behavior plain(caf::event_based_actor*) {
  return {[me = all.count()](const number& what) { return what; }};
}

caf::behavior failing(caf::event_based_actor*) {
  throw std::runtime_error{"the vault is empty"};
}

/// Does not end when asked.
caf::behavior stubborn(caf::event_based_actor* self) {
  self->set_exit_handler([](caf::scheduled_actor*, caf::exit_msg&) {});
  return {[me = all.count()](const number& what) { return what; }};
}

class adder : public caf::event_based_actor {
public:
  adder(caf::actor_config& cfg, std::int64_t start) : caf::event_based_actor{cfg}, sum_{start} {}
  caf::behavior make_behavior() override {
    return {[this](const number& what) { return number{sum_ += what.value}; }};
  }

private:
  std::int64_t sum_;
};

caf::behavior control(caf::event_based_actor*) {
  return {[](const std::string& what) -> std::int64_t {
    return what == "living" ? all.living : what == "most" ? all.most : all.born;
  }};
}

template <class T> void must(const mailroom::expected<T>& result) {
  if (!result)
    throw mailroom::failure{result.error()};
}

void offer_all(mailroom::system& sys) {
  must(mailroom::offer(sys, "cache", cache));
  must(mailroom::offer(sys, "brief", brief));
  must(mailroom::offer(sys, "plain", plain));
  must(mailroom::offer(sys, "failing", failing));
  must(mailroom::offer(sys, "stubborn", stubborn));
  must(mailroom::offer<adder, std::int64_t>(sys, "adder"));
  must(mailroom::offer_supervisor(
    sys, "team",
    {.intensity = 0,
     .children = {mailroom::actor_child("one", plain), mailroom::actor_child("two", cache, "lru", 2)}}));
}

} // namespace

int main(int argc, char* argv[]) {
  mailroom::config settings;
  settings.process = argc > 1 ? argv[1] : "branch";
  settings.log_level = mailroom::level::error;
  std::string other;
  std::string factory = "cache";
  for (auto i = 2; i < argc; ++i) {
    std::string_view option{argv[i]};
    auto equals = option.find('=');
    auto name = option.substr(0, equals);
    auto value = option.substr(equals + 1);
    if (name == "supervise") {
      other = value;
    } else if (name == "factory") {
      factory = value;
    } else if (auto set = mailroom::set_option(settings, name, value); !set) {
      std::cerr << to_string(set.error()) << '\n';
      return 2;
    }
  }
  try {
    mailroom::system sys{settings};
    if (other.empty())
      offer_all(sys);
    else
      must(mailroom::supervise(
        sys, "root",
        {.intensity = 1000,
         .children = {factory == "cache" ? mailroom::remote_child("cache", other, factory, "lru", std::int64_t{7})
                                         : mailroom::remote_child(factory, other, factory)}}));
    sys.spawn("control", control);
    sys.run();
  } catch (const mailroom::failure& what) {
    std::cerr << what.what() << '\n';
    return 3;
  }
}
