#pragma once
// Whether the connections of `pipe` go on through shared memory.

#include <mailroom/runtime/transport.hpp>

namespace mailroom {

struct sharing_policy {
  bool offers = false;  ///< by those that this side opens
  bool accepts = false; ///< by those that the other side opens
  std::chrono::microseconds longest_spin{0};
  notice say; ///< why a connection stays with the pipe alone
};

} // namespace mailroom
