#pragma once
// Writes and reads the bytes of a message, as a pair of cereal archives. The writer is plain: little endian, integers
// by their fixed width, counts as u32, no markers. The reader believes nothing: each size is checked against the bytes
// that are there before memory is taken, nesting, elements and memory have limits, and what no writer of ours could
// have written is an error. Types for which that cannot be promised do not compile, and the text says what to send.

#include <mailroom/export.hpp>
#include <mailroom/runtime/bytes.hpp>

#include <cereal/cereal.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <vector>

/// Says that an enum has no other values than those from `first` to `last`: any other is undecodable. An enum without
/// this line is open, and a message may bring any value of its underlying type. At global scope, before the first
/// message that holds the enum.
#define MAILROOM_CLOSED_ENUM(type, first, last)                                                                        \
  template <> struct mailroom::closed_enum<type> : std::true_type {                                                    \
    static constexpr bool contains(type mailroom_value) noexcept {                                                     \
      using enum type;                                                                                                 \
      static_assert((first) <= (last), "a closed enum goes from its first value to its last");                         \
      return mailroom_value >= (first) && mailroom_value <= (last);                                                    \
    }                                                                                                                  \
  };

namespace mailroom {

/// Specialised by MAILROOM_CLOSED_ENUM.
template <class Enum> struct closed_enum : std::false_type {};

/// Thrown where bytes are no message, and where nobody could read what is written. Other exceptions leave an archive
/// too: cereal's, the standard library's, and whatever a `serialize` function throws.
class MAILROOM_EXPORT archive_error : public std::runtime_error {
public:
  enum class kind : std::uint8_t {
    undecodable,     ///< not what any writer of this type writes, or beyond the limits
    version_mismatch ///< a class version (CEREAL_CLASS_VERSION) above ours
  };

  archive_error(kind why, const std::string& text);
  ~archive_error() override;

  kind why() const noexcept { return why_; }

private:
  kind why_;
};

/// What one message may take of its reader.
struct archive_limits {
  /// Of all containers together, not counting the bytes of strings and numbers. Fewer: a shorter worst decoding.
  std::size_t max_elements = std::size_t{1} << 24;

  /// Of values within values. More needs more stack, and the writer must know it too.
  std::size_t max_depth = 64;

