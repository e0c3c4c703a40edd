#pragma once
// Where the lines of a system go: to `config::log`, or through spdlog to standard error. One line per event that an operator wants,
// and never a flood: events that can come by the thousand pass through a gate that lets one a second through and counts the rest.

#include <mailroom/runtime/config.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace mailroom {

/// Any thread. Never throws: a log callback that does is not called again.
class logger {
public:
  explicit logger(const config& settings);
  ~logger();

  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  bool wants(level value) const noexcept { return value >= lowest_ && !closed_; }
  void write(level value, std::string text);

  /// Says nothing from here on, nor what waits in the executor: the program's callback may not outlive its system.
  void close() noexcept;

  void debug(std::string text) { write(level::debug, std::move(text)); }
  void info(std::string text) { write(level::info, std::move(text)); }
  void warning(std::string text) { write(level::warning, std::move(text)); }

private:
  class sink;
  level lowest_;
  std::atomic<bool> closed_{false};
  std::shared_ptr<sink> sink_;
};

/// Lets one event a second through. Any thread.
class rate_gate {
public:
  /// Whether to speak now; `suppressed` gets how many were silent since the last time.
  bool open(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed) noexcept;

private:
  std::atomic<std::chrono::steady_clock::rep> next_{0};
  std::atomic<std::uint64_t> suppressed_{0};
};

/// "; 17 more since" or nothing.
std::string and_more(std::uint64_t suppressed);

} // namespace mailroom
