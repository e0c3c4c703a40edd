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

/// To itself: time to see whether a worker is back.
using look_atom = caf::atom_constant<caf::atom("look")>;

/// Between two looks whether a worker is back.
constexpr std::chrono::milliseconds look_again{5};

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
  return {[this](begin) {
            began_ = std::chrono::steady_clock::now();
            feed_all();
          },
          [this](look_atom, std::size_t number) { ask_whether_back(workers_[number]); },
          [this](const give_up& what) { fail(std::make_exception_ptr(std::runtime_error{what.why})); }};
}

/// Gives each worker as much as it may have.
void coordinator::feed_all() {
  try {
    for (auto& each : workers_)
      feed(each);
    if (in_flight_ == 0 && again_.empty() && all_read_)
      finish();
  } catch (const input_error&) {
    fail(std::current_exception());
  }
}

void coordinator::feed(worker& to) {
  while (!to.away && to.in_flight < most_in_flight) {
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
  if (!read && begin_next_round())
    read = source_.next();
  all_read_ = !read;
  if (all_read_)
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
  if (!from.away) {
    from.away = true;
    job_.on_loss(number_of(from), from.in_flight, why);
    ask_whether_back(from);
  }
  --from.in_flight;
  --in_flight_;
  again_.push_back(part);
  feed_all();
}

/// The handle is bound to the name: what answers is the worker's next life.
void coordinator::ask_whether_back(worker& gone) {
  request(gone.mailbox, patience, chunk{})
    .then(
      [this, &gone](const word_counts&) {
        gone.away = false;
        feed_all();
      },
      [this, &gone](const caf::error&) { delayed_send(this, look_again, look_atom::value, number_of(gone)); });
}

std::size_t coordinator::number_of(const worker& one) const {
  return static_cast<std::size_t>(&one - workers_.data());
}

/// Where there is time for one: the files once more.
bool coordinator::begin_next_round() {
  if (std::chrono::steady_clock::now() - began_ >= job_.lasts)
    return false;
  source_.begin_again();
  ++outcome_.rounds;
  return true;
}

void coordinator::finish() {
  promised_->set_value(std::move(outcome_));
  quit();
}

void coordinator::fail(std::exception_ptr why) {
  promised_->set_exception(std::move(why));
  quit();
}

} // namespace wordcount
