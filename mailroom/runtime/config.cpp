#include <mailroom/runtime/config.hpp>

#include <mailroom/runtime/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace mailroom {

namespace {

using setter = expected<void> (*)(config&, std::string_view);

struct entry {
  config_option option;
  setter set;
};

tl::unexpected<error> bad_value(std::string_view value, std::string_view wanted) {
  return tl::unexpected{error{errc::system_error, {}, "'" + std::string{value} + "' is not " + std::string{wanted}}};
}

expected<std::size_t> number(std::string_view text) {
  std::size_t result = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (status != std::errc{} || end != text.data() + text.size())
    return bad_value(text, "a whole number");
  return result;
}

template <std::chrono::milliseconds config::*Field>
expected<void> set_milliseconds(config& target, std::string_view value) {
  // a day is beyond any use, and keeps sums of durations far from overflow
  constexpr std::size_t most = 86'400'000;
  auto count = number(value);
  if (!count || *count > most)
    return bad_value(value, "a number of milliseconds up to a day");
  target.*Field = std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(*count)};
  return {};
}

expected<void> set_longest_spin(config& target, std::string_view value) {
  constexpr std::size_t most = 1'000; // who looks for longer than that is broken
  auto count = number(value);
  if (!count || *count > most)
    return bad_value(value, "a number of microseconds up to 1000");
  target.longest_spin = std::chrono::microseconds{static_cast<std::chrono::microseconds::rep>(*count)};
  return {};
}

template <std::size_t config::*Field> expected<void> set_size(config& target, std::string_view value) {
  auto count = number(value);
  if (!count)
    return tl::unexpected{count.error()};
  target.*Field = *count;
  return {};
}

expected<void> set_process(config& target, std::string_view value) {
  auto name = process_name::parse(value);
  if (!name)
    return tl::unexpected{name.error()};
  target.process = name->str();
  return {};
}

expected<void> set_directory(config& target, std::string_view value) {
  target.directory = value;
  return {};
}

constexpr std::array all_transports{transport_kind::memory, transport_kind::pipe, transport_kind::shared_memory,
                                    transport_kind::copydata};
#ifdef _WIN32
constexpr std::string_view one_transport = "a transport: memory, pipe, shared_memory or copydata";
constexpr bool has_copydata = true;
#else
constexpr std::string_view one_transport = "a transport: memory, pipe or shared_memory";
constexpr bool has_copydata = false;
#endif

expected<void> set_transports(config& target, std::string_view value) {
  std::vector<transport_kind> kinds;
  for (std::size_t begin = 0; begin <= value.size();) {
    auto end = std::min(value.find(',', begin), value.size());
    auto name = value.substr(begin, end - begin);
    auto kind = std::ranges::find(all_transports, name, [](auto each) { return to_string(each); });
    if (kind == all_transports.end())
      return bad_value(name, one_transport);
    if (*kind == transport_kind::copydata && !has_copydata)
      return bad_value(name, "a transport of this system: it is for Windows only");
    kinds.push_back(*kind);
    begin = end + 1;
  }
  target.transports = std::move(kinds);
  return {};
}

expected<void> set_log_level(config& target, std::string_view value) {
  for (auto candidate : {level::debug, level::info, level::warning, level::error}) {
    if (value == to_string(candidate)) {
      target.log_level = candidate;
      return {};
    }
  }
  return bad_value(value, "a level: debug, info, warning or error");
}

const std::vector<entry>& entries() {
  static const std::vector<entry> result{
    {{"process", "this process's name"}, set_process},
    {{"dir", "the runtime directory"}, set_directory},
    {{"transports",
      "memory, pipe, shared_memory and (on Windows) copydata, in order of preference, separated by commas"},
     set_transports},
    {{"longest-spin", "microseconds that who waits on shared memory looks before it sleeps"}, set_longest_spin},
    {{"log-level", "debug, info, warning or error"}, set_log_level},
    {{"request-timeout", "milliseconds until a request fails"}, set_milliseconds<&config::request_timeout>},
    {{"send-timeout", "milliseconds that send waits for room"}, set_milliseconds<&config::send_timeout>},
    {{"wait-for-process", "milliseconds to wait for a process that is about to start"},
     set_milliseconds<&config::wait_for_process>},
    {{"hung-after", "milliseconds of silence that count as death"}, set_milliseconds<&config::hung_after>},
    {{"max-message", "bytes of the largest message"}, set_size<&config::max_message>},
    {{"max-queued-bytes", "bytes that wait for a peer that does not read"}, set_size<&config::max_queued_bytes>},
  };
  return result;
}

std::string variable_name(std::string_view option) {
  std::string result = "MAILROOM_";
  for (auto c : option)
    result += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return result;
}

} // namespace

std::string_view to_string(level value) noexcept {
  switch (value) {
    case level::debug:
      return "debug";
    case level::info:
      return "info";
    case level::warning:
      return "warning";
    default:
      return "error";
  }
}

std::string_view to_string(transport_kind value) noexcept {
  switch (value) {
    case transport_kind::memory:
      return "memory";
    case transport_kind::shared_memory:
      return "shared_memory";
    case transport_kind::copydata:
      return "copydata";
    default:
      return "pipe";
  }
}

const std::vector<config_option>& config_options() {
  static const auto result = [] {
    std::vector<config_option> options;
    for (auto& each : entries())
      options.push_back(each.option);
    return options;
  }();
  return result;
}

expected<void> set_option(config& target, std::string_view name, std::string_view value) {
  for (auto& each : entries()) {
    if (each.option.name != name)
      continue;
    auto result = each.set(target, value);
    if (!result)
      return tl::unexpected{error{errc::system_error, std::string{name}, to_string(result.error())}};
    return {};
  }
  return tl::unexpected{error{errc::system_error, std::string{name}, "no such option"}};
}

expected<config> config_from_environment(config base) {
  for (auto& each : entries()) {
    auto variable = variable_name(each.option.name);
    auto* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0')
      continue;
    if (auto result = each.set(base, value); !result)
      return tl::unexpected{error{errc::system_error, variable, to_string(result.error())}};
  }
  return base;
}

} // namespace mailroom
