// A tree of supervisors of depth three over six processes, each of which is this program:
//
//   top/root   a (process)   a/root   a1 (process, speaks mailroom)
//                                     a2 (process, does not)          with a descendant that it leaves to itself
//              b (process)   b/root   b1 (process)
//                                     far (an actor of b1's making)
//              ledger (actor)
//
//   tree top|branch|leaf|foreign|descendant DIRECTORY [deaf]
//
// Each process makes an empty file NAME-PID in the directory as the first thing that it does.

#include <mailroom/actors/factory.hpp>
#include <mailroom/mailroom.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <support/deeds.hpp>
#include <support/messages.hpp>
#include <support/process.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// Answers, ends for want of what it was asked, or takes its time.
caf::behavior servant(caf::event_based_actor* self) {
  return {[self](const std::string& what) -> std::string {
    if (what == "crash")
      std::abort();
    if (what == "quit")
      self->quit(caf::sec::runtime_error);
    if (what == "dawdle")
      std::this_thread::sleep_for(1h); // so that a request is open when the process is killed
    return what;
  }};
}

mailroom::child_spec process(const std::string& id, std::vector<std::string> arguments, bool speaks = true) {
  return mailroom::process_child(id, {.program = test::running_program(),
                                      .arguments = std::move(arguments),
                                      .output = mailroom::child_output::inherited,
                                      .speaks_mailroom = speaks});
}

mailroom::supervisor_spec spec_of(const std::string& name, const std::string& directory) {
  mailroom::supervisor_spec result{.strategy = mailroom::strategy::rest_for_one, .intensity = 1000};
  if (name == "top")
    result.children = {process("a", {"branch", directory}), process("b", {"branch", directory}),
                       mailroom::actor_child("ledger", servant)};
  else if (name == "a")
    result.children = {process("a1", {"leaf", directory}), process("a2", {"foreign", directory}, false)};
  else
    result.children = {process("b1", {"leaf", directory}), mailroom::remote_child("far", "b1", "servant")};
  return result;
}

template <class T> void must(const mailroom::expected<T>& result) {
  if (!result)
    throw mailroom::failure{result.error()};
}

void serve(const std::string& role, const std::string& directory) {
  mailroom::config settings;
  settings.log_level = mailroom::level::error;
  if (role == "top")
    settings.process = "top";
  mailroom::system sys{settings};
  sys.spawn("servant", servant);
  sys.spawn("control",
            [&sys](caf::event_based_actor*) -> caf::behavior { return {[&sys](const std::string&) { sys.stop(); }}; });
  if (role == "leaf")
    must(mailroom::offer(sys, "servant", servant));
  else
    must(mailroom::supervise(sys, "root", spec_of(sys.process(), directory)));
  sys.run();
}

} // namespace

int main(int argc, char* argv[]) {
  auto arguments = test::own_arguments(argc, argv);
  auto role = arguments.at(0);
  auto directory = arguments.at(1);
  auto* given = std::getenv("MAILROOM_PROCESS");
  auto name = role == "branch" || role == "leaf" ? std::string{given} : role;
  std::ofstream{directory + "/" + name + "-" + std::to_string(mailroom::this_process_id())};
  try {
    if (role == "foreign") {
      test::start_descendant({"descendant", directory});
      test::ignore_requests_to_end();
    }
    if (role == "foreign" || role == "descendant")
      std::this_thread::sleep_for(10min); // until somebody kills it, which is what they are for
    else
      serve(role, directory);
  } catch (const mailroom::failure& what) {
    std::cerr << name << ": " << what.what() << '\n';
    return 3;
  }
}
