// A configuration by its fields' names: in text, from the environment and on a program's command line.

#include <mailroom/command_line.hpp>
#include <mailroom/runtime/config.hpp>

#include <support/catch.hpp>
#include <support/environment.hpp>

#include <string>
#include <vector>

using mailroom::config;
using mailroom::errc;
using mailroom::level;
using mailroom::transport_kind;
using test::environment_variable;

using namespace std::chrono_literals;

namespace {

std::string error_of(const mailroom::expected<void>& result) {
  return result ? "no error" : to_string(result.error());
}

/// No variable of ours, whatever the tests are started with.
class clean_environment {
public:
  clean_environment() {
    for (auto* name : {"PROCESS", "DIR", "TRANSPORTS", "LOG_LEVEL", "REQUEST_TIMEOUT", "SEND_TIMEOUT",
                       "WAIT_FOR_PROCESS", "HUNG_AFTER", "MAX_MESSAGE", "MAX_QUEUED_BYTES"})
      absent_.emplace_back(std::make_unique<environment_variable>(std::string{"MAILROOM_"} + name));
  }

private:
  std::vector<std::unique_ptr<environment_variable>> absent_;
};

/// What a program with our options makes of its command line; CLI11's own text where it refuses.
std::string parse(config& target, std::vector<std::string> arguments) {
  CLI::App app;
  mailroom::add_options(app, target);
  std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
  try {
    app.parse(arguments);
    return {};
  } catch (const CLI::ParseError& what) {
    return what.what();
  }
}

} // namespace

TEST_CASE("a config says what the documents promise before anybody sets anything", "[config]") {
  config plain;
  CHECK(plain.process.empty());
  CHECK(plain.directory.empty());
  CHECK(plain.transports == std::vector{transport_kind::pipe});
  CHECK(plain.request_timeout == 5s);
  CHECK(plain.wait_for_process == 0s);
  CHECK(plain.hung_after == 3s);
  CHECK(plain.max_message == 256u << 20);
  CHECK(plain.log_level == level::warning);
  CHECK_FALSE(plain.log);
  CHECK_FALSE(plain.executor);
}

TEST_CASE("each option sets its field", "[config]") {
  config target;
  struct row {
    std::string name;
    std::string value;
    std::function<bool()> took;
  };
  const std::vector<row> rows{
    {"process", "bank", [&] { return target.process == "bank"; }},
    {"dir", "/run/x", [&] { return target.directory == "/run/x"; }},
    {"transports", "memory,pipe",
     [&] {
       return target.transports == std::vector{transport_kind::memory, transport_kind::pipe};
     }},
    {"transports", "shared_memory", [&] { return target.transports == std::vector{transport_kind::shared_memory}; }},
#ifdef _WIN32
    {"transports", "copydata", [&] { return target.transports == std::vector{transport_kind::copydata}; }},
#endif
    {"longest-spin", "50", [&] { return target.longest_spin == 50us; }},
    {"transports", "pipe", [&] { return target.transports == std::vector{transport_kind::pipe}; }},
    {"log-level", "debug", [&] { return target.log_level == level::debug; }},
    {"log-level", "error", [&] { return target.log_level == level::error; }},
    {"request-timeout", "250", [&] { return target.request_timeout == 250ms; }},
    {"send-timeout", "0", [&] { return target.send_timeout == 0ms; }},
    {"wait-for-process", "86400000", [&] { return target.wait_for_process == 24h; }},
    {"hung-after", "1", [&] { return target.hung_after == 1ms; }},
    {"max-message", "65536", [&] { return target.max_message == 65536; }},
    {"max-queued-bytes", "1", [&] { return target.max_queued_bytes == 1; }},
  };
  for (auto& each : rows) {
    CAPTURE(each.name, each.value);
    CHECK(error_of(set_option(target, each.name, each.value)) == "no error");
    CHECK(each.took());
  }
  for (auto& option : mailroom::config_options()) {
    CAPTURE(option.name);
    CHECK(std::any_of(rows.begin(), rows.end(), [&](auto& each) { return each.name == option.name; }));
    CHECK_FALSE(option.help.empty());
  }
}

