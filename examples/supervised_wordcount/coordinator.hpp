#pragma once
// The coordinator hands chunks to the workers, a few at a time to each, and adds up what they answer. A chunk that a worker takes with it to
// the grave goes to another one, and a worker that has failed gets none until it answers again.

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
  std::vector<std::string> workers;   ///< the names of their processes
  std::chrono::milliseconds lasts{0}; ///< the files are counted again and again for so long

  /// Called once, half-way, with the number of the worker that is about to get a chunk. May be empty.
  std::function<void(std::size_t worker)> half_way;

  /// Called after each answer.
  std::function<void(std::uint64_t bytes_done)> on_progress;

  /// Called when a worker fails, with the chunks that go to others.
  std::function<void(std::size_t worker, int in_flight, const mailroom::error& why)> on_loss;
};

struct outcome {
  std::uint64_t words = 0;
  std::unordered_map<std::string, std::uint64_t> each;
  std::uint64_t rounds = 1;   ///< how often the files were counted
  std::uint64_t resent = 0;   ///< chunks that were requested again
  std::uint64_t messages = 0; ///< requests and their answers
};

class coordinator : public caf::event_based_actor {
public:
  /// Waits for `begin`, then fulfils `promised`: with the outcome, or with an `input_error`. Workers come back for as long as their supervisor
  /// lets them; whoever hears that it does not tells `give_up`, and the promise is broken with its text. Reads files in its handlers: spawn it `caf::detached`.
  coordinator(caf::actor_config& cfg, mailroom::system& sys, job what, std::shared_ptr<std::promise<outcome>> promised);

  caf::behavior make_behavior() override;

private:
  struct worker {
    std::string name;
    caf::actor mailbox;
    int in_flight = 0;
    bool away = false; ///< it has failed, and has not answered since
  };
  using chunk_ptr = std::shared_ptr<const chunk>; // kept until it is answered

  void feed_all();
  void feed(worker& to);
  chunk_ptr next_chunk();
  void ask(worker& to, const chunk_ptr& part);
  void on_answer(worker& from, const chunk& part, const word_counts& counted);
  void on_failure(worker& from, const chunk_ptr& part, const mailroom::error& why);
  void ask_whether_back(worker& gone);
  std::size_t number_of(const worker& one) const;
  bool begin_next_round();
  void finish();
  void fail(std::exception_ptr why);

  job job_;
  std::shared_ptr<std::promise<outcome>> promised_;
  std::vector<worker> workers_;
  chunk_source source_;
  std::deque<chunk_ptr> again_; // chunks of lost workers
  bool all_read_ = false;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_done_ = 0;
  int in_flight_ = 0;
  std::chrono::steady_clock::time_point began_;
  outcome outcome_;
};

} // namespace wordcount
