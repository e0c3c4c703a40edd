#pragma once
// `memory`: two ends in one process, for several systems in it. The plainest implementation of the transport contract.

#include <mailroom/runtime/transport.hpp>

namespace mailroom {

std::unique_ptr<transport> make_memory(io_loop& loop, const transport_limits& limits);

} // namespace mailroom