  /// In bytes, of all elements. Without one it is `default_memory_budget` of the payload.
  std::optional<std::size_t> memory_budget{};
};

/// 64 bytes for each byte of payload, enough for a set of bytes, but 8 for each beyond 4.6 MiB; and 64 KiB more.
MAILROOM_EXPORT std::size_t default_memory_budget(std::size_t payload) noexcept;

// -- what may travel ---------------------------------------------------------

namespace detail {

template <class T, template <class...> class Template> inline constexpr bool is_a = false;
template <class... Args, template <class...> class Template>
inline constexpr bool is_a<Template<Args...>, Template> = true;

template <class T, template <class...> class... Templates>
inline constexpr bool is_any_of = (is_a<T, Templates> || ...);

template <class T, class... Ts> inline constexpr bool is_one_of = (std::is_same_v<T, Ts> || ...);

template <class T>
inline constexpr bool has_fixed_width =
  is_one_of<T, bool, char, signed char, unsigned char, char8_t, char16_t, char32_t, short, unsigned short, int,
            unsigned, long long, unsigned long long, std::int64_t, std::uint64_t, float, double>;

/// cereal casts a number to the enum before anybody can check it: defined only where the underlying type is fixed.
template <class T> inline constexpr bool is_fixed_enum = requires {
  T{std::underlying_type_t<T>{}};
};

template <class T> consteval void require_portable_number() {
  static_assert(!std::is_same_v<T, long double>,
                "long double does not travel: its format differs between compilers; use double");
  static_assert(!std::is_same_v<T, wchar_t>, "wchar_t does not travel: it has 2 bytes on Windows and 4 on Linux; "
                                             "use char or std::string with UTF-8, or char16_t");
  static_assert(has_fixed_width<T> || !is_one_of<T, long, unsigned long>,
                "long does not travel here: it has 4 bytes on Windows and 8 on Linux; "
                "use std::int32_t or std::int64_t");
  static_assert(has_fixed_width<T> || is_one_of<T, long, unsigned long, long double, wchar_t>,
                "this number type does not travel: not all compilers have it; use one of <cstdint>, float or double");
}

template <class T> consteval void require_portable() {
  static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !std::is_null_pointer_v<T>,
                "a raw pointer does not travel: it means nothing in another process; "
                "send the value or a std::unique_ptr");
  static_assert(!is_any_of<T, std::shared_ptr, std::weak_ptr>,
                "std::shared_ptr and std::weak_ptr do not travel: sharing ends at the process, and an id in hostile "
                "bytes could name an object of another type; send the value or a std::unique_ptr");
  static_assert(!is_a<T, cereal::DeferredData>,
                "cereal::defer does not travel: it serves shared pointers, and nested it corrupts memory; "
                "serialize the value in its place");
  if constexpr (std::is_arithmetic_v<T>)
    require_portable_number<T>();
  if constexpr (std::is_enum_v<T>)
    static_assert(is_fixed_enum<T>,
                  "an enum without a fixed underlying type does not travel: its width and range are the compiler's "
                  "choice; declare it as `enum class name` or `enum name : std::uint8_t`");
}

template <class T, class Archive> consteval void require_portable_pointee() {
  static_assert(!std::is_polymorphic_v<T>,
                "a pointer to a polymorphic class does not travel: the bytes would choose its type; "
                "send a std::variant");
  static_assert(!std::is_array_v<T>,
                "std::unique_ptr<T[]> does not travel: it does not know its size; use std::vector");
  static_assert(!cereal::traits::has_load_and_construct<T, Archive>::value,
                "load_and_construct does not travel: what it made leaks when the bytes run out; "
                "use a default constructor");
}

/// What lies in memory as it travels, on little-endian machines. std::byte is an enum that nobody closes.
template <class T> inline constexpr bool is_plain = std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>;

template <class T> consteval void require_plain() {
  static_assert(is_plain<T>,
                "cereal::binary_data travels for numbers only: how a class lies in memory is the compiler's choice; "
                "serialize its members");
  if constexpr (std::is_arithmetic_v<T>)
    require_portable_number<T>();
}

/// What cereal::binary_data points to, which takes pointers and arrays.
template <class T>
using element_of = std::remove_cv_t<std::remove_all_extents_t<std::remove_pointer_t<std::remove_reference_t<T>>>>;

/// What cereal puts around values; it is no nesting of the user's.
template <class T>
inline constexpr bool is_wrapper = is_any_of<T, cereal::NameValuePair, cereal::SizeTag, cereal::BinaryData,
                                             cereal::MapItem, cereal::base_class, cereal::virtual_base_class>;

/// Whether a value can hold values that hold values.
template <class T> inline constexpr bool nests = !is_wrapper<T> && (std::is_class_v<T> || std::is_union_v<T>);

/// The class whose version cereal may write in front of a value: its own, or the base class's that it is wrapped for.
template <class T> struct versioned { using type = T; };
template <class Base> struct versioned<cereal::base_class<Base>> : versioned<Base> {};
template <class Base> struct versioned<cereal::virtual_base_class<Base>> : versioned<Base> {};
template <class T> using versioned_part = typename versioned<T>::type;

template <class T, class Archive>
inline constexpr bool has_versioned_load = cereal::traits::has_member_versioned_serialize<T, Archive>::value
                                           || cereal::traits::has_non_member_versioned_serialize<T, Archive>::value
                                           || cereal::traits::has_member_versioned_load<T, Archive>::value
                                           || cereal::traits::has_non_member_versioned_load<T, Archive>::value
                                           || cereal::traits::has_member_versioned_load_minimal<T, Archive>::value
                                           || cereal::traits::has_non_member_versioned_load_minimal<T, Archive>::value;

template <class T> inline constexpr bool must_swap = std::endian::native == std::endian::big && sizeof(T) > 1;

template <class T> T swapped(T value) noexcept {
  auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
  std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<T>(bytes);
}

/// Keeps the compiler from reading the memory behind a checked value once more: the sender may still be writing there.
template <class T> T settled(T value) noexcept {
#ifdef __GNUC__
  if constexpr (std::is_integral_v<T>)
    asm("" : "+r"(value));
#endif
  return value;
}

} // namespace detail

