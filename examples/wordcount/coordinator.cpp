#include "coordinator.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace wordcount {

namespace {

/// Enough that a worker never waits for the next chunk while its answer travels.
constexpr int most_in_flight = 3;

/// A worker that hangs is noticed sooner: this is for one that lives and does not get on.
constexpr std::chrono::seconds patience{30};

} // namespace

coordinator::coordinator(caf::actor_config& cfg, mailroom::system& sys, job what,
                         std::shared_ptr<std::promise<outcome>> promised)
  : caf::event_based_actor{cfg},
    job_{std::move(what)},
    promised_{std::move(promised)},
    source_{job_.files, job_.chunk_size} {
  for (auto& name : job_.workers)
    workers_.push_back({name, sys.mailbox(name + "/counter")});
}

caf::behavior coordinator::make_behavior() {
  return {[this](begin) { feed_all(); }};
}

/// Gives each worker as much as it may have.
void coordinator::feed_all() {
  try {
    for (auto& each : workers_)
      feed(each);
    if (in_flight_ == 0)
      finish();
  } catch (const input_error&) {
    fail(std::current_exception());
  }
}

void coordinator::feed(worker& to) {
  while (!to.lost && to.in_flight < most_in_flight) {
    auto part = next_chunk();
    if (!part)
      return;
    auto half_way = 2 * bytes_done_ >= job_.total_bytes || bytes_read_ >= job_.total_bytes;
    if (half_way && job_.half_way)
      std::exchange(job_.half_way, nullptr)(number_of(to));
    ask(to, part);
  }
}

coordinator::chunk_ptr coordinator::next_chunk() {
  if (!again_.empty()) {
    auto result = again_.front();
    again_.pop_front();
    ++outcome_.resent;
    return result;
  }
  auto read = source_.next();
  if (!read)
    return nullptr;
  bytes_read_ += read->text.size();
  return std::make_shared<const chunk>(*std::move(read));
}

void coordinator::ask(worker& to, const chunk_ptr& part) {
  ++to.in_flight;
  ++in_flight_;
  ++outcome_.messages;
  request(to.mailbox, patience, *part)
    .then([this, &to, part](const word_counts& counted) { on_answer(to, *part, counted); },
          [this, &to, part](const caf::error& why) { on_failure(to, part, mailroom::error{why}); });
}

void coordinator::on_answer(worker& from, const chunk& part, const word_counts& counted) {
  --from.in_flight;
  --in_flight_;
  ++outcome_.messages;
  outcome_.words += counted.total;
  for (auto& [word, times] : counted.each)
    outcome_.each[word] += times;
  bytes_done_ += part.text.size();
  job_.on_progress(bytes_done_);
  feed_all();
}

void coordinator::on_failure(worker& from, const chunk_ptr& part, const mailroom::error& why) {
  if (!from.lost)
    lose(from, why);
  last_failure_ = from.name + ": " + why.cause();
  --from.in_flight;
  --in_flight_;
  again_.push_back(part);
  feed_all();
}

void coordinator::lose(worker& gone, const mailroom::error& why) {
  gone.lost = true;
  ++outcome_.lost_workers;
  job_.on_loss(number_of(gone), gone.in_flight, why);
}

std::size_t coordinator::number_of(const worker& one) const {
  return static_cast<std::size_t>(&one - workers_.data());
}

/// Nothing is in flight: either all is done, or nobody is left to do it.
void coordinator::finish() {
  if (std::all_of(workers_.begin(), workers_.end(), [](auto& each) { return each.lost; })) {
    fail(std::make_exception_ptr(std::runtime_error{"no worker is left: " + last_failure_}));
    return;
  }
  promised_->set_value(std::move(outcome_));
  quit();
}

void coordinator::fail(std::exception_ptr why) {
  promised_->set_exception(std::move(why));
  quit();
}

} // namespace wordcount
