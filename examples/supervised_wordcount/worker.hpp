#pragma once
// A worker counts the words of whatever chunk it is sent.

#include <mailroom/mailroom.hpp>

namespace wordcount {

/// Works until its supervisor says that it is over.
void run_worker(const mailroom::config& settings);

} // namespace wordcount
