// plugin_host: one program, host and plug-in. Started by a user it is the host, which has a supervisor start it again as each of the plug-ins;
// one of them crashes, one hangs, one eats memory, and the host says what happened and goes on.

#include "host.hpp"
#include "plug_in_process.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

int main(int argc, char** argv) {
  plugin_host::options wanted;
  auto as_plug_in = false;
  CLI::App app{"Runs plug-ins in processes of their own, and outlives them."};
  app.add_flag("--json", wanted.json, "Print one JSON array instead");
  app.add_flag("--as-plug-in", as_plug_in)->group(""); // not for users
  CLI11_PARSE(app, argc, argv);
  try {
    return as_plug_in ? plugin_host::run_plug_in() : plugin_host::run_host(wanted);
  } catch (const std::exception& what) {
    fmt::print(stderr, "plugin_host: {}\n", what.what());
    return 1;
  }
}