TEST_CASE("a value that is none changes nothing and is named with the option", "[config]") {
  struct row {
    std::string name;
    std::string value;
    std::string text;
  };
#ifdef _WIN32
  const std::string one_transport = "a transport: memory, pipe, shared_memory or copydata";
#else
  const std::string one_transport = "a transport: memory, pipe or shared_memory";
#endif
  const std::vector<row> rows{
    {"process", "my bank", "process: my bank: invalid address: a space is not allowed in a name"},
    {"process", "", "process: invalid address: a name is empty"},
    {"transports", "", "transports: '' is not " + one_transport},
    {"transports", "pipe,", "transports: '' is not " + one_transport},
    {"transports", "pipe,tcp", "transports: 'tcp' is not " + one_transport},
#ifndef _WIN32
    {"transports", "copydata", "transports: 'copydata' is not a transport of this system: it is for Windows only"},
#endif
    {"transports", "pipe memory", "transports: 'pipe memory' is not " + one_transport},
    {"log-level", "Debug", "log-level: 'Debug' is not a level: debug, info, warning or error"},
    {"log-level", "", "log-level: '' is not a level: debug, info, warning or error"},
    {"request-timeout", "5s", "request-timeout: '5s' is not a number of milliseconds up to a day"},
    {"request-timeout", "-1", "request-timeout: '-1' is not a number of milliseconds up to a day"},
    {"request-timeout", "", "request-timeout: '' is not a number of milliseconds up to a day"},
    {"request-timeout", " 5", "request-timeout: ' 5' is not a number of milliseconds up to a day"},
    {"request-timeout", "1.5", "request-timeout: '1.5' is not a number of milliseconds up to a day"},
    {"request-timeout", "86400001", "request-timeout: '86400001' is not a number of milliseconds up to a day"},
    {"request-timeout", "99999999999999999999",
     "request-timeout: '99999999999999999999' is not a number of milliseconds up to a day"},
    {"max-message", "64K", "max-message: '64K' is not a whole number"},
    {"max-message", "18446744073709551616", "max-message: '18446744073709551616' is not a whole number"},
    {"directory", "/run/x", "directory: no such option"},
    {"", "", "no such option"},
  };
  for (auto& each : rows) {
    CAPTURE(each.name, each.value);
    config target;
    auto result = set_option(target, each.name, each.value);
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == errc::system_error);
    CHECK(to_string(result.error()) == each.text);
    config untouched;
    CHECK(target.process == untouched.process);
    CHECK(target.transports == untouched.transports);
    CHECK(target.log_level == untouched.log_level);
    CHECK(target.request_timeout == untouched.request_timeout);
    CHECK(target.max_message == untouched.max_message);
  }
}

TEST_CASE("an empty environment leaves a config as it was", "[config]") {
  clean_environment clean;
  config base;
  base.process = "bank";
  base.hung_after = 1s;
  auto result = mailroom::config_from_environment(base);
  REQUIRE(result);
  CHECK(result->process == "bank");
  CHECK(result->hung_after == 1s);
}

TEST_CASE("each variable of the environment sets its field", "[config]") {
  clean_environment clean;
  environment_variable process{"MAILROOM_PROCESS", "bank"};
  environment_variable directory{"MAILROOM_DIR", "/run/x"};
  environment_variable transports{"MAILROOM_TRANSPORTS", "memory,pipe"};
  environment_variable log_level{"MAILROOM_LOG_LEVEL", "info"};
  environment_variable request_timeout{"MAILROOM_REQUEST_TIMEOUT", "1"};
  environment_variable send_timeout{"MAILROOM_SEND_TIMEOUT", "2"};
  environment_variable wait_for_process{"MAILROOM_WAIT_FOR_PROCESS", "3"};
  environment_variable hung_after{"MAILROOM_HUNG_AFTER", "4"};
  environment_variable max_message{"MAILROOM_MAX_MESSAGE", "5"};
  environment_variable max_queued_bytes{"MAILROOM_MAX_QUEUED_BYTES", "6"};
  auto result = mailroom::config_from_environment();
  REQUIRE(result);
  CHECK(result->process == "bank");
  CHECK(result->directory == "/run/x");
  CHECK(result->transports == std::vector{transport_kind::memory, transport_kind::pipe});
  CHECK(result->log_level == level::info);
  CHECK(result->request_timeout == 1ms);
  CHECK(result->send_timeout == 2ms);
  CHECK(result->wait_for_process == 3ms);
  CHECK(result->hung_after == 4ms);
  CHECK(result->max_message == 5);
  CHECK(result->max_queued_bytes == 6);
}