// -- the two archives --------------------------------------------------------

/// Appends the bytes of values to a buffer, where they are when `operator()` returns. Throws `archive_error` where no
/// reader would take them back. After an exception the archive is of no use and the buffer ends somewhere in the
/// message: whoever owns it cuts it.
class output_archive : public cereal::OutputArchive<output_archive, cereal::AllowEmptyClassElision> {
public:
  explicit output_archive(byte_buffer& sink, std::size_t max_depth = archive_limits{}.max_depth)
    : OutputArchive{this}, sink_{&sink}, max_depth_{max_depth}, depth_left_{max_depth} {}

  /// Begins another message, as a new archive would, which takes more time than a small message. Not after an exception, nor where `remembers`.
  void restart(byte_buffer& sink) noexcept { sink_ = &sink; }

  /// Whether cereal has written what it does not write again in the same archive.
  bool remembers() const noexcept { return remembers_; }
  void remember() noexcept { remembers_ = true; }

  /// Writes one number.
  template <class T> void save_number(T value) {
    detail::require_portable_number<T>();
    if constexpr (detail::must_swap<T>)
      value = detail::swapped(value);
    append(&value, sizeof(T));
  }

  /// Writes `count` numbers in a row.
  template <class T> void save_numbers(const T* values, std::size_t count) {
    detail::require_plain<T>();
    if constexpr (detail::must_swap<T>)
      std::for_each_n(values, count, [this](T value) { save_number(value); });
    else if (count != 0)
      append(values, count * sizeof(T));
  }

  /// Writes the number of elements that follow.
  void save_count(std::uint64_t count) {
    if (count > UINT32_MAX)
      refuse_count(count);
    save_number(static_cast<std::uint32_t>(count));
  }

  /// Around each value that can hold others.
  void enter() {
    if (depth_left_ == 0)
      refuse_depth();
    --depth_left_;
  }
  void leave() {
    ++depth_left_;
    flush_at_end();
  }

  [[noreturn]] MAILROOM_EXPORT static void refuse_enum();

private:
  void append(const void* data, std::size_t size) {
    if (size > stage_.size() - staged_) {
      append_unstaged(data, size);
    } else {
      std::memcpy(stage_.data() + staged_, data, size);
      staged_ += size;
    }
    flush_at_end();
  }

  /// Nothing stays behind once no value is open.
  void flush_at_end() {
    if (depth_left_ == max_depth_)
      flush();
  }

  MAILROOM_EXPORT void flush();
  MAILROOM_EXPORT void append_unstaged(const void* data, std::size_t size);
  [[noreturn]] MAILROOM_EXPORT static void refuse_count(std::uint64_t count);
  [[noreturn]] MAILROOM_EXPORT static void refuse_depth();

  byte_buffer* sink_;
  std::size_t max_depth_;
  std::size_t depth_left_;
  bool remembers_ = false;

  // growing a vector by one number takes 6 ns, this takes 1
  std::size_t staged_ = 0;
  std::array<std::byte, 256> stage_;
};

