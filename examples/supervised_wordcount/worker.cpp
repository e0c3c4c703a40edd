#include "worker.hpp"

#include "word_counter.hpp"

namespace wordcount {

void run_worker(const mailroom::config& settings) {
  mailroom::system sys{settings};
  sys.spawn("counter", [](caf::event_based_actor*) -> caf::behavior {
    return {[](const chunk& part) { return count_words(part); }};
  });
  sys.run();
}

} // namespace wordcount
