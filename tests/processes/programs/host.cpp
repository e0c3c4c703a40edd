// A process with all the test mailboxes, and one more by which tests make it do what processes do: exit, crash, leave a child behind.
//
//   host NAME [KEY=VALUE...]     options as in mailroom::set_option
//   host --heir SECONDS          the child that is left behind, where the system has no fork

#include <support/mailboxes.hpp>

#include <mailroom/runtime/this_process.hpp>

#include <support/process.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>

namespace {

caf::behavior control(caf::event_based_actor* self, mailroom::system* sys) {
  return {
    [=](const std::string& what, std::int32_t argument) -> caf::result<std::int64_t> {
      if (what == "exit")
        std::_Exit(argument);
      if (what == "signal")
        std::raise(argument);
      if (what == "pid")
        return std::int64_t{mailroom::this_process_id()};
      if (what == "stop")
        sys->stop();
      if (what == "sleep") {
        auto begun = self->make_response_promise<std::int64_t>();
        begun.deliver(std::int64_t{0});
        std::this_thread::sleep_for(std::chrono::seconds{argument}); // a handler that does not return
        return begun;
      }
      if (what == "heir")
        return test::start_heir(argument);
      if (what == "end-mailbox")
        self->send_exit(sys->mailbox("echo"), caf::exit_reason::user_shutdown);
      if (what == "handled")
        return static_cast<std::int64_t>(sys->statistics().handled);
      return std::int64_t{0};
    },
    [=](const std::string&) {
      auto s = sys->statistics();
      return std::vector<std::uint64_t>{s.sent, s.handled, s.rejected, s.dead, s.late, s.protocol_errors};
    },
  };
}

} // namespace

int main(int argc, char* argv[]) {
  if (argc == 3 && std::string_view{argv[1]} == "--heir") {
    std::this_thread::sleep_for(std::chrono::seconds{std::atoi(argv[2])}); // it only has to be there
    return 0;
  }
  mailroom::config settings;
  settings.process = argc > 1 ? argv[1] : "host";
  settings.log_level = mailroom::level::error;
  for (auto i = 2; i < argc; ++i) {
    std::string_view option{argv[i]};
    auto equals = option.find('=');
    if (auto set = mailroom::set_option(settings, option.substr(0, equals), option.substr(equals + 1)); !set) {
      std::cerr << to_string(set.error()) << '\n';
      return 2;
    }
  }
  try {
    mailroom::system sys{settings};
    test::spawn_mailboxes(sys);
    sys.spawn("control", control, &sys);
    sys.run();
  } catch (const mailroom::failure& what) {
    std::cerr << what.what() << '\n';
    return 3;
  }
}
