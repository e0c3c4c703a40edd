#pragma once
// The host: a supervisor with a child process for each plug-in. It asks them this and that, and goes on whatever becomes of them.

namespace plugin_host {

/// What the user asked for.
struct options {
  bool json = false;
};

/// Runs the story and tells it. The exit code: 0 where every plug-in was well again at the end.
int run_host(const options& wanted);

} // namespace plugin_host
