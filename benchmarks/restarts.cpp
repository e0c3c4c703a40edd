#include "restarts.hpp"

#include "peer.hpp"

#include <mailroom/mailroom.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#ifdef _WIN32
#define popen _popen
#define pclose _pclose
#endif

namespace bench {

namespace {

using clock = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds patience{60'000};
constexpr int actor_restarts = 1000;
constexpr int process_restarts = 20;

/// In a directory that mailroom makes, for nobody else.
mailroom::config settings(const std::filesystem::path& directory, std::string process) {
  return {.process = std::move(process), .directory = directory / "mailroom"};
}

/// The lives of one child, as its supervisor tells them.
class lives {
public:
  void note(const mailroom::supervision_event& event) {
    if (event.what != mailroom::supervision::up)
      return;
    std::lock_guard guard{mutex_};
    ++count_;
    pid_ = event.pid;
    changed_.notify_all();
  }

  /// Waits for life number `number`, from 1; returns its pid.
  std::uint32_t wait_for(int number) {
    std::unique_lock guard{mutex_};
    if (!changed_.wait_for(guard, patience, [&] { return count_ >= number; }))
      throw std::runtime_error{"no next life"};
    return pid_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::uint32_t pid_ = 0;
};

restart_figure figure_of(std::string what, std::vector<double> all) {
  std::ranges::sort(all);
  restart_figure result{std::move(what)};
  result.count = static_cast<int>(all.size());
  if (all.empty()) {
    result.error = "no figures";
    return result;
  }
  result.p50_ms = all[all.size() / 2];
  result.p99_ms = all[all.size() * 99 / 100];
  return result;
}

/// Crashes the child again and again by `crash`, which gets its pid.
std::vector<double> time_restarts(mailroom::system& sys, const mailroom::child_spec& victim, int count,
                                  const std::function<void(std::uint32_t pid)>& crash) {
  auto seen = std::make_shared<lives>();
  mailroom::supervisor_spec spec;
  spec.intensity = static_cast<unsigned>(count);
  spec.on_event = [seen](const mailroom::supervision_event& event) { seen->note(event); };
  spec.children = {victim};
  if (auto up = mailroom::supervise(sys, "root", spec); !up)
    throw std::runtime_error{to_string(up.error())};
  std::vector<double> result;
  for (int number = 1; number <= count; ++number) {
    auto pid = seen->wait_for(number);
    auto begin = clock::now();
    crash(pid);
    seen->wait_for(number + 1);
    result.push_back(milliseconds{clock::now() - begin}.count());
  }
  return result;
}

caf::behavior actor_victim(caf::event_based_actor* self) {
  return {[self](const std::string&) { self->quit(caf::sec::runtime_error); }};
}

std::vector<double> time_actors(const std::filesystem::path& directory) {
  auto mine = settings(directory, "restarts");
  mine.log_level = mailroom::level::error;
  mailroom::system sys{mine};
  return time_restarts(sys, mailroom::actor_child("victim", actor_victim), actor_restarts, [&](std::uint32_t) {
    if (auto sent = sys.send("restarts/root/victim", "crash"); !sent)
      throw std::runtime_error{to_string(sent.error())};
  });
}

std::vector<double> time_processes(const std::filesystem::path& directory) {
  auto mine = settings(directory, "restarts");
  mine.log_level = mailroom::level::error;
  mailroom::system sys{mine};
  mailroom::process_spec program{.program = this_program(),
                                 .arguments = {"serve-restarts", "--directory", directory.string()}};
  return time_restarts(sys, mailroom::process_child("victim", program), process_restarts, kill_process);
}

/// From nothing to a system that can be reached, for the same program.
double time_own_start(const std::filesystem::path& directory) {
  std::vector<double> all;
  for (int i = 0; i < process_restarts; ++i) {
    auto begin = clock::now();
    auto child = child_process::start({"serve-restarts", "--directory", directory.string()});
    child->read_line(patience);
    all.push_back(milliseconds{clock::now() - begin}.count());
    child->finish(patience);
  }
  return figure_of({}, all).p50_ms;
}

/// What the command prints, a number on each line; nothing where it cannot be run.
std::vector<double> numbers_of(const std::string& command) {
  std::vector<double> result;
  auto* output = ::popen(command.c_str(), "r");
  if (output == nullptr)
    return result;
  std::array<char, 256> line;
  while (std::fgets(line.data(), static_cast<int>(line.size()), output) != nullptr)
    result.push_back(std::strtod(line.data(), nullptr));
  ::pclose(output);
  return result;
}

std::optional<restart_figure> erlang() {
#ifdef _WIN32
  return std::nullopt;
#else
  auto micros = numbers_of("command -v escript >/dev/null && escript " MAILROOM_BENCH_SOURCES "/restarts.escript "
                           + std::to_string(actor_restarts) + " 2>/dev/null");
  if (micros.empty())
    return std::nullopt;
  for (auto& each : micros)
    each /= 1000;
  return figure_of("Erlang's supervisor", std::move(micros));
#endif
}

nlohmann::json json_of(const restart_figure& each) {
  return {{"what", each.what},     {"p50_ms", each.p50_ms}, {"p99_ms", each.p99_ms},
          {"own_ms", each.own_ms}, {"count", each.count},   {"error", each.error}};
}

template <class F> restart_figure guarded(const std::string& what, F measure) {
  try {
    return figure_of(what, measure());
  } catch (const interrupted&) {
    throw;
  } catch (const std::exception& why) {
    restart_figure result{what};
    result.error = why.what();
    return result;
  }
}

} // namespace

void serve_restarts(const std::filesystem::path& directory) {
  auto supervised = std::getenv("MAILROOM_PARENT") != nullptr;
  mailroom::system sys{settings(directory, supervised ? "" : "alone")};
  if (supervised) {
    sys.run();
    return;
  }
  tell_caller("ready");
  await_end();
}

void do_restarts(const std::filesystem::path& directory) {
  auto told = nlohmann::json::array();
  told.push_back(json_of(guarded("actor child", [&] { return time_actors(directory); })));
  auto processes = guarded("process child", [&] { return time_processes(directory); });
  if (processes.error.empty())
    processes.own_ms = time_own_start(directory);
  told.push_back(json_of(processes));
  tell_caller(told.dump());
}

std::vector<restart_figure> measure_restarts(const std::filesystem::path& directory) {
  auto child = child_process::start({"restarts", "--directory", directory.string()});
  auto told = nlohmann::json::parse(child->read_line(patience));
  child->finish(patience);
  std::vector<restart_figure> result;
  for (auto& each : told)
    result.push_back(
      {each.at("what"), each.at("p50_ms"), each.at("p99_ms"), each.at("own_ms"), each.at("count"), each.at("error")});
  if (auto beside = erlang())
    result.insert(result.begin() + 1, *std::move(beside));
  return result;
}

} // namespace bench
