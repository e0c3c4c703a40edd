// A program with children in its care, each a tree of processes, which it starts again when they end. Tests kill it.
//
//   owner trees CHILD DIRECTORY   three of `CHILD tree 2 DIRECTORY`, each killed by us after a while
//   owner forked CHILD DIRECTORY  one of `CHILD tree 1 DIRECTORY`, and an heir that has what it can have of ours
//   owner inherited CHILD TEXT    a child that prints TEXT and an error where our output goes; returns when it has ended

#include <mailroom/actors/child_process.hpp>
#include <support/process.hpp>

#include <chrono>
#include <future>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// Starts a tree, and another one when that has ended.
void keep_up(mailroom::process_keeper& keeper, const std::string& program, const std::string& directory) {
  mailroom::process_spec what{.program = program, .arguments = {"tree", "2", directory}};
  keeper.start(what, {.on_exit = [&keeper, program, directory](auto&&) { keep_up(keeper, program, directory); }});
}

int be_killed(const std::string& program, const std::string& directory) {
  mailroom::process_keeper keeper;
  for (auto i = 0; i < 3; ++i)
    keep_up(keeper, program, directory);
  for (;;) { // one that does not last
    std::promise<void> ended;
    mailroom::process_spec what{.program = program, .arguments = {"tree", "1", directory}};
    auto child = keeper.start(what, {.on_exit = [&](auto&&) { ended.set_value(); }});
    std::this_thread::sleep_for(30ms); // its whole life
    child->kill();
    ended.get_future().wait();
  }
}

int leave_an_heir(const std::string& program, const std::string& directory) {
  mailroom::process_keeper keeper;
  std::promise<void> started;
  mailroom::process_spec what{.program = program, .arguments = {"tree", "1", directory}};
  keeper.start(what, {.on_started = [&](std::uint32_t) { started.set_value(); }});
  started.get_future().wait();
  test::start_heir(10);
  std::this_thread::sleep_for(60s); // until it is killed
  return 0;
}

int hand_down_output(const std::string& program, const std::string& text) {
  mailroom::process_keeper keeper;
  std::promise<int> ended;
  mailroom::process_spec what{
    .program = program, .arguments = {"print", text, "error", text}, .output = mailroom::child_output::inherited};
  keeper.start(what, {.on_exit = [&](auto&& how) { ended.set_value(how ? how->code : 1); }});
  return ended.get_future().get();
}

} // namespace

int main(int argc, char* argv[]) {
  if (argc < 4)
    return 2;
  std::string_view what{argv[1]};
  return what == "trees"    ? be_killed(argv[2], argv[3])
         : what == "forked" ? leave_an_heir(argv[2], argv[3])
                            : hand_down_output(argv[2], argv[3]);
}