/// Reads values back from bytes that anybody may have written. Each byte is read once, so that they may lie in memory
/// that the sender can still write; they must outlive the archive. After an `archive_error` nothing more can be read.
class input_archive : public cereal::InputArchive<input_archive, cereal::AllowEmptyClassElision> {
public:
  explicit input_archive(std::span<const std::byte> bytes, const archive_limits& limits = {})
    : InputArchive{this},
      cursor_{bytes.data()},
      end_{bytes.data() + bytes.size()},
      limits_{limits},
      elements_left_{limits.max_elements},
      depth_left_{limits.max_depth},
      budget_{limits.memory_budget ? *limits.memory_budget : default_memory_budget(bytes.size())},
      memory_left_{budget_} {}

  input_archive(const std::byte* data, std::size_t size, const archive_limits& limits = {})
    : input_archive{std::span{data, size}, limits} {}

  /// As for writing.
  void restart(std::span<const std::byte> bytes) noexcept {
    cursor_ = bytes.data();
    end_ = bytes.data() + bytes.size();
    elements_left_ = limits_.max_elements;
    budget_ = limits_.memory_budget ? *limits_.memory_budget : default_memory_budget(bytes.size());
    memory_left_ = budget_;
  }
  bool remembers() const noexcept { return remembers_; }
  void remember() noexcept { remembers_ = true; }

  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - cursor_); }

  /// What was charged so far: about how much more memory the values take than their bytes.
  std::size_t memory_charged() const noexcept { return budget_ - memory_left_; }

  /// Ends the message. Throws `undecodable` if bytes are left over, or if somebody swallowed an `archive_error`.
  MAILROOM_EXPORT void finish();

  // -- for load functions ----------------------------------------------------

  /// Reads one number; a bool only as 0 or 1.
  template <class T> T load_number() {
    detail::require_portable_number<T>();
    if constexpr (std::is_same_v<T, bool>) {
      return load_flag();
    } else {
      T result;
      std::memcpy(&result, take(sizeof(T)), sizeof(T));
      if constexpr (detail::must_swap<T>)
        result = detail::swapped(result);
      return detail::settled(result);
    }
  }

  /// Reads `count` numbers in a row, for which room is there.
  template <class T> void load_numbers(T* values, std::size_t count) {
    detail::require_plain<T>();
    if constexpr (std::is_same_v<T, bool> || detail::must_swap<T>)
      std::generate_n(values, count, [this] { return load_number<T>(); });
    else if (count != 0)
      std::memcpy(values, take(count * sizeof(T)), count * sizeof(T));
  }

  /// Reads how many numbers of `width` bytes follow in a row; that many are there.
  MAILROOM_EXPORT std::size_t load_length(std::size_t width);

  /// Reads how many elements follow, and charges `cost` bytes of memory for each. Never more than bytes are left, so
  /// that a loop over elements without bytes ends.
  MAILROOM_EXPORT std::size_t load_count(std::size_t cost);

  /// The next `size` bytes, which are there.
  const std::byte* take(std::size_t size) {
    if (size > remaining())
      refuse_size(size);
    return std::exchange(cursor_, cursor_ + size);
  }

  /// Takes memory out of the message's budget. Call it before the memory is taken.
  void charge(std::uint64_t bytes) {
    if (bytes > memory_left_)
      refuse_memory();
    memory_left_ -= static_cast<std::size_t>(bytes);
  }

  /// Ends the reading for good.
  [[noreturn]] MAILROOM_EXPORT void refuse(const std::string& text,
                                           archive_error::kind why = archive_error::kind::undecodable);

  // -- for cereal's hooks ----------------------------------------------------

  /// Around each value that can hold others.
  void enter() {
    if (depth_left_ == 0)
      refuse_depth();
    --depth_left_;
  }
  void leave() noexcept { ++depth_left_; }

  /// The next value's class has version `ours`. If it is the first of its class, cereal reads the bytes' version next.
  void expect_version(std::uint32_t ours) noexcept { version_ = ours; }
  void check_version(const char* name, std::uint32_t theirs) {
    if (version_)
      compare_version(name, theirs);
  }

