#pragma once
// Messages: types with a stable name on the wire. `MAILROOM_MESSAGE(bank::deposit, "bank.deposit")` at global scope, in the header that
// the programs share, is all that a type needs beside a cereal `serialize`.

#include <mailroom/runtime/address.hpp>
#include <mailroom/runtime/message_registry.hpp>

#include <caf/allowed_unsafe_message_type.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <type_traits>

namespace mailroom::detail {

/// Specialised by MAILROOM_MESSAGE.
template <class T> struct message_name { static constexpr bool known = false; };

/// Registers `T` and `std::vector<T>` once, however many translation units and libraries see the macro.
template <class T> struct registration {
  static_assert(std::is_copy_constructible_v<T>, "a message must be copyable: one message can go to several mailboxes");
  static_assert(std::is_default_constructible_v<T>,
                "a message must be default-constructible: it is made before it is read");
  static bool done();
};

template <class T> bool registration<T>::done() {
  message_registry::instance().add<T>(message_name<T>::value);
  message_registry::instance().add<std::vector<T>>("[" + std::string{message_name<T>::value} + "]");
  return true;
}

} // namespace mailroom::detail

/// Gives the type `T` the name `NAME` on the wire: 1 to 200 characters, unique among all messages of all programs that talk to each
/// other, and never changed. Two types of one name in one program make the constructor of `system` throw.
#define MAILROOM_MESSAGE(T, NAME)                                                                                      \
  template <> struct mailroom::detail::message_name<T> {                                                               \
    static constexpr bool known = true;                                                                                \
    static constexpr std::string_view value = NAME;                                                                    \
    static_assert(!value.empty() && value.size() <= 200, "a message name has 1 to 200 characters");                    \
    inline static const bool registered = ::mailroom::detail::registration<T>::done();                                 \
  };                                                                                                                   \
  template <> struct caf::allowed_unsafe_message_type<T> : std::true_type {};                                          \
  template <> struct caf::allowed_unsafe_message_type<std::vector<T>> : std::true_type {};

/// The same where the message is compiled in one source file alone, the one that has MAILROOM_INSTANTIATE_MESSAGE(T): worth it for messages that
/// many include, since to compile one takes half a second (GCC 12, -O3). What follows NAME is how to export it from a shared library.
#define MAILROOM_EXTERN_MESSAGE(T, NAME, ...)                                                                          \
  extern template struct __VA_ARGS__ mailroom::detail::registration<T>;                                                \
  MAILROOM_MESSAGE(T, NAME)

/// Compiles a message of MAILROOM_EXTERN_MESSAGE.
#define MAILROOM_INSTANTIATE_MESSAGE(T) template struct mailroom::detail::registration<T>;

MAILROOM_EXTERN_MESSAGE(mailroom::address, "mailroom.address", MAILROOM_EXPORT)