TEST_CASE("an empty variable counts as absent", "[config]") {
  clean_environment clean;
  environment_variable process{"MAILROOM_PROCESS", ""};
  environment_variable timeout{"MAILROOM_REQUEST_TIMEOUT", ""};
  auto result = mailroom::config_from_environment();
  REQUIRE(result);
  CHECK(result->process.empty());
  CHECK(result->request_timeout == 5s);
}

TEST_CASE("a variable with a bad value is named", "[config]") {
  clean_environment clean;
  environment_variable timeout{"MAILROOM_REQUEST_TIMEOUT", "soon"};
  auto result = mailroom::config_from_environment();
  REQUIRE_FALSE(result);
  CHECK(result.error().code() == errc::system_error);
  CHECK(to_string(result.error()) == "MAILROOM_REQUEST_TIMEOUT: 'soon' is not a number of milliseconds up to a day");
}

TEST_CASE("a command line with CLI11 sets the same fields", "[config]") {
  config target;
  auto refusal =
    parse(target, {"--mailroom-process", "bank", "--mailroom-dir=/run/x", "--mailroom-transports", "memory,pipe",
                   "--mailroom-log-level", "info", "--mailroom-request-timeout", "1", "--mailroom-send-timeout", "2",
                   "--mailroom-wait-for-process", "3", "--mailroom-hung-after", "4", "--mailroom-max-message", "5",
                   "--mailroom-max-queued-bytes", "6"});
  CHECK(refusal == "");
  CHECK(target.process == "bank");
  CHECK(target.directory == "/run/x");
  CHECK(target.transports == std::vector{transport_kind::memory, transport_kind::pipe});
  CHECK(target.log_level == level::info);
  CHECK(target.request_timeout == 1ms);
  CHECK(target.send_timeout == 2ms);
  CHECK(target.wait_for_process == 3ms);
  CHECK(target.hung_after == 4ms);
  CHECK(target.max_message == 5);
  CHECK(target.max_queued_bytes == 6);
}

TEST_CASE("a command line without our options changes nothing", "[config]") {
  config target;
  target.process = "bank";
  CHECK(parse(target, {}) == "");
  CHECK(target.process == "bank");
  CHECK(target.request_timeout == 5s);
}

TEST_CASE("a bad value on the command line is refused by CLI11 with our text", "[config]") {
  config target;
  auto refusal = parse(target, {"--mailroom-request-timeout", "soon"});
  CHECK(refusal.find("request-timeout: 'soon' is not a number of milliseconds up to a day") != std::string::npos);
  CHECK(parse(target, {"--mailroom-process", "a b"}).find("a space is not allowed in a name") != std::string::npos);
  CHECK(parse(target, {"--mailroom-process"}) != "");
  CHECK(target.process.empty());
}

TEST_CASE("levels and transports have the names that options take", "[config]") {
  config target;
  for (auto each : {level::debug, level::info, level::warning, level::error}) {
    REQUIRE(set_option(target, "log-level", to_string(each)));
    CHECK(target.log_level == each);
  }
  for (auto each : {transport_kind::memory, transport_kind::pipe}) {
    REQUIRE(set_option(target, "transports", to_string(each)));
    CHECK(target.transports == std::vector{each});
  }
}