private:
  bool load_flag() {
    auto byte = load_number<std::uint8_t>();
    if (byte > 1)
      refuse_flag();
    return byte == 1;
  }

  MAILROOM_EXPORT void compare_version(const char* name, std::uint32_t theirs);
  [[noreturn]] MAILROOM_EXPORT void refuse_size(std::size_t size);
  [[noreturn]] MAILROOM_EXPORT void refuse_memory();
  [[noreturn]] MAILROOM_EXPORT void refuse_depth();
  [[noreturn]] MAILROOM_EXPORT void refuse_flag();

  const std::byte* cursor_;
  const std::byte* end_;
  archive_limits limits_;
  std::size_t elements_left_;
  std::size_t depth_left_;
  std::size_t budget_;
  std::size_t memory_left_;
  std::optional<std::uint32_t> version_;
  bool refused_ = false;
  bool remembers_ = false;
};

// -- cereal calls these around each value ------------------------------------

namespace detail {

template <class T> constexpr bool loads_with_version() {
  if constexpr (nests<T>)
    return has_versioned_load<T, input_archive>;
  else
    return false;
}

template <class T> inline constexpr bool is_versioned = loads_with_version<T>();

/// Whether cereal keeps in an archive that it has met a `T`: its version comes once, and so does a virtual base class.
template <class T>
inline constexpr bool is_remembered = is_versioned<versioned_part<T>> || is_a<T, cereal::virtual_base_class>;

} // namespace detail

template <class T> void prologue(output_archive& ar, const T& value) {
  detail::require_portable<T>();
  if constexpr (detail::nests<T>)
    ar.enter();
  if constexpr (closed_enum<T>::value)
    if (!closed_enum<T>::contains(value))
      ar.refuse_enum();
  static_assert(
    CEREAL_THREAD_SAFE || !detail::is_versioned<detail::versioned_part<T>>,
    "class versions travel only with CEREAL_THREAD_SAFE=1: without it cereal's global map of them has no lock");
  if constexpr (detail::is_remembered<T>)
    ar.remember();
}

template <class T> void epilogue(output_archive& ar, const T&) {
  if constexpr (detail::nests<T>)
    ar.leave();
}

template <class T> void prologue(input_archive& ar, const T&) {
  detail::require_portable<T>();
  if constexpr (detail::nests<T>)
    ar.enter();
  if constexpr (detail::is_a<T, cereal::virtual_base_class>)
    ar.charge(8 * sizeof(void*)); // cereal remembers each one in a set
  if constexpr (detail::is_versioned<detail::versioned_part<T>>)
    ar.expect_version(cereal::detail::Version<detail::versioned_part<T>>::version);
  if constexpr (detail::is_remembered<T>)
    ar.remember();
}

template <class T> void epilogue(input_archive& ar, const T& value) {
  if constexpr (detail::nests<T>)
    ar.leave();
  if constexpr (closed_enum<T>::value)
    if (!closed_enum<T>::contains(value))
      ar.refuse("a value outside of its closed enum");
}

// -- cereal finds these through the archive's namespace ----------------------

template <class T>
requires std::is_arithmetic_v<T>
void save(output_archive& ar, const T& value) {
  ar.save_number(value);
}

template <class T>
requires std::is_arithmetic_v<T>
void load(input_archive& ar, T& value) {
  value = ar.load_number<T>();
}

template <class T> void save(output_archive& ar, const cereal::NameValuePair<T>& pair) {
  ar(pair.value);
}

template <class T> void load(input_archive& ar, cereal::NameValuePair<T>& pair) {
  ar(pair.value);
  if constexpr (std::is_same_v<T, std::uint32_t&>)
    ar.check_version(pair.name, pair.value);
}

template <class T> void save(output_archive& ar, const cereal::SizeTag<T>& tag) {
  ar.save_count(tag.size);
}

