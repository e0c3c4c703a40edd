#include <mailroom/runtime/dead_letters.hpp>

namespace mailroom {

void dead_letters::add(dead_letter letter) {
  std::uint64_t suppressed = 0;
  if (log_.wants(level::warning) && gate_.open(std::chrono::steady_clock::now(), suppressed))
    log_.warning("dead letter to " + letter.to + " (" + letter.message + "): " + letter.why.cause()
                 + and_more(suppressed));
  std::lock_guard guard{mutex_};
  ++total_;
  ++counts_[letter.why.code()];
  recent_.push_back(std::move(letter));
  if (recent_.size() > remembered)
    recent_.pop_front();
}

std::vector<dead_letter> dead_letters::recent() const {
  std::lock_guard guard{mutex_};
  return {recent_.begin(), recent_.end()};
}

std::map<errc, std::uint64_t> dead_letters::counts() const {
  std::lock_guard guard{mutex_};
  return counts_;
}

std::uint64_t dead_letters::total() const {
  std::lock_guard guard{mutex_};
  return total_;
}

} // namespace mailroom
