#pragma once
// One run from beginning to end: a directory for its endpoints, the workers, the coordinator, and a count of its own to compare with.

#include "options.hpp"
#include "report.hpp"

namespace wordcount {

/// Thrown where the user has interrupted the run.
struct interruption {};

/// No process, and nothing in the file system, is left of the run when this returns or throws: `interruption`, `input_error`, or another
/// `std::exception`.
summary run(const options& wanted);

} // namespace wordcount