/// The count of a container that we do not know: what an element takes of memory is a guess then.
template <class T> void load(input_archive& ar, cereal::SizeTag<T>& tag) {
  tag.size = static_cast<std::remove_reference_t<T>>(ar.load_count(sizeof(void*)));
}

template <class T> void save(output_archive& ar, const cereal::BinaryData<T>& block) {
  using element = detail::element_of<T>;
  ar.save_numbers(static_cast<const element*>(block.data), static_cast<std::size_t>(block.size) / sizeof(element));
}

template <class T> void load(input_archive& ar, cereal::BinaryData<T>& block) {
  using element = detail::element_of<T>;
  ar.load_numbers(static_cast<element*>(block.data), static_cast<std::size_t>(block.size) / sizeof(element));
}

// -- containers: cereal's own load functions resize first and ask later -------

namespace detail {

/// Links, hash, bucket and what the allocator adds, for containers that allocate each element.
inline constexpr std::size_t node_cost = 6 * sizeof(void*);

template <class Container> void load_plain(input_archive& ar, Container& target) {
  using element = typename Container::value_type;
  auto count = ar.load_length(sizeof(element));
  if constexpr (is_one_of<element, char, unsigned char, std::byte>) {
    auto begin = reinterpret_cast<const element*>(ar.take(count));
    target.assign(begin, begin + count);
  } else {
    target.resize(count);
    ar.load_numbers(target.data(), count);
  }
}

template <class Container> void load_back(input_archive& ar, Container& target, std::size_t cost) {
  target.clear();
  auto count = ar.load_count(cost);
  if constexpr (requires { target.reserve(count); })
    target.reserve(count);
  for (; count > 0; --count)
    ar(target.emplace_back());
}

/// Reads the next element of an associative container and puts it in by `insert`, which must add one.
template <class Container, class Insert> void load_keyed(input_archive& ar, Container& target, Insert insert) {
  target.clear();
  auto count = ar.load_count(sizeof(typename Container::value_type) + node_cost);
  if constexpr (requires { target.reserve(count); })
    target.reserve(count);
  for (std::size_t size = 1; size <= count; ++size) {
    auto key = typename Container::key_type();
    ar(key);
    insert(std::move(key));
    if (target.size() != size)
      ar.refuse("a key that comes twice");
  }
}

template <class Set> void load_set(input_archive& ar, Set& target) {
  // the end as hint: elements come in order, and equal ones keep it
  load_keyed(ar, target, [&](auto&& key) { target.emplace_hint(target.end(), std::move(key)); });
}

template <class Map> void load_map(input_archive& ar, Map& target) {
  load_keyed(ar, target, [&](auto&& key) { ar(target.try_emplace(target.end(), std::move(key))->second); });
}

template <class Map> void load_multimap(input_archive& ar, Map& target) {
  load_keyed(ar, target, [&](auto&& key) {
    ar(target.emplace_hint(target.end(), std::move(key), typename Map::mapped_type())->second);
  });
}

} // namespace detail

template <class Char, class Traits, class A> void load(input_archive& ar, std::basic_string<Char, Traits, A>& target) {
  detail::load_plain(ar, target);
}

template <class T, class A> void load(input_archive& ar, std::vector<T, A>& target) {
  if constexpr (detail::is_plain<T>)
    detail::load_plain(ar, target);
  else
    detail::load_back(ar, target, sizeof(T));
}

template <class A> void save(output_archive& ar, const std::vector<std::byte, A>& source) {
  ar.save_count(source.size());
  ar.save_numbers(source.data(), source.size());
}

template <class A> void load(input_archive& ar, std::vector<bool, A>& target) {
  target.clear();
  auto count = ar.load_length(1);
  target.reserve(count);
  for (; count > 0; --count)
    target.push_back(ar.load_number<bool>());
}

template <class T, class A> void load(input_archive& ar, std::deque<T, A>& target) {
  ar.charge(1024); // its first blocks
  detail::load_back(ar, target, sizeof(T) + 2 * sizeof(void*));
}

