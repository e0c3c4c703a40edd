// Trees of supervisors over several processes, as in programs/tree.cpp, under the faults of the matrix: who is killed takes along all that is below
// it, leaves nothing behind, and is back under its name, once.

#include "world.hpp"

#include <mailroom/actors/supervisor.hpp>

#include <support/deeds.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <thread>

namespace {

using namespace test;

/// A tree in processes of its own, and a system that talks to it.
class forest {
public:
  forest() { std::filesystem::create_directory(notes()); }

  ~forest() {
    tree_.reset();
    sys_.reset();
  }

  void plant() {
    tree_.emplace(programs / "tree", std::vector<std::string>{"top", notes().string()}, directory_.path());
  }

  /// All that is in the tree, which is up when its processes are: what those supervise comes a little later.
  void await_up() {
    auto answers = [&](const char* mailbox) {
      return sys().request<std::string>(mailbox, std::string{"hello"}).has_value();
    };
    REQUIRE(eventually(
      [&] {
        return living().size() == 7 && answers("top/root/ledger") && answers("a1/servant") && answers("b1/root/far");
      },
      60s));
  }

  process& top() { return *tree_; }
  void forget_top() { tree_.reset(); }

  mailroom::system& sys() {
    if (!sys_)
      sys_ = std::make_unique<mailroom::system>(mailroom::config{.process = "tester",
                                                                 .directory = directory_.path(),
                                                                 .log = log_.callback(),
                                                                 .log_level = mailroom::level::debug});
    return *sys_;
  }

  /// The pids of all that ever lived under a name.
  std::vector<std::int64_t> pids(const std::string& name = {}) const {
    std::vector<std::int64_t> result;
    for (auto& each : std::filesystem::directory_iterator{notes()}) {
      auto file = each.path().filename().string();
      auto dash = file.rfind('-');
      if (name.empty() || file.substr(0, dash) == name)
        result.push_back(std::stoll(file.substr(dash + 1)));
    }
    return result;
  }

  /// Those that live.
  std::vector<std::int64_t> living(const std::string& name = {}) const {
    auto result = pids(name);
    std::erase_if(result, [](auto pid) { return !lives(pid); });
    return result;
  }

  /// The one of that name.
  std::int64_t pid(const std::string& name) {
    REQUIRE(eventually([&] { return living(name).size() == 1; }, 30s));
    return living(name).front();
  }

  /// Whether each of the six processes lives.
  bool is_complete() const {
    auto missing = [this](const char* name) { return living(name).empty(); };
    return std::ranges::none_of(std::array{"top", "a", "a1", "foreign", "b", "b1"}, missing);
  }

  /// Whether nothing of it runs, not even what has not come to its note yet.
  bool is_gone() const { return living().empty() && processes_with(directory_.path().string()) == 0; }

  void clear_notes() const {
    for (auto& each : std::filesystem::directory_iterator{notes()})
      std::filesystem::remove(each.path());
  }

private:
  std::filesystem::path notes() const { return directory_.path() / "notes"; }

  temporary_directory directory_;
  log_lines log_;
  std::unique_ptr<mailroom::system> sys_;
  std::optional<process> tree_;
};

/// How many nodes there are below, and how deep.
std::pair<int, int> size_of(const mailroom::tree_node& node) {
  auto count = 0;
  auto depth = 0;
  for (auto& each : node.children) {
    auto [below, levels] = size_of(each);
    count += 1 + below;
    depth = std::max(depth, 1 + levels);
  }
  return {count, depth};
}

constexpr auto gone_within = 3s;

} // namespace

