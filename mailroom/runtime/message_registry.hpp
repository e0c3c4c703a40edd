#pragma once
// Which C++ type has which name on the wire, and how to save and load it. Filled before `main` by MAILROOM_MESSAGE and read by the codec.

#include <mailroom/runtime/archive.hpp>
#include <mailroom/runtime/caf_version.hpp>
#include <mailroom/runtime/error.hpp>

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

namespace mailroom {

/// One type that can travel. Lives as long as the program.
struct message_type {
  std::string name;
  std::type_index type;
  void (*save)(output_archive&, const void* value);
  caf::message (*load)(input_archive&);                       ///< as the only element of a message
  caf::type_erased_value_ptr (*load_element)(input_archive&); ///< as one of several
};

/// Any thread.
class MAILROOM_EXPORT message_registry {
public:
  static message_registry& instance();

  /// Registers `T` as `name`. Doing so twice is fine; two types of one name are remembered as a conflict.
  template <class T> void add(std::string_view name) {
    add(message_type{std::string{name}, typeid(T), &save<T>, &load<T>, &load_element<T>});
  }

  /// Null where unknown.
  const message_type* find(std::string_view name) const;
  const message_type* find(std::type_index type) const;

  /// The first pair of types that want one name; empty for none.
  std::string conflict() const;

private:
  message_registry();

  template <class T> static void save(output_archive& out, const void* value) { out(*static_cast<const T*>(value)); }
  template <class T> static caf::message load(input_archive& in) {
    return caf_version::make_message_in_place<T>([&](T& value) { in(value); });
  }
  template <class T> static caf::type_erased_value_ptr load_element(input_archive& in) {
    T value{};
    in(value);
    return caf::make_type_erased_value<T>(std::move(value));
  }

  void add(message_type type);

  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<message_type>, hash, std::equal_to<>> by_name_;
  std::unordered_map<std::type_index, const message_type*> by_type_;
  std::string conflict_;
};

} // namespace mailroom