template <class T, class A> void load(input_archive& ar, std::list<T, A>& target) {
  detail::load_back(ar, target, sizeof(T) + detail::node_cost);
}

template <class T, class A> void load(input_archive& ar, std::forward_list<T, A>& target) {
  target.clear();
  auto last = target.before_begin();
  for (auto count = ar.load_count(sizeof(T) + detail::node_cost); count > 0; --count) {
    last = target.emplace_after(last);
    ar(*last);
  }
}

template <class K, class C, class A> void load(input_archive& ar, std::set<K, C, A>& target) {
  detail::load_set(ar, target);
}

template <class K, class C, class A> void load(input_archive& ar, std::multiset<K, C, A>& target) {
  detail::load_set(ar, target);
}

template <class K, class H, class E, class A> void load(input_archive& ar, std::unordered_set<K, H, E, A>& target) {
  detail::load_set(ar, target);
}

template <class K, class H, class E, class A>
void load(input_archive& ar, std::unordered_multiset<K, H, E, A>& target) {
  detail::load_set(ar, target);
}

template <class K, class T, class C, class A> void load(input_archive& ar, std::map<K, T, C, A>& target) {
  detail::load_map(ar, target);
}

template <class K, class T, class H, class E, class A>
void load(input_archive& ar, std::unordered_map<K, T, H, E, A>& target) {
  detail::load_map(ar, target);
}

template <class K, class T, class C, class A> void load(input_archive& ar, std::multimap<K, T, C, A>& target) {
  detail::load_multimap(ar, target);
}

template <class K, class T, class H, class E, class A>
void load(input_archive& ar, std::unordered_multimap<K, T, H, E, A>& target) {
  detail::load_multimap(ar, target);
}

// cereal's own takes the address of the first element, also where there is none
template <class T> void save(output_archive& ar, const std::valarray<T>& source) {
  ar.save_count(source.size());
  for (std::size_t i = 0; i < source.size(); ++i)
    ar(source[i]);
}

template <class T> void load(input_archive& ar, std::valarray<T>& target) {
  target.resize(detail::is_plain<T> ? ar.load_length(sizeof(T)) : ar.load_count(sizeof(T)));
  for (auto& element : target)
    ar(element);
}

// cereal's own copies the one byte that an empty array has as an object, from a null pointer
template <class T> void save(output_archive&, const std::array<T, 0>&) {
  // nop
}

template <class T> void load(input_archive&, std::array<T, 0>&) {
  // nop
}

// cereal's own also reads the forms of text archives, one of which is an unsigned long
template <std::size_t N> void load(input_archive& ar, std::bitset<N>& target) {
  constexpr std::uint8_t as_bits = 3;
  if (ar.load_number<std::uint8_t>() != as_bits)
    ar.refuse("a bitset that is not written as bits");
  std::uint8_t chunk = 0;
  for (std::size_t i = 0; i < N; ++i) {
    if (i % 8 == 0)
      chunk = ar.load_number<std::uint8_t>();
    target[i] = (chunk >> (7 - i % 8) & 1) != 0;
  }
}

// cereal's own takes any byte but 0 for an object
template <class T, class D> void save(output_archive& ar, const std::unique_ptr<T, D>& source) {
  detail::require_portable_pointee<T, input_archive>();
  ar(source != nullptr);
  if (source)
    ar(*source);
}

template <class T, class D> void load(input_archive& ar, std::unique_ptr<T, D>& target) {
  detail::require_portable_pointee<T, input_archive>();
  target.reset();
  if (!ar.load_number<bool>())
    return;
  ar.charge(sizeof(T) + 2 * sizeof(void*));
  std::unique_ptr<std::remove_const_t<T>> made{cereal::access::construct<std::remove_const_t<T>>()};
  ar(*made);
  target.reset(made.release());
}

} // namespace mailroom

CEREAL_SETUP_ARCHIVE_TRAITS(mailroom::input_archive, mailroom::output_archive)
