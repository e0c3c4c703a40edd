#include "team.hpp"

#include "messages.hpp"

#include "interrupts.hpp"

#include <thread>

namespace wordcount {

namespace {

constexpr std::chrono::seconds start_takes_at_most{10};
constexpr std::chrono::milliseconds look_again{100};

/// Whether the worker's counter answers. A process can be reached a moment before its mailboxes have their names.
mailroom::expected<void> reach(mailroom::system& sys, const std::string& name) {
  if (auto up = sys.wait_for(name, look_again); !up)
    return up;
  if (auto answer = sys.request<word_counts>(name + "/counter", chunk{}); !answer)
    return tl::unexpected{answer.error()};
  return {};
}

bool may_come(const mailroom::error& why) {
  return why.code() == mailroom::errc::no_such_process || why.code() == mailroom::errc::no_such_mailbox;
}

} // namespace

team::team(std::size_t workers) {
  for (std::size_t number = 1; number <= workers; ++number)
    names_.push_back("worker-" + std::to_string(number));
}

team::~team() {
  for (auto& each : processes_) // all at once; their destructors wait
    each.terminate();
}

void team::start(const std::string& coordinator, const std::filesystem::path& directory,
                 const std::vector<std::string>& arguments) {
  for (auto& name : names_) {
    auto all = arguments;
    all.insert(all.end(), {"--as-worker", name, coordinator, directory.string()});
    processes_.emplace_back(examples::this_program(), all);
  }
}

void team::wait_until_ready(mailroom::system& sys) {
  auto deadline = std::chrono::steady_clock::now() + start_takes_at_most;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    for (;;) {
      auto reached = reach(sys, names_[i]);
      if (reached || examples::interrupted())
        break;
      auto hope = may_come(reached.error()) && processes_[i].running() && std::chrono::steady_clock::now() < deadline;
      if (!hope)
        throw mailroom::failure{reached.error()};
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
}

} // namespace wordcount
