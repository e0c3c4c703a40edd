// The contenders of a Windows system.

#include "contender.hpp"

namespace bench {

const std::vector<contender>& contenders() {
  static const std::vector<contender> result = [] {
    std::vector<contender> all{bare_pipe(), bare_copydata()};
    for (auto& each : mailroom_contenders({{mailroom::transport_kind::pipe, "over a named pipe"},
                                           {mailroom::transport_kind::shared_memory, "through shared memory"},
                                           {mailroom::transport_kind::copydata, "by WM_COPYDATA"}}))
      all.push_back(each);
    all.push_back(scoped_actor());
    return all;
  }();
  return result;
}

} // namespace bench
