#include "results.hpp"

namespace bench {

const std::vector<target>& targets() {
  using enum target::measure;
  static const std::vector<target> result = [] {
    const std::string pipe = "mailroom/pipe";
    const std::string shared = "mailroom/shared_memory";
    std::vector<target> all{
      {"request 64 B", pipe, ratio_at_most, 1.5},
      {"request 1 KiB", pipe, ratio_at_most, 1.5},
      {"request 64 KiB", pipe, ratio_at_most, 1.3},
      {"request 1 MiB", pipe, ratio_at_most, 1.3},
      {"request 64 B after 50 ms", pipe, ratio_at_most, 1.6},
      {"one way 64 B", pipe, ratio_at_least, 2.5},
      {"one way 1 MiB", pipe, ratio_at_least, 0.8},
      {"request 64 B", shared, ratio_at_most, 0.5},
      {"request 1 KiB", shared, ratio_at_most, 0.5},
      {"request 64 KiB", shared, ratio_at_most, 0.7},
      {"request 1 MiB", shared, ratio_at_most, 0.8},
      {"request 64 B after 50 ms", shared, ratio_at_most, 1.6},
      {"one way 64 B", shared, ratio_at_least, 3},
      {"one way 1 MiB", shared, ratio_at_least, 2},
      {"request 64 B", pipe + ", actor", ratio_at_most, 2},
      {"request 64 B", "mailroom/local", ratio_at_most, 1, "CAF scoped_actor"},
    };
    for (auto& each : scenarios())
      if (each.what == flow::request)
        for (auto& over : {pipe, shared})
          all.push_back({each.name, over, p99_ratio_at_most, 2});
    return all;
  }();
  return result;
}

} // namespace bench
