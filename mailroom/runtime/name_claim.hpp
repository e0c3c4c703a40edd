#pragma once
// The claim of one process on its name: held by an object that the kernel frees when the process dies, however it dies.

#include <mailroom/runtime/endpoint.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace mailroom {

/// Holds the name until it is destroyed.
class name_claim {
public:
  /// Fails with `name_taken` and the owner's pid, or with `system_error`. What a dead owner left behind is taken over silently.
  static expected<std::unique_ptr<name_claim>> take(const endpoint& where);

  virtual ~name_claim() = default;
};

/// A process that owns a name in the directory.
struct process_info {
  std::string name;
  std::uint32_t pid = 0;
};

/// The processes that own a name now, in no order.
std::vector<process_info> list_processes(const runtime_directory& where);

} // namespace mailroom
