#include <mailroom/runtime/log.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace mailroom {

/// Outlives the logger while a line waits in the executor.
class logger::sink {
public:
  explicit sink(const config& settings) : callback_{settings.log}, executor_{settings.executor} {
    if (!callback_) {
      // a logger of our own: spdlog's registry belongs to the program
      auto target = std::make_shared<spdlog::sinks::stderr_sink_mt>();
      stderr_ = std::make_unique<spdlog::logger>("mailroom", std::move(target));
      stderr_->set_pattern("%Y-%m-%dT%H:%M:%S.%e mailroom %l: %v");
      stderr_->set_level(spdlog::level::trace);
    }
  }

  static void write(const std::shared_ptr<sink>& self, level value, std::string text) {
    if (self->stderr_) {
      self->stderr_->log(spdlog_level(value), "{}", text);
      return;
    }
    if (self->executor_)
      self->executor_([self, value, line = std::move(text)] { self->call(value, line); });
    else
      self->call(value, text);
  }

  /// The callback is not called again.
  void silence() noexcept { silent_ = true; }

private:
  static spdlog::level::level_enum spdlog_level(level value) {
    switch (value) {
      case level::debug:
        return spdlog::level::debug;
      case level::info:
        return spdlog::level::info;
      case level::warning:
        return spdlog::level::warn;
      default:
        return spdlog::level::err;
    }
  }

  void call(level value, const std::string& text) noexcept {
    if (silent_.load())
      return;
    try {
      callback_(value, text);
    } catch (...) {
      silence();
    }
  }

  std::function<void(level, std::string_view)> callback_;
  std::function<void(std::function<void()>)> executor_;
  std::unique_ptr<spdlog::logger> stderr_;
  std::atomic<bool> silent_{false};
};

logger::logger(const config& settings) : lowest_{settings.log_level}, sink_{std::make_shared<sink>(settings)} {
  // nop
}

logger::~logger() = default;

void logger::write(level value, std::string text) {
  if (!wants(value))
    return;
  try {
    sink::write(sink_, value, std::move(text));
  } catch (...) {
    // an executor that refuses must not take a message's thread down
  }
}

void logger::close() noexcept {
  closed_ = true;
  sink_->silence();
}

bool rate_gate::open(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed) noexcept {
  auto at = now.time_since_epoch().count();
  auto next = next_.load();
  auto later = (now + std::chrono::seconds{1}).time_since_epoch().count();
  if (at < next || !next_.compare_exchange_strong(next, later)) {
    ++suppressed_;
    return false;
  }
  suppressed = suppressed_.exchange(0);
  return true;
}

std::string and_more(std::uint64_t suppressed) {
  return suppressed == 0 ? std::string{} : "; " + std::to_string(suppressed) + " more since the last line of this kind";
}

} // namespace mailroom
