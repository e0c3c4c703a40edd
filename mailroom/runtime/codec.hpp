#pragma once
// Messages to bytes and back. Whatever cereal, a user's `serialize` or hostile bytes throw ends here, as an error with a name.
//
// A payload is: the number of values (u8), the name of each value's type (u8 length, text), then the values as the archive writes them.

#include <mailroom/runtime/bytes.hpp>
#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/error.hpp>
#include <mailroom/runtime/message_registry.hpp>

#include <array>
#include <span>
#include <tuple>

namespace mailroom {

/// What is to be sent, by reference, before anybody knows whether it must be encoded (another process) or not (this one).
class payload {
public:
  virtual ~payload() = default;

  /// Appends the encoded values. Fails with `unknown_type` or, where a `serialize` throws, `undecodable`; appends nothing then.
  virtual expected<void> encode(byte_buffer& target) const = 0;

  /// The same as CAF's message.
  virtual caf::message to_message() const = 0;

  /// The types, for a log line.
  virtual std::string describe() const = 0;
};

namespace codec {

/// One value with its type; null for a type without a name.
struct element {
  const message_type* type;
  const void* value;
};

MAILROOM_EXPORT expected<void> encode(byte_buffer& target, std::span<const element> elements);
expected<void> encode(byte_buffer& target, const caf::type_erased_tuple& values);

/// Fails with `unknown_type`, `undecodable` or `version_mismatch`.
expected<caf::message> decode(std::span<const std::byte> bytes);

/// Decodes values of just these types, without CAF in between; `unexpected_reply` where they are others.
MAILROOM_EXPORT expected<void> decode_into(std::span<const std::byte> bytes, std::span<const message_type* const> types,
                                           void (*load)(input_archive&, void*), void* target);

/// The names of the types of a message, or of a payload, as in "bank.deposit, i64".
MAILROOM_EXPORT std::string describe(const caf::type_erased_tuple& values);
std::string describe(std::span<const std::byte> bytes);

MAILROOM_EXPORT const message_type* find_type(std::type_index type);

} // namespace codec

/// A CAF message or mailbox element.
class tuple_payload final : public payload {
public:
  explicit tuple_payload(const caf::type_erased_tuple& values) : values_{values} {}
  expected<void> encode(byte_buffer& target) const override { return codec::encode(target, values_); }
  caf::message to_message() const override { return caf::message::copy(values_); }
  std::string describe() const override { return codec::describe(values_); }

private:
  const caf::type_erased_tuple& values_;
};

/// What `T` becomes in a message: text literals become strings.
template <class T>
using value_type_t =
  std::conditional_t<std::is_convertible_v<T, std::string_view> && !std::is_same_v<std::decay_t<T>, std::string>,
                     std::string, std::decay_t<T>>;

/// Values as they stand in the call.
template <class... Ts> class value_payload final : public payload {
public:
  explicit value_payload(const Ts&... values) : values_{values...} {}

  expected<void> encode(byte_buffer& target) const override {
    return std::apply(
      [&](const Ts&... each) {
        std::array<codec::element, sizeof...(Ts)> elements{codec::element{type_of<Ts>(), &each}...};
        return codec::encode(target, elements);
      },
      values_);
  }

  caf::message to_message() const override {
    return std::apply([](const Ts&... each) { return caf::make_message(Ts(each)...); }, values_);
  }

  std::string describe() const override { return codec::describe(to_message()); }

  template <class T> static const message_type* type_of() {
    static const auto* const result = codec::find_type(typeid(T));
    return result;
  }

private:
  std::tuple<const Ts&...> values_;
};

} // namespace mailroom
