#pragma once
// The messages of the tests.

#include <mailroom/message.hpp>

#include <caf/atom.hpp>
#include <caf/error.hpp>

namespace test {

struct number {
  std::int64_t value = 0;
  template <class Archive> void serialize(Archive& ar) { ar(value); }
  friend bool operator==(const number&, const number&) = default;
};

struct text {
  std::string value;
  template <class Archive> void serialize(Archive& ar) { ar(value); }
  friend bool operator==(const text&, const text&) = default;
};

/// One of a numbered series from one sender.
struct item {
  std::uint32_t sender = 0;
  std::uint64_t sequence = 0;
  std::vector<std::uint8_t> padding;
  template <class Archive> void serialize(Archive& ar) { ar(sender, sequence, padding); }
};

/// What a recorder saw of such series.
struct report {
  std::uint64_t count = 0;
  std::uint64_t disorder = 0; ///< items that came twice, or before an earlier one
  std::uint64_t last = 0;
  template <class Archive> void serialize(Archive& ar) { ar(count, disorder, last); }
};

/// Asks for an answer after a while.
struct later {
  std::int64_t milliseconds = 0;
  std::int64_t value = 0;
  template <class Archive> void serialize(Archive& ar) { ar(milliseconds, value); }
};

/// Asks to be passed on to another mailbox.
struct forward {
  mailroom::address to;
  std::int64_t value = 0;
  template <class Archive> void serialize(Archive& ar) { ar(to, value); }
};

/// Known to the process that has the mailboxes and not to the tests, or the other way: see `stranger`.
struct unspeakable {
  int value = 0;
};

/// A program's own errors.
inline constexpr auto own_category = caf::atom("testbank");

} // namespace test

MAILROOM_EXTERN_MESSAGE(test::number, "test.number")
MAILROOM_EXTERN_MESSAGE(test::text, "test.text")
MAILROOM_EXTERN_MESSAGE(test::item, "test.item")
MAILROOM_EXTERN_MESSAGE(test::report, "test.report")
MAILROOM_EXTERN_MESSAGE(test::later, "test.later")
MAILROOM_EXTERN_MESSAGE(test::forward, "test.forward")

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(test::unspeakable)
