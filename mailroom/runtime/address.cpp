#include <mailroom/runtime/address.hpp>

#include <algorithm>
#include <charconv>

namespace mailroom {

namespace {

constexpr std::size_t max_segment = 64;
constexpr std::size_t max_segments = 8;

bool legal(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string shown(char c) {
  if (c > ' ' && c < 127)
    return std::string{"'"} + c + "'";
  if (c == ' ')
    return "a space";
  constexpr std::string_view digits = "0123456789abcdef";
  auto byte = static_cast<unsigned char>(c);
  return std::string{"byte 0x"} + digits[byte >> 4] + digits[byte & 15];
}

/// What keeps `segment` from being a name; empty for nothing.
std::string flaw_of(std::string_view segment) {
  if (segment.empty())
    return "a name is empty";
  if (segment.front() == '.')
    return "a name must not begin with '.'";
  if (segment.size() > max_segment)
    return "a name has more than 64 characters";
  auto bad = std::find_if_not(segment.begin(), segment.end(), legal);
  if (bad != segment.end())
    return shown(*bad) + " is not allowed in a name";
  return {};
}

tl::unexpected<error> invalid(std::string_view text, std::string flaw) {
  // hostile or mistaken text must not flood a log line
  constexpr std::size_t longest = 200;
  std::string quoted;
  for (auto c : text.substr(0, longest))
    quoted += c >= ' ' && c < 127 ? c : '?';
  if (text.size() > longest)
    quoted += "...";
  return tl::unexpected{error{errc::invalid_address, std::move(quoted), "invalid address: " + flaw}};
}

std::string mailbox_flaw(std::string_view text) {
  std::size_t segments = 0;
  for (std::size_t begin = 0; begin <= text.size();) {
    auto end = std::min(text.find('/', begin), text.size());
    if (auto flaw = flaw_of(text.substr(begin, end - begin)); !flaw.empty())
      return flaw;
    if (++segments > max_segments)
      return "a mailbox name has more than 8 segments";
    begin = end + 1;
  }
  return {};
}

} // namespace

expected<process_name> process_name::parse(std::string_view text) {
  if (auto flaw = flaw_of(text); !flaw.empty())
    return invalid(text, flaw);
  return process_name{std::string{text}};
}

process_name process_name::nearest(std::string_view text) {
  std::string result{text.substr(0, max_segment)};
  std::replace_if(
    result.begin(), result.end(), [](char c) { return !legal(c); }, '_');
  if (result.empty() || result.front() == '.')
    result.insert(result.begin(), '_');
  result.resize(std::min(result.size(), max_segment));
  return process_name{std::move(result)};
}

expected<mailbox_name> mailbox_name::parse(std::string_view text) {
  if (auto flaw = mailbox_flaw(text); !flaw.empty())
    return invalid(text, flaw);
  return mailbox_name{std::string{text}};
}

expected<address> address::parse(std::string_view text) {
  address result;
  auto rest = text;
  if (auto slash = text.find('/'); slash != std::string_view::npos) {
    auto process = text.substr(0, slash);
    if (auto flaw = flaw_of(process); !flaw.empty())
      return invalid(text, flaw);
    result.process_ = process;
    rest = text.substr(slash + 1);
  }
  if (!rest.empty() && rest.front() == '#') {
    auto digits = rest.substr(1);
    auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), result.number_);
    if (status != std::errc{} || end != digits.data() + digits.size() || result.number_ == 0)
      return invalid(text, "'#' is followed by the number of a mailbox and nothing else");
    return result;
  }
  if (auto flaw = mailbox_flaw(rest); !flaw.empty())
    return invalid(text, flaw);
  result.mailbox_ = rest;
  return result;
}

address address::of(const process_name& process, std::uint64_t number, incarnation life) {
  address result;
  result.process_ = process.str();
  result.number_ = number;
  result.life_ = life;
  return result;
}

address address::within(const std::string& process) const {
  auto result = *this;
  result.process_ = process;
  return result;
}

void address::assign(std::string_view text, incarnation life) {
  if (text.empty()) {
    *this = {};
    return;
  }
  auto parsed = parse(text);
  if (!parsed)
    throw failure{parsed.error()};
  *this = *std::move(parsed);
  life_ = life;
}

std::string to_string(const address& what) {
  auto mailbox = what.number_ != 0 ? "#" + std::to_string(what.number_) : what.mailbox_;
  return what.process_.empty() ? mailbox : what.process_ + "/" + mailbox;
}

} // namespace mailroom
