#pragma once
// `copydata`: WM_COPYDATA between hidden windows. For processes of one desktop session that may not, or cannot, open pipes to each other.

#include <mailroom/transports/io_loop_windows.hpp>

#include <mailroom/runtime/transport.hpp>

namespace mailroom {

/// `loop` outlives the transport.
std::unique_ptr<transport> make_copydata(io_loop_windows& loop, const transport_limits& limits, notice say);

} // namespace mailroom
