#include "plug_in_process.hpp"

#include "plug_in.hpp"

#include <mailroom/mailroom.hpp>

#include <fmt/format.h>

namespace plugin_host {

int run_plug_in() {
  mailroom::system sys;
  auto* loaded = find_plug_in(sys.process());
  if (loaded == nullptr) {
    fmt::print(stderr, "plugin_host: no plug-in \"{}\"\n", sys.process());
    return 2;
  }
  sys.spawn("plug-in", [loaded](caf::event_based_actor*) -> caf::behavior {
    return {[loaded](const input& what) { return loaded->handle(what.text); }};
  });
  sys.run();
  return 0;
}

} // namespace plugin_host
