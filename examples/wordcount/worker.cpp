#include "worker.hpp"

#include "word_counter.hpp"

#include <filesystem>
#include <future>

namespace wordcount {

void run_worker(const mailroom::config& settings, const std::string& coordinator) {
  {
    std::promise<void> over;
    mailroom::system sys{settings};
    sys.spawn("counter", [&](caf::event_based_actor* self) -> caf::behavior {
      self->monitor(sys.mailbox(coordinator + "/coordinator"));
      self->set_down_handler([&](const caf::down_msg&) { over.set_value(); });
      return {[](const chunk& part) { return count_words(part); }};
    });
    over.get_future().wait(); // not `sys.run()`: Ctrl-C is for the coordinator to hear
  }
  std::error_code ignored; // the coordinator and the other workers do the same
  std::filesystem::remove_all(settings.directory, ignored);
}

} // namespace wordcount
