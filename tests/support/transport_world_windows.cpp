#include <support/transport_world.hpp>

#include <mailroom/transports/copydata_windows.hpp>
#include <mailroom/transports/memory.hpp>
#include <mailroom/transports/pipe_windows.hpp>

namespace test {

std::unique_ptr<mailroom::transport> make_transport(mailroom::transport_kind kind, mailroom::io_loop& loop,
                                                    const mailroom::transport_limits& limits, mailroom::notice say) {
  if (kind == mailroom::transport_kind::memory)
    return mailroom::make_memory(loop, limits);
  if (kind == mailroom::transport_kind::copydata)
    return mailroom::make_copydata(static_cast<mailroom::io_loop_windows&>(loop), limits, std::move(say));
  if (kind == mailroom::transport_kind::shared_memory)
    return mailroom::make_shared_memory(static_cast<mailroom::io_loop_windows&>(loop), limits, std::move(say), 20us);
  return mailroom::make_pipe(static_cast<mailroom::io_loop_windows&>(loop), limits, std::move(say));
}

} // namespace test
