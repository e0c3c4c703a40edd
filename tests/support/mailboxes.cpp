#include <support/mailboxes.hpp>

#include <deque>
#include <map>
#include <thread>

namespace test {

namespace {

using namespace std::chrono_literals;
using mailroom::errc;

caf::behavior echo(caf::event_based_actor*) {
  return {
    [](const number& what) { return what; },
    [](const text& what) { return what; },
    [](const item& what) { return what; },
    [](const std::string& what) { return what; },
    [](const std::vector<number>& what) { return what; },
    [](const std::vector<std::uint8_t>& what) { return what; },
  };
}

/// Several values in, several values out.
caf::behavior several(caf::event_based_actor*) {
  return {
    [](std::int64_t a, bool b, double c, const std::string& d, const std::vector<std::string>& e, const number& f) {
      return caf::make_message(a, b, c, d, e, f);
    },
    [](std::uint8_t a, std::int32_t b) -> caf::result<std::int32_t, std::uint8_t> {
      return {b, a};
    },
  };
}

calculator::behavior_type sum(calculator::pointer) {
  return {[](std::int64_t a, std::int64_t b) { return a + b; }};
}

struct promises {
  std::map<std::int64_t, caf::typed_response_promise<number>> open;
  std::int64_t last = 0;
};

/// Answers by promise, after a while.
caf::behavior late(caf::stateful_actor<promises>* self) {
  return {
    [=](const later& what) {
      auto key = ++self->state.last;
      self->state.open[key] = self->make_response_promise<number>();
      self->delayed_send(self, std::chrono::milliseconds{what.milliseconds}, key, what.value);
      return self->state.open[key];
    },
    [=](std::int64_t key, std::int64_t value) {
      self->state.open[key].deliver(number{value});
      self->state.open.erase(key);
    },
  };
}

/// Makes a promise and forgets it.
caf::behavior dropper(caf::event_based_actor* self) {
  return {
    [=](const number&) -> caf::result<number> {
      auto promise = self->make_response_promise<number>();
      return caf::delegated<number>{};
    },
  };
}

/// Makes promises and keeps them open, until told to end.
caf::behavior keeper(caf::stateful_actor<promises>* self) {
  return {
    [=](const number&) {
      auto key = ++self->state.last;
      self->state.open[key] = self->make_response_promise<number>();
      return self->state.open[key];
    },
    [=](const text&) { self->quit(); },
  };
}

caf::behavior thrower(caf::event_based_actor*) {
  return {[](const number&) -> number { throw std::runtime_error{"the vault is empty"}; }};
}

void blocking_thrower(caf::blocking_actor* self) {
  self->receive([](const number&) -> number { throw std::runtime_error{"the vault is empty"}; },
                [](const caf::exit_msg&) {});
}

void blocking(caf::blocking_actor* self) {
  auto running = true;
  self->receive_while(running)([](const number& what) { return what; }, [&](const caf::exit_msg&) { running = false; });
}

caf::behavior failing(caf::event_based_actor*) {
  return {
    [](const number&) -> caf::result<number> {
      return caf::error{7, own_category, caf::make_message(std::string{"no"}, std::int32_t{3})};
    },
    [](const text& what) -> caf::result<number> {
      return mailroom::error{errc::denied, "vault", what.value}.to_caf();
    },
    [](const std::string&) -> caf::result<number> {
      return caf::error{9, own_category, caf::make_message(unspeakable{1})};
    },
  };
}

caf::behavior nothing(caf::event_based_actor*) {
  return {[](const number&) {}};
}

/// Ends at the first message: a request it has not answered then.
caf::behavior quitter(caf::event_based_actor* self) {
  return {
    [=](const number&) { self->quit(); },
    [=](const text& why) {
      self->quit(mailroom::error{errc::remote_error, "quitter", why.value}.to_caf());
    },
  };
}

/// Passes requests on to other mailboxes, here or elsewhere.
caf::behavior relay(caf::event_based_actor* self, mailroom::system* sys) {
  return {
    [=](const forward& what) { return self->delegate(sys->mailbox(what.to), number{what.value}); },
    [=](const mailroom::address& to, const later& what) { return self->delegate(sys->mailbox(to), what); },
  };
}

/// Makes a blocking request from its handler, and answers with what came of it.
caf::behavior asker(caf::event_based_actor*, mailroom::system* sys) {
  return {
    [=](const mailroom::address& to) {
      auto got = sys->request<number>(to, 2s, number{5});
      return text{got ? std::to_string(got->value) : to_string(got.error().code()).data()};
    },
    [=](const mailroom::address& to, const number& what) {
      auto sent = sys->send(to, what);
      return text{sent ? "sent" : to_string(sent.error())};
    },
  };
}

/// Keeps an eye on the order of numbered items.
struct seen {
  std::map<std::uint32_t, std::uint64_t> next;
  report total;
};

caf::behavior recorder(caf::stateful_actor<seen>* self) {
  return {
    [=](const item& what) {
      auto& next = self->state.next[what.sender];
      if (what.sequence < next)
        ++self->state.total.disorder;
      next = what.sequence + 1;
      self->state.total.last = what.sequence;
      ++self->state.total.count;
    },
    [=](const std::string&) { return self->state.total; },
  };
}

/// Answers with a type that has no name.
caf::behavior stranger(caf::event_based_actor*) {
  return {[](const number& what) { return unspeakable{static_cast<int>(what.value)}; }};
}

/// Tells who asked, and writes to addresses.
caf::behavior correspondent(caf::event_based_actor* self, mailroom::system* sys) {
  return {
    [=](const std::string&) { return sys->address_of(caf::actor_cast<caf::actor>(self->current_sender())); },
    [=](const mailroom::address& to) { self->send(sys->mailbox(to), text{"a letter"}); },
    [=](const mailroom::address& to, const std::string& what) { self->send(sys->mailbox(to), text{what}); },
    // an answer beside the reply, to whoever asked
    [=](const number& what) {
      self->send(caf::actor_cast<caf::actor>(self->current_sender()), text{"beside"});
      return what;
    },
  };
}

caf::behavior sleeper(caf::event_based_actor*) {
  return {[](const later& what) {
    std::this_thread::sleep_for(std::chrono::milliseconds{what.milliseconds});
    return number{what.value};
  }};
}

/// Monitors or links an address and tells what happened.
struct watched {
  std::vector<std::string> events;
};

caf::behavior watcher(caf::stateful_actor<watched>* self, mailroom::system* sys) {
  self->set_down_handler([=](caf::down_msg& what) {
    self->state.events.push_back("down " + to_string(sys->address_of(caf::actor_cast<caf::actor>(what.source))) + " "
                                 + to_string(mailroom::error{what.reason}.code()).data());
  });
  self->set_exit_handler([=](caf::exit_msg& what) {
    if (what.reason == caf::exit_reason::user_shutdown) {
      self->quit(what.reason);
      return;
    }
    self->state.events.push_back(std::string{"exit "} + to_string(mailroom::error{what.reason}.code()).data());
  });
  return {
    [=](const mailroom::address& what, bool link) {
      if (link)
        self->link_to(sys->mailbox(what));
      else
        self->monitor(sys->mailbox(what));
    },
    [=](const std::string&) { return self->state.events; },
  };
}

} // namespace

void spawn_mailboxes(mailroom::system& sys) {
  sys.spawn("echo", echo);
  sys.spawn("several", several);
  sys.spawn("sum", sum);
  sys.spawn("late", late);
  sys.spawn("dropper", dropper);
  sys.spawn("keeper", keeper);
  sys.spawn("thrower", thrower);
  sys.spawn("blocking-thrower", blocking_thrower);
  sys.spawn("blocking", blocking);
  sys.spawn<caf::detached>("detached", echo);
  sys.spawn("failing", failing);
  sys.spawn("nothing", nothing);
  sys.spawn("quitter", quitter);
  sys.spawn("crasher", thrower);
  sys.spawn("relay", relay, &sys);
  sys.spawn("asker", asker, &sys);
  sys.spawn<caf::detached>("detached-asker", asker, &sys);
  sys.spawn("recorder", recorder);
  sys.spawn("stranger", stranger);
  sys.spawn("correspondent", correspondent, &sys);
  sys.spawn("watcher", watcher, &sys);
  for (auto i = 1; i <= 4; ++i)
    sys.spawn("sleeper-" + std::to_string(i), sleeper);
}

} // namespace test
