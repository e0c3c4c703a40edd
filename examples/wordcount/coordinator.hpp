#pragma once
// The coordinator hands chunks to the workers, a few at a time to each, and adds up what they answer. A chunk that a worker takes with it to
// the grave goes to another one; a worker that has failed once gets no more.

#include "input_files.hpp"
#include "messages.hpp"

#include <mailroom/mailroom.hpp>

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <unordered_map>

namespace wordcount {

struct job {
  std::vector<std::filesystem::path> files;
  std::uint64_t total_bytes = 0;
  std::size_t chunk_size = 0;
  std::vector<std::string> workers; ///< the names of their processes

  /// Called once, half-way, with the number of the worker that is about to get a chunk. May be empty.
  std::function<void(std::size_t worker)> half_way;

  /// Called after each answer.
  std::function<void(std::uint64_t bytes_done)> on_progress;

  /// Called once for each worker that is lost.
  std::function<void(std::size_t worker, int in_flight, const mailroom::error& why)> on_loss;
};

struct outcome {
  std::uint64_t words = 0;
  std::unordered_map<std::string, std::uint64_t> each;
  std::uint64_t lost_workers = 0;
  std::uint64_t resent = 0;   ///< chunks that were requested again
  std::uint64_t messages = 0; ///< requests and their answers
};

class coordinator : public caf::event_based_actor {
public:
  /// Waits for `begin`, then fulfils `promised`: with the outcome, or with an `input_error`, or with a `std::runtime_error` when no worker
  /// is left. Reads files in its handlers: spawn it `caf::detached`.
  coordinator(caf::actor_config& cfg, mailroom::system& sys, job what, std::shared_ptr<std::promise<outcome>> promised);

  caf::behavior make_behavior() override;

private:
  struct worker {
    std::string name;
    caf::actor mailbox;
    int in_flight = 0;
    bool lost = false;
  };
  using chunk_ptr = std::shared_ptr<const chunk>; // kept until it is answered

  void feed_all();
  void feed(worker& to);
  chunk_ptr next_chunk();
  void ask(worker& to, const chunk_ptr& part);
  void on_answer(worker& from, const chunk& part, const word_counts& counted);
  void on_failure(worker& from, const chunk_ptr& part, const mailroom::error& why);
  void lose(worker& gone, const mailroom::error& why);
  std::size_t number_of(const worker& one) const;
  void finish();
  void fail(std::exception_ptr why);

  job job_;
  std::shared_ptr<std::promise<outcome>> promised_;
  std::vector<worker> workers_;
  chunk_source source_;
  std::deque<chunk_ptr> again_; // chunks of lost workers
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_done_ = 0;
  int in_flight_ = 0;
  std::string last_failure_;
  outcome outcome_;
};

} // namespace wordcount
