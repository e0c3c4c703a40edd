#pragma once
// The process that a plug-in runs in. The supervisor has put its name into the environment.

namespace plugin_host {

/// Loads the plug-in that the process is named after, and serves the host until that says stop. The exit code.
int run_plug_in();

} // namespace plugin_host