TEST_CASE("a tree over six processes is told whole at its root, and stops in order", "[tree]") {
  forest all;
  all.plant();
  all.await_up();
  auto tree = mailroom::supervision_tree(all.sys(), "top/root");
  INFO((tree ? to_string(*tree) : to_string(tree.error())));
  REQUIRE(tree);
  // a, its root, a1, a2; b, its root, b1, far; ledger
  CHECK(size_of(*tree) == std::pair{9, 3});
  auto answer = all.sys().request<std::string>("b1/root/far", std::string{"hello"});
  REQUIRE(answer);
  CHECK(*answer == "hello");
  REQUIRE(all.sys().send("top/control", "stop"));
  CHECK(all.top().wait_for(30'000) == 0);
  CHECK(eventually([&] { return all.living().empty(); }, gone_within * slowness));
}

TEST_CASE("a supervisor that is killed at any moment leaves nothing running and nothing behind", "[tree]") {
  forest all;
  auto cut_down = [&] {
    all.top().kill();
    all.top().wait();
    REQUIRE(eventually([&] { return all.is_gone(); }, gone_within * slowness));
    all.clear_notes();
  };
  auto begin = clock::now();
  all.plant();
  all.await_up();
  auto longest = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin);
  cut_down();
  std::mt19937 random{std::random_device{}()};
  auto complete = 0;
  for (int round = 0, count = rounds(20, 200); round < count || complete == 0; ++round) {
    if (round >= count) // the machine has become busier since
      longest *= 2;
    CAPTURE(round, longest.count());
    REQUIRE(longest < 60s);
    all.plant();
    // from the first moments of the first process to a tree that is up
    std::uniform_int_distribution<std::int64_t> moment{0, longest.count()};
    std::this_thread::sleep_for(std::chrono::microseconds{moment(random)});
    complete += all.is_complete() ? 1 : 0;
    cut_down();
  }
  // the next start meets nothing that would stop it
  all.plant();
  all.await_up();
}

TEST_CASE("a tree whose root was killed can be started again that very moment", "[tree]") {
  forest all;
  for (int round = 0, count = rounds(5, 50); round < count; ++round) {
    all.plant();
    all.await_up();
    all.top().kill();
    all.top().wait();
  }
  all.plant();
  all.await_up();
}

TEST_CASE("row 1: who asks a process of a tree that is killed hears of it, and is served by its next life",
          "[tree][faults]") {
  forest all;
  all.plant();
  all.await_up();
  auto& sys = all.sys();
  auto victim = all.pid("b1");
  auto pending =
    sys.request_future<std::string>("b1/servant", mailroom::call_options{.timeout = 30s}, std::string{"dawdle"});
  REQUIRE(sys.request<std::string>("b1/root/far", std::string{"behind it"})); // so the first has arrived
  kill(victim);
  auto outcome = pending.get();
  CHECK(failure_of(outcome).code() == errc::process_down);
  CHECK(eventually([&] { return sys.request<std::string>("b1/servant", std::string{"again"}).has_value(); }, 30s));
  CHECK(all.pid("b1") != victim);
  // and the actor that another process's supervisor had there is back under its address
  CHECK(eventually([&] { return sys.request<std::string>("b1/root/far", std::string{"you too"}).has_value(); }, 30s));
}

TEST_CASE("row 3: a branch that is killed takes its processes along and comes back whole, each once",
          "[tree][faults]") {
  forest all;
  all.plant();
  all.await_up();
  auto handle = all.sys().mailbox("a1/servant");
  for (int round = 0; round < 3; ++round) {
    auto before = all.pid("a1");
    auto outside = all.pid("descendant");
    std::atomic<bool> watching{true};
    std::atomic<std::size_t> most{0};
    std::thread watcher{[&] {
      while (watching) {
        for (auto* name : {"a", "a1", "a2", "b", "b1"})
          most = std::max<std::size_t>(most, all.living(name).size());
        std::this_thread::sleep_for(2ms); // between two looks
      }
    }};
    kill(all.pid("a"));
    CHECK(eventually([&] { return !lives(before) && !lives(outside); }, gone_within * slowness));
    CHECK(
      eventually([&] { return all.sys().request<std::string>("a1/servant", std::string{"again"}).has_value(); }, 30s));
    watching = false;
    watcher.join();
    CHECK(most == 1);
    CHECK(all.pid("a1") != before);
    CHECK(
      eventually([&] { return all.sys().request<std::string>("b1/root/far", std::string{"ready"}).has_value(); }, 30s));
  }
}

TEST_CASE("row 19: a process that crashes and crashes is restarted by the rules, and one deaf to shutdown is killed "
          "after its grace",
          "[tree][faults]") {
  temporary_directory directory;
  log_lines log;
  mailroom::system sys{mailroom::config{
    .process = "tester", .directory = directory.path(), .log = log.callback(), .log_level = mailroom::level::debug}};
  std::atomic<int> births{0};
  std::promise<mailroom::error> gave_up;
  auto up = mailroom::supervise(
    sys, "root",
    {.intensity = 4,
     .period = 60s,
     .children = {mailroom::process_child(
       "looper", {.program = programs / "child", .arguments = {"exit", "7"}, .speaks_mailroom = false})},
     .on_give_up = [&](const mailroom::error& why) { gave_up.set_value(why); },
     .on_event =
       [&](const mailroom::supervision_event& event) {
         if (event.what == mailroom::supervision::up)
           ++births;
       }});
  REQUIRE(up);
  auto why = gave_up.get_future();
  REQUIRE(why.wait_for(30s) == std::future_status::ready);
  auto text = to_string(why.get());
  CAPTURE(text);
  CHECK(text.find("more than 4 restarts") != std::string::npos);
  CHECK(text.find("exited with code 7") != std::string::npos);
  CHECK(births == 5);

  REQUIRE(eventually([&] {
    return mailroom::supervise(
             sys, "deaf-one",
             {.children = {mailroom::process_child("deaf", {.program = programs / "child",
                                                            .arguments = {"deaf", "print", "no ears", "sleep", "600"},
                                                            .speaks_mailroom = false})
                             .with({.shutdown = mailroom::shutdown::within(200ms)})}})
      .has_value();
  }));
  REQUIRE(eventually([&] { return log.count("no ears") == 1; }, 30s));
  auto begin = clock::now();
  REQUIRE(mailroom::terminate_child(sys, "deaf-one", "deaf"));
  if (children_can_be_asked()) // else it is killed at once
    CHECK(clock::now() - begin >= 200ms);
  auto children = mailroom::which_children(sys, "deaf-one");
  REQUIRE(children);
  CHECK(children->front().phase == mailroom::child_phase::stopped);
}
