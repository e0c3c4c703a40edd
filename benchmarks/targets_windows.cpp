#include "results.hpp"

namespace bench {

const std::vector<target>& targets() {
  using enum target::measure;
  static const std::vector<target> result{
    {"request 64 B", "mailroom/pipe", ratio_at_most, 2},
    {"request 64 B", "mailroom/copydata", ratio_at_most, 2.5, "bare WM_COPYDATA"},
    {"request 64 B", "mailroom/local", ratio_at_most, 1, "CAF scoped_actor"},
  };
  return result;
}

} // namespace bench
