#include "host.hpp"

#include "plug_in.hpp"

#include "child_process.hpp"
#include "private_directory.hpp"

#include <mailroom/mailroom.hpp>

#include <condition_variable>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

namespace plugin_host {

namespace {

using namespace std::chrono_literals;

/// Far above what one needs, and far below what a machine has. A sanitizer needs much more than that for itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t memory_of_a_plug_in = 0;
#else
constexpr std::uint64_t memory_of_a_plug_in = std::uint64_t{1} << 30;
#endif

/// An answer that takes longer does not come any more.
constexpr std::chrono::milliseconds patience{2000};

/// How long the host waits for a plug-in to be well again.
constexpr std::chrono::seconds recovery{10};

/// What the supervisor tells of each plug-in.
class ward {
public:
  void note(const mailroom::supervision_event& event) {
    std::lock_guard guard{mutex_};
    auto& one = patients_[event.child];
    if (event.what == mailroom::supervision::ended) {
      one.up = false;
      one.why = event.why ? event.why->cause() : "it was stopped";
    } else if (event.what == mailroom::supervision::up) {
      one.up = true;
      ++one.lives;
      one.took_ms = std::chrono::duration<double, std::milli>{event.took}.count();
    }
    changed_.notify_all();
  }

  struct record {
    bool up = false;
    int lives = 0;
    std::string why;
    double took_ms = 0;
  };

  record of(const std::string& name) {
    std::lock_guard guard{mutex_};
    return patients_[name];
  }

  /// Waits for the life after `lives`.
  record next_life(const std::string& name, int lives) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, recovery, [&] { return patients_[name].up && patients_[name].lives > lives; });
    return patients_[name];
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, record> patients_;
};

mailroom::supervisor_spec make_spec(ward& patients) {
  mailroom::supervisor_spec result;
  result.intensity = 10;
  result.backoff = {.first = 10ms, .most = 1s};
  result.on_event = [&](const mailroom::supervision_event& event) { patients.note(event); };
  for (auto& each : plug_ins()) {
    mailroom::process_spec process{.program = examples::this_program(), .arguments = {"--as-plug-in"}};
    process.max_memory = memory_of_a_plug_in;
    result.children.push_back(mailroom::process_child(std::string{each.name}, process)
                                .with({.shutdown = mailroom::shutdown::within(patience)}));
  }
  return result;
}

/// One question to one plug-in, and what came of it.
struct incident {
  std::string plug_in;
  std::string asked;
  std::string answer{}; ///< or why there was none
  std::string fate{};   ///< empty where nothing happened to it
  bool well = false;    ///< in the end
};

class host {
public:
  host(mailroom::system& sys, ward& patients) : sys_{sys}, patients_{patients} {}

  incident ask(const std::string& name, const std::string& text) {
    incident result{name, text};
    auto lives = patients_.of(name).lives;
    auto answer = request(name, text, patience);
    result.answer = answer ? *answer : to_string(answer.error());
    if (!answer && answer.error().code() == mailroom::errc::timeout)
      replace(name); // it lives, and will never answer
    if (!answer) {
      auto now = patients_.next_life(name, lives);
      if (now.lives > lives)
        result.fate = fmt::format("{}; back after {:.0f} ms", now.why, now.took_ms);
    }
    result.well = request(name, "well?", recovery).has_value();
    return result;
  }

private:
  mailroom::expected<std::string> request(const std::string& name, const std::string& text,
                                          std::chrono::milliseconds most) {
    return sys_.request<std::string>(name + "/plug-in", {.timeout = most, .wait_for_process = recovery}, input{text});
  }

  void replace(const std::string& name) {
    static_cast<void>(mailroom::terminate_child(sys_, "plug-ins", name));
    static_cast<void>(mailroom::restart_child(sys_, "plug-ins", name));
  }

  mailroom::system& sys_;
  ward& patients_;
};

void print(const std::vector<incident>& all, bool json) {
  if (!json) {
    for (auto& each : all)
      fmt::print("{:8} {:8} -> {}{}{}\n", each.plug_in, fmt::format("\"{}\"", each.asked), each.answer,
                 each.fate.empty() ? "" : "\n                     ", each.fate);
    return;
  }
  auto array = nlohmann::ordered_json::array();
  for (auto& each : all)
    array.push_back({{"plug_in", each.plug_in},
                     {"asked", each.asked},
                     {"answer", each.answer},
                     {"fate", each.fate},
                     {"well", each.well}});
  fmt::print("{}\n", array.dump());
}

} // namespace

int run_host(const options& wanted) {
  examples::private_directory directory{"plugin_host"};
  ward patients;
  mailroom::config settings{.process = "host", .directory = directory.path()};
  settings.log_level = mailroom::level::error; // what happens to the plug-ins is ours to tell
  mailroom::system sys{settings};
  if (auto up = mailroom::supervise(sys, "plug-ins", make_spec(patients)); !up) {
    fmt::print(stderr, "plugin_host: {}\n", to_string(up.error()));
    return 1;
  }
  host asks{sys, patients};
  std::vector<incident> all;
  for (auto [name, text] : {std::pair{"reverse", "stressed"},
                            {"crash", "hello"},
                            {"crash", "boom"},
                            {"hang", "wait"},
                            {"eat", "more"},
                            {"reverse", "desserts"}})
    all.push_back(asks.ask(name, text));
  print(all, wanted.json);
  return std::ranges::all_of(all, &incident::well) ? 0 : 1;
}

} // namespace plugin_host
