#include "run.hpp"

#include "commentary.hpp"
#include "plain_count.hpp"
#include "team.hpp"

#include "interrupts.hpp"
#include "private_directory.hpp"

#include <atomic>
#include <fmt/format.h>
#include <random>

namespace wordcount {

namespace {

constexpr auto default_directory = "/usr/share/common-licenses";
constexpr std::chrono::milliseconds between_kills{200};

/// Kills a random worker every now and then, where that is wanted.
class chaos {
public:
  chaos(bool wanted, team& workers, std::atomic<std::uint64_t>& killed)
    : wanted_{wanted}, workers_{workers}, killed_{killed} {}

  /// From time to time.
  void look_at_clock() {
    if (!wanted_ || std::chrono::steady_clock::now() < next_)
      return;
    std::uniform_int_distribution<std::size_t> any{0, workers_.names().size() - 1};
    if (!workers_.kill(any(random_)))
      return; // dead already: another one, in a moment
    ++killed_;
    next_ += between_kills;
  }

private:
  bool wanted_;
  team& workers_;
  std::atomic<std::uint64_t>& killed_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + between_kills;
  std::mt19937 random_{std::random_device{}()};
};

/// What becomes of the workers, for whoever watches and for the report.
class life_story {
public:
  explicit life_story(commentary& user) : user_{user} {}

  void tell(const mailroom::supervision_event& event) {
    auto took = std::chrono::duration<double, std::milli>{event.took}.count();
    if (event.what == mailroom::supervision::ended && event.why)
      user_.line(fmt::format("{} died: {}", event.child, event.why->cause()));
    else if (event.what == mailroom::supervision::up && event.restarts > 0) {
      ++reborn_;
      slowest_ms_ = std::max(slowest_ms_.load(), took); // one supervisor, one thread
      user_.line(fmt::format("{} is back after {:.1f} ms", event.child, took));
    }
  }

  std::uint64_t reborn() const noexcept { return reborn_; }
  double slowest_ms() const noexcept { return slowest_ms_; }

private:
  commentary& user_;
  std::atomic<std::uint64_t> reborn_{0};
  std::atomic<double> slowest_ms_{0};
};

job make_job(const options& wanted, const std::vector<std::filesystem::path>& files) {
  job result;
  result.files = files;
  result.total_bytes = total_size(files);
  result.chunk_size = wanted.chunk_size;
  result.lasts = wanted.lasts;
  return result;
}

outcome wait_for(std::future<outcome> counted, chaos& trouble) {
  while (counted.wait_for(std::chrono::milliseconds{10}) != std::future_status::ready) {
    if (examples::interrupted())
      throw interruption{};
    trouble.look_at_clock();
  }
  return counted.get();
}

/// Has the workers do `work`, and notes in `result` what came of it.
void count(const options& wanted, job work, summary& result) {
  auto settings = wanted.mailroom;
  if (settings.process.empty())
    settings.process = "coordinator";
  // Two runs at once know nothing of each other: each has its endpoints in a directory of its own.
  examples::private_directory directory{"wordcount", settings.directory.empty() ? std::filesystem::temp_directory_path()
                                                                                : settings.directory};
  settings.directory = directory.path();

  commentary user{work.total_bytes, wanted.json};
  life_story story{user};
  std::atomic<std::uint64_t> killed{0};
  team workers{wanted.workers, [&](const mailroom::supervision_event& event) {
                 if (!examples::interrupted())
                   story.tell(event);
               }};
  work.workers = workers.names();
  if (wanted.kill_one)
    work.half_way = [&](std::size_t number) { killed += workers.kill(number) ? 1 : 0; };
  work.on_progress = [&](std::uint64_t done) { user.progress(done); };
  work.on_loss = [&](std::size_t number, int in_flight, const mailroom::error&) {
    if (!examples::interrupted())
      user.line(fmt::format("{}: its {} chunks in flight go to the others", workers.names()[number], in_flight));
  };

  mailroom::system sys{settings}; // ends before all that its actors use
  auto promised = std::make_shared<std::promise<outcome>>();
  auto counted = promised->get_future();
  auto boss = sys.spawn<coordinator, caf::detached>("coordinator", sys, std::move(work), promised);
  workers.start(sys, wanted.mailroom_arguments,
                [boss](const mailroom::error& why) { caf::anon_send(boss, give_up{to_string(why)}); });

  auto start = std::chrono::steady_clock::now();
  caf::anon_send(boss, begin{});
  chaos trouble{wanted.chaos, workers, killed};
  result.counted = wait_for(std::move(counted), trouble);
  result.seconds = std::chrono::duration<double>{std::chrono::steady_clock::now() - start}.count();
  result.killed = killed;
  result.reborn = story.reborn();
  result.slowest_rebirth_ms = story.slowest_ms();
}

} // namespace

summary run(const options& wanted) {
  auto files = wanted.files.empty() ? regular_files(default_directory) : wanted.files;
  summary result;
  result.files = files.size();
  result.workers = wanted.workers;
  count(wanted, make_job(wanted, files), result);
  for (auto& each : files) {
    result.expected += plain_count(each);
    if (examples::interrupted())
      throw interruption{};
  }
  result.expected *= result.counted.rounds;
  return result;
}

} // namespace wordcount
