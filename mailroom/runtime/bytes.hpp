#pragma once
// The one type in which encoded bytes are kept and handed on, so that no folder has to convert what another one made.

#include <cstddef>
#include <vector>

namespace mailroom {

/// Bytes as they travel. A plain vector: whoever owns one may keep its capacity for the next message.
using byte_buffer = std::vector<std::byte>;

} // namespace mailroom
