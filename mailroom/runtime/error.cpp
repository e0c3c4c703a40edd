#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/error.hpp>

#include <array>

namespace mailroom {

namespace {

constexpr std::array<std::string_view, 21> texts{
  "no error",        "invalid address",    "name taken",       "system error", "no such process",
  "no such mailbox", "unexpected message", "unexpected reply", "unknown type", "undecodable",
  "too large",       "version mismatch",   "denied",           "overloaded",   "timeout",
  "process down",    "stale address",      "remote error",     "cancelled",    "would block",
  "shutting down"};

errc from_sec(caf::sec code) {
  switch (code) {
    case caf::sec::request_timeout:
      return errc::timeout;
    case caf::sec::request_receiver_down:
      return errc::no_such_mailbox;
    case caf::sec::unexpected_message:
      return errc::unexpected_message;
    case caf::sec::unexpected_response:
      return errc::unexpected_reply;
    default:
      return errc::remote_error;
  }
}

errc from_exit_reason(caf::exit_reason reason) {
  return reason == caf::exit_reason::remote_link_unreachable ? errc::process_down : errc::remote_error;
}

/// The set is closed, whatever number another process sends.
errc from_number(std::uint8_t code) {
  return code <= static_cast<std::uint8_t>(errc::shutting_down) ? static_cast<errc>(code) : errc::remote_error;
}

down_cause from_cause(std::uint8_t cause) {
  return cause <= static_cast<std::uint8_t>(down_cause::stopped) ? static_cast<down_cause>(cause) : down_cause::unknown;
}

std::string text_of(const caf::error& from) {
  if (from.category() == caf::atom("system"))
    return to_string(static_cast<caf::sec>(from.code()))
           + (from.context().empty() ? std::string{} : " " + to_string(from.context()));
  if (from.category() == caf::atom("exit"))
    return to_string(static_cast<caf::exit_reason>(from.code()));
  // a program that answers with its own category and a text means the text
  if (from.context().match_elements<std::string>())
    return from.context().get_as<std::string>(0);
  return to_string(from);
}

} // namespace

std::string_view to_string(errc code) noexcept {
  auto index = static_cast<std::size_t>(code);
  return index < texts.size() ? texts[index] : "unknown error";
}

error::error(errc code, std::string subject, std::string cause)
  : code_{code}, subject_{std::move(subject)}, cause_{cause.empty() ? std::string{to_string(code)} : std::move(cause)} {
  // nop
}

error::error(const caf::error& from) : code_{errc::remote_error} {
  if (!from) {
    cause_ = "no error";
    return;
  }
  if (from.category() == caf_version::error_category) {
    code_ = from_number(from.code());
    auto& context = from.context();
    if (context.match_elements<std::string, std::string, std::uint8_t, bool, std::int32_t, std::int32_t>()) {
      subject_ = context.get_as<std::string>(0);
      cause_ = context.get_as<std::string>(1);
      why_down_ = from_cause(context.get_as<std::uint8_t>(2));
      if (context.get_as<bool>(3))
        exit_ = process_exit{context.get_as<std::int32_t>(4), context.get_as<std::int32_t>(5)};
    } else {
      cause_ = to_string(code_);
    }
    return;
  }
  if (from.category() == caf::atom("system"))
    code_ = from_sec(static_cast<caf::sec>(from.code()));
  else if (from.category() == caf::atom("exit"))
    code_ = from_exit_reason(static_cast<caf::exit_reason>(from.code()));
  cause_ = code_ == errc::timeout ? std::string{to_string(code_)} : text_of(from);
}

error& error::because(down_cause why, std::optional<process_exit> exit) noexcept {
  why_down_ = why;
  exit_ = exit;
  return *this;
}

error error::about(std::string subject) const {
  auto result = *this;
  result.subject_ = std::move(subject);
  return result;
}

error error::or_about(const std::string& subject) const {
  return subject_.empty() ? about(subject) : *this;
}

caf::error error::to_caf() const {
  auto status = exit_.value_or(process_exit{});
  return {static_cast<std::uint8_t>(code_), caf_version::error_category,
          caf::make_message(subject_, cause_, static_cast<std::uint8_t>(why_down_), exit_.has_value(),
                            std::int32_t{status.code}, std::int32_t{status.signal})};
}

std::string to_string(const error& what) {
  return what.subject().empty() ? what.cause() : what.subject() + ": " + what.cause();
}

std::optional<process_exit> exit_status(const error& what) noexcept {
  return what.exit_;
}

failure::failure(error what) : std::runtime_error{to_string(what)}, why_{std::move(what)} {
  // nop
}

failure::~failure() = default;

} // namespace mailroom
