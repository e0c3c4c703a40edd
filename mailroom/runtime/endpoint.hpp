#pragma once
// Where a process can be reached: its name within one runtime directory.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/runtime_directory.hpp>

#include <memory>

namespace mailroom {

struct endpoint {
  std::shared_ptr<const runtime_directory> directory;
  process_name process;
};

} // namespace mailroom
