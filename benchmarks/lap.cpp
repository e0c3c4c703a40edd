#include "lap.hpp"

#include "allocations.hpp"
#include "machine.hpp"
#include "peer.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Before the clock runs: connections, caches, the threshold above which malloc asks the kernel.
constexpr double warm_up_share = 0.15;
constexpr std::size_t least_warm_up = 20;

/// However few samples there are by then.
constexpr std::chrono::seconds longest_lap{10};

constexpr milliseconds patience_with_start{20'000};
constexpr milliseconds patience_with_end{20'000};
constexpr milliseconds patience_with_lap{120'000};

/// The nearest-rank percentile; reorders `samples`.
double percentile(std::vector<clock::duration>& samples, double share) {
  auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(samples.size()))) - 1;
  auto at = samples.begin() + std::max<std::ptrdiff_t>(rank, 0);
  std::nth_element(samples.begin(), at, samples.end());
  return std::chrono::duration<double, std::micro>{*at}.count();
}

std::vector<clock::duration> time_requests(caller& end, const scenario& what, std::chrono::duration<double> length,
                                           std::size_t least) {
  std::vector<clock::duration> samples;
  samples.reserve(std::size_t{1} << 18);
  constexpr std::size_t between_looks = 10;
  auto longest = longest_lap + 2 * least * what.silence;
  auto begin = clock::now();
  for (auto now = begin; (now - begin < length || samples.size() < least) && now - begin < longest; now = clock::now())
    end.time_requests(std::min(between_looks, std::max<std::size_t>(least, 1)), what.silence, what.payload, samples);
  return samples;
}

/// In both processes, where the other one can tell.
class both_allocations {
public:
  explicit both_allocations(caller& end) : there_{end.allocations_there()} {}

  void write_to(lap_result& result, caller& end) const {
    auto samples = static_cast<double>(result.samples);
    result.allocations = static_cast<double>(here_.sum()) / samples;
    if (there_)
      result.allocations_there = static_cast<double>(*end.allocations_there() - *there_) / samples;
  }

private:
  std::optional<std::uint64_t> there_;
  allocation_count here_; // last: what asking costs is not in it
};

lap_result measure_requests(caller& end, const scenario& what, const lap_plan& plan) {
  if (end.request() != payload_of(what))
    throw std::runtime_error{"the echo is not what was sent"};
  time_requests(end, what, what.silence.count() > 0 ? 0s : warm_up_share * plan.length, least_warm_up);
  both_allocations allocations{end};
  auto samples = time_requests(end, what, plan.length, plan.least_samples);
  lap_result result;
  result.samples = samples.size();
  allocations.write_to(result, end);
  result.p50 = percentile(samples, 0.5);
  result.p99 = percentile(samples, 0.99);
  return result;
}

/// Sends for `length`; the clock stops when the receiver has answered that everything is there. Returns messages and seconds.
std::pair<std::uint64_t, double> pour(caller& end, std::size_t payload, std::chrono::duration<double> length) {
  // the clock is cheap beside a large message, but not beside a small one
  auto between_looks = payload < 4096 ? 32 : 1;
  auto window = end.window();
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  auto begin = clock::now();
  while (clock::now() - begin < length) {
    for (int i = 0; i < between_looks; ++i) {
      end.send();
      if (++sent; window != 0 && sent % window == 0)
        received += end.received();
    }
  }
  received += end.received();
  std::chrono::duration<double> took = clock::now() - begin;
  if (received != sent)
    throw std::runtime_error{"sent " + std::to_string(sent) + " messages, received " + std::to_string(received)};
  return {sent, took.count()};
}

lap_result measure_one_way(caller& end, const scenario& what, const lap_plan& plan) {
  pour(end, what.payload, warm_up_share * plan.length);
  both_allocations allocations{end};
  auto [messages, seconds] = pour(end, what.payload, plan.length);
  lap_result result;
  result.samples = messages;
  allocations.write_to(result, end);
  result.rate = what.rate(messages, seconds);
  return result;
}

setting setting_of(const lap_plan& plan) {
  auto* what = find_scenario(plan.scenario);
  if (what == nullptr)
    throw std::runtime_error{"no such scenario: " + plan.scenario};
  return {*what, plan.directory};
}

const contender& contender_of(const lap_plan& plan) {
  auto* who = find_contender(plan.contender);
  if (who == nullptr)
    throw std::runtime_error{"no such contender: " + plan.contender};
  return *who;
}

void take_place(const lap_plan& plan) {
  if (plan.core)
    pin_to(*plan.core);
}

std::vector<std::string> command(std::string name, const lap_plan& plan) {
  std::vector<std::string> result{std::move(name),
                                  plan.contender,
                                  plan.scenario,
                                  "--directory",
                                  plan.directory.string(),
                                  "--seconds",
                                  std::to_string(plan.length.count()),
                                  "--samples",
                                  std::to_string(plan.least_samples)};
  if (plan.core)
    result.insert(result.end(), {"--core", std::to_string(*plan.core)});
  if (plan.other_core)
    result.insert(result.end(), {"--other-core", std::to_string(*plan.other_core)});
  return result;
}

std::vector<std::string> command_of_other_end(lap_plan plan) {
  plan.core = std::exchange(plan.other_core, std::nullopt);
  return command("serve", plan);
}

lap_result measure(const lap_plan& plan) {
  auto mine = setting_of(plan);
  auto& who = contender_of(plan);
  std::string greeting;
  std::unique_ptr<child_process> other;
  if (who.serve) {
    other = child_process::start(command_of_other_end(plan));
    greeting = other->read_line(patience_with_start);
  }
  auto end = who.open(mine, greeting);
  auto result =
    mine.what.what == flow::request ? measure_requests(*end, mine.what, plan) : measure_one_way(*end, mine.what, plan);
  end.reset();
  if (other)
    other->finish(patience_with_end);
  return result;
}

} // namespace

lap_result run_lap(const lap_plan& plan) {
  lap_result result;
  try {
    auto child = child_process::start(command("lap", plan));
    auto told = nlohmann::json::parse(child->read_line(patience_with_lap));
    result = {told.at("samples"),           told.at("p50"),  told.at("p99"), told.at("rate"), told.at("allocations"),
              told.at("allocations_there"), told.at("error")};
    child->finish(patience_with_end);
  } catch (const interrupted&) {
    throw;
  } catch (const std::exception& why) {
    result.error = why.what();
  }
  return result;
}

void do_lap(const lap_plan& plan) {
  lap_result result;
  try {
    take_place(plan);
    result = measure(plan);
  } catch (const std::exception& why) {
    result.error = why.what();
  }
  tell_caller(nlohmann::json{{"samples", result.samples},
                             {"p50", result.p50},
                             {"p99", result.p99},
                             {"rate", result.rate},
                             {"allocations", result.allocations},
                             {"allocations_there", result.allocations_there},
                             {"error", result.error}}
                .dump());
}

void serve_lap(const lap_plan& plan) {
  take_place(plan);
  contender_of(plan).serve(setting_of(plan));
}

} // namespace bench
