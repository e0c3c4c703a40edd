#pragma once
// A worker process: it counts the words of one chunk per request, for as long as there is a coordinator.

#include <mailroom/mailroom.hpp>

#include <string>

namespace wordcount {

/// Returns when the process `coordinator` or its mailbox is gone, and so the run is over. Removes `settings.directory` then, since a
/// coordinator that was killed cannot.
void run_worker(const mailroom::config& settings, const std::string& coordinator);

} // namespace wordcount
