#pragma once
// Where a message goes: `process/mailbox`. Text is parsed at the edge; within the library names are typed and known to be legal.

#include <mailroom/runtime/error.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailroom {

/// 128 random bits that tell one life of a process from the next under the same name.
struct incarnation {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool known() const noexcept { return high != 0 || low != 0; }
  friend auto operator<=>(const incarnation&, const incarnation&) = default;

  template <class Archive> void serialize(Archive& ar) { ar(high, low); }
};

/// The name of a process: 1 to 64 of `A-Z a-z 0-9 . _ -`, not beginning with a dot, case-sensitive.
class MAILROOM_EXPORT process_name {
public:
  /// Fails with `invalid_address`, naming the character.
  static expected<process_name> parse(std::string_view text);

  /// The nearest legal name: what is illegal becomes `_`, the rest beyond 64 is cut.
  static process_name nearest(std::string_view text);

  const std::string& str() const noexcept { return text_; }
  friend auto operator<=>(const process_name&, const process_name&) = default;

private:
  explicit process_name(std::string text) : text_{std::move(text)} {}
  std::string text_;
};

/// The name of a mailbox within its process: 1 to 8 segments, each as a process name, joined by `/`.
class MAILROOM_EXPORT mailbox_name {
public:
  static expected<mailbox_name> parse(std::string_view text);

  const std::string& str() const noexcept { return text_; }
  friend auto operator<=>(const mailbox_name&, const mailbox_name&) = default;

private:
  explicit mailbox_name(std::string text) : text_{std::move(text)} {}
  std::string text_;
};

/// A mailbox, by name (`bank/ledger`) or, where it has none, by number (`bank/#7`). An empty process means this process.
/// An address by number means one incarnation of the process; it is a registered message type, so that it can travel.
class MAILROOM_EXPORT address {
public:
  /// Fails with `invalid_address`, naming the character.
  static expected<address> parse(std::string_view text);

  /// The mailbox without a name that has `number` in `life` of `process`.
  static address of(const process_name& process, std::uint64_t number, incarnation life);

  address() = default;

  const std::string& process() const noexcept { return process_; }

  /// Empty for a mailbox without a name.
  const std::string& mailbox() const noexcept { return mailbox_; }

  /// 0 for a mailbox with a name.
  std::uint64_t number() const noexcept { return number_; }

  /// Unknown for an address that was read from text.
  const incarnation& life() const noexcept { return life_; }

  /// The same mailbox with this process spelled out.
  address within(const std::string& process) const;

  friend auto operator<=>(const address&, const address&) = default;

  template <class Archive> void save(Archive& ar) const { ar(to_string(*this), life_); }
  template <class Archive> void load(Archive& ar) {
    std::string text;
    incarnation life;
    ar(text, life);
    assign(text, life);
  }

  friend MAILROOM_EXPORT std::string to_string(const address& what);

private:
  /// Throws `failure` where `text` is no address: a decoder's way out.
  void assign(std::string_view text, incarnation life);

  std::string process_;
  std::string mailbox_;
  std::uint64_t number_ = 0;
  incarnation life_;
};

/// Where a call goes: an address, or its text. Refers to what it was made of, which must outlive it: for parameters.
class MAILROOM_EXPORT destination {
public:
  // NOLINTBEGIN(google-explicit-constructor): `send("bank/ledger", ...)` is what programs write, and an address serves as well
  destination(const char* text) : text_{text} {}
  destination(std::string_view text) : text_{text} {}
  destination(const std::string& text) : text_{text} {}
  destination(const address& parsed) : parsed_{&parsed} {}
  // NOLINTEND(google-explicit-constructor)

  std::string_view text() const noexcept { return text_; }
  const address* parsed() const noexcept { return parsed_; }

private:
  std::string_view text_;
  const address* parsed_ = nullptr;
};

} // namespace mailroom
