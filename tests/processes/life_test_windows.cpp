// The console events that end a process.

#include <processes/world.hpp>

#include <windows.h>

using namespace test;

TEST_CASE("run returns on Ctrl-C, Ctrl-Break and stop", "[life]") {
  temporary_directory directory;
  for (auto event : {static_cast<int>(CTRL_C_EVENT), static_cast<int>(CTRL_BREAK_EVENT), -1}) {
    if (event >= 0 && ::GetConsoleCP() == 0) {
      WARN("no console: its events are not tried");
      continue;
    }
    mailroom::system sys{{.process = "running", .directory = directory.path()}};
    std::thread other{[&] {
      std::this_thread::sleep_for(200ms); // a handler is set while `run` waits, and nobody can ask for it
      if (event >= 0)
        ::GenerateConsoleCtrlEvent(static_cast<DWORD>(event), 0);
      else
        sys.stop();
    }};
    sys.run();
    other.join();
  }
}
