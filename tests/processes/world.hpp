#pragma once
// The places where a mailbox can be: in the test's own process, or in another one, which is reached over the pipe or through shared memory. What
// mailroom promises holds in each, so most tests run in each.

#include <support/catch.hpp>
#include <support/mailboxes.hpp>
#include <support/process.hpp>
#include <support/temporary_directory.hpp>
#include <support/timing.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>

namespace test {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using mailroom::errc;

inline const std::filesystem::path programs{MAILROOM_TEST_PROGRAMS_DIR};

/// A time limit that a test holds the product to; under a sanitizer everything takes longer.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr auto slowness = 5;
#else
inline constexpr auto slowness = 1;
#endif

enum class place { here, elsewhere, shares_memory };

inline std::string_view to_string(place where) {
  return where == place::here ? "here" : where == place::elsewhere ? "elsewhere" : "shares memory";
}

/// Lines of a log, from any thread.
class log_lines {
public:
  std::function<void(mailroom::level, std::string_view)> callback() {
    return [this](mailroom::level, std::string_view line) {
      std::lock_guard guard{mutex_};
      lines_.emplace_back(line);
    };
  }
  int count(std::string_view part) const {
    std::lock_guard guard{mutex_};
    return static_cast<int>(std::count_if(
      lines_.begin(), lines_.end(), [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Waits for what is about to happen; false where it does not.
template <class Condition> bool eventually(Condition condition, std::chrono::milliseconds within = 5s) {
  auto deadline = clock::now() + within;
  while (!condition()) {
    if (clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class world {
public:
  explicit world(place where, mailroom::config settings = {}) : where_{where} {
    settings.directory = directory_.path();
    settings.log = log_.callback();
    settings.log_level = mailroom::level::debug;
    settings.process = where == place::here ? "host" : "tester";
    if (where == place::shares_memory)
      settings.transports = {mailroom::transport_kind::shared_memory};
    system_ = std::make_unique<mailroom::system>(settings);
    if (where == place::here)
      spawn_mailboxes(*system_);
    else
      start_host();
  }

  ~world() {
    system_.reset(); // before the directory
  }

  mailroom::system& sys() { return *system_; }
  log_lines& log() { return log_; }
  process& host() { return *host_; }
  const std::filesystem::path& directory() const { return directory_.path(); }
  place where() const { return where_; }

  void start_host(std::vector<std::string> options = {}) {
    options.insert(options.begin(), "host");
    if (where_ == place::shares_memory)
      options.emplace_back("transports=shared_memory");
    host_.emplace(programs / "host", std::move(options), directory_.path());
    auto up = system_->wait_for("host/control", 20s);
    INFO((up ? "" : to_string(up.error())));
    REQUIRE(up);
  }

  void stop_system() { system_.reset(); }

private:
  place where_;
  temporary_directory directory_;
  log_lines log_;
  std::optional<process> host_;
  std::unique_ptr<mailroom::system> system_;
};

/// Runs the body of a test case in every place.
#define IN_EVERY_PLACE()                                                                                               \
  auto where = GENERATE(test::place::here, test::place::elsewhere, test::place::shares_memory);                        \
  CAPTURE(to_string(where));                                                                                           \
  test::world world{where};                                                                                            \
  auto& sys = world.sys()

/// What the constructor of a system in `directory` says.
inline mailroom::error start_error(const std::filesystem::path& directory, std::string name = "starter") {
  try {
    mailroom::system sys{{.process = std::move(name), .directory = directory}};
    return {errc::cancelled, "", "it started"};
  } catch (const mailroom::failure& what) {
    return what.why();
  }
}

/// The error of a result that must have one.
template <class T> mailroom::error failure_of(const mailroom::expected<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

/// A start in `directory` fails with `code`, and says where and why.
inline void check_start_fails(const std::filesystem::path& directory, errc code, const std::string& cause) {
  auto failed = start_error(directory);
  CAPTURE(to_string(failed));
  CHECK(failed.code() == code);
  CHECK(to_string(failed).find(directory.string()) != std::string::npos);
  CHECK(failed.cause().find(cause) != std::string::npos);
}

} // namespace test
