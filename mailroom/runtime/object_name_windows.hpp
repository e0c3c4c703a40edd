#pragma once
// What the system's objects of a process are called. Windows folds upper and lower case in the names of files and objects, so an upper-case letter
// of a process name is written as `+` and the lower-case one: `Bank` becomes `+bank`. Objects that do not live in the runtime
// directory have it in their names, as a hash of its path.

#include <mailroom/runtime/endpoint.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace mailroom {

/// As in `\\.\pipe\mailroom-0123456789abcdef-bank`.
std::string pipe_name(const endpoint& where);

/// Within the runtime directory, as in `bank.lock`.
std::string lock_file_name(const process_name& name);

/// The process whose lock file has that name, if it is one.
std::optional<process_name> process_of_lock_file(std::string_view file);

} // namespace mailroom
