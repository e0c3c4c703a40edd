#include "run.hpp"

#include "commentary.hpp"
#include "plain_count.hpp"
#include "team.hpp"

#include "interrupts.hpp"
#include "private_directory.hpp"

#include <fmt/format.h>

namespace wordcount {

namespace {

constexpr auto default_directory = "/usr/share/common-licenses";

job make_job(const options& wanted, const std::vector<std::filesystem::path>& files) {
  job result;
  result.files = files;
  result.total_bytes = total_size(files);
  result.chunk_size = wanted.chunk_size;
  return result;
}

outcome wait_for(std::future<outcome> counted) {
  while (counted.wait_for(std::chrono::milliseconds{20}) != std::future_status::ready)
    if (examples::interrupted())
      throw interruption{};
  return counted.get();
}

/// Has the workers do `work`. Returns what they found, and the seconds that they took.
std::pair<outcome, double> count(const options& wanted, job work) {
  auto settings = wanted.mailroom;
  if (settings.process.empty())
    settings.process = "coordinator";
  // Two runs at once know nothing of each other: each has its endpoints in a directory of its own.
  examples::private_directory directory{"wordcount", settings.directory.empty() ? std::filesystem::temp_directory_path()
                                                                                : settings.directory};
  settings.directory = directory.path();

  team workers{wanted.workers};
  work.workers = workers.names();
  std::optional<std::size_t> killed;
  if (wanted.kill_one)
    work.half_way = [&](std::size_t number) { workers.kill(killed.emplace(number)); };

  commentary user{work.total_bytes, wanted.json};
  work.on_progress = [&](std::uint64_t done) { user.progress(done); };
  work.on_loss = [&](std::size_t number, int in_flight, const mailroom::error& why) {
    auto how = killed == number ? "was killed" : "is lost (" + why.cause() + ")";
    if (!examples::interrupted())
      user.line(
        fmt::format("{} {}: its {} chunks in flight go to the others", workers.names()[number], how, in_flight));
  };

  mailroom::system sys{settings}; // ends before all that its coordinator uses
  auto promised = std::make_shared<std::promise<outcome>>();
  auto counted = promised->get_future();
  auto boss = sys.spawn<coordinator, caf::detached>("coordinator", sys, std::move(work), promised);
  workers.start(settings.process, settings.directory, wanted.mailroom_arguments);
  workers.wait_until_ready(sys);

  auto start = std::chrono::steady_clock::now();
  caf::anon_send(boss, begin{});
  auto found = wait_for(std::move(counted));
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return {std::move(found), took.count()};
}

} // namespace

summary run(const options& wanted) {
  auto files = wanted.files.empty() ? regular_files(default_directory) : wanted.files;
  summary result;
  result.files = files.size();
  result.workers = wanted.workers;
  std::tie(result.counted, result.seconds) = count(wanted, make_job(wanted, files));
  for (auto& each : files) {
    result.expected += plain_count(each);
    if (examples::interrupted())
      throw interruption{};
  }
  return result;
}

} // namespace wordcount
