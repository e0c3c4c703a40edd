// The contenders of a POSIX system.

#include "contender.hpp"

namespace bench {

const std::vector<contender>& contenders() {
  static const std::vector<contender> result = [] {
    std::vector<contender> all{bare_socket()};
    for (auto& each : mailroom_contenders({{mailroom::transport_kind::pipe, "over a Unix stream socket"},
                                           {mailroom::transport_kind::shared_memory, "through shared memory"}}))
      all.push_back(each);
    all.push_back(scoped_actor());
#ifdef MAILROOM_BENCH_BASP
    all.push_back(basp());
#endif
#ifdef MAILROOM_BENCH_PEERS
    all.push_back(zeromq());
    all.push_back(sd_bus_direct());
    all.push_back(grpc_unix());
#endif
    return all;
  }();
  return result;
}

} // namespace bench
