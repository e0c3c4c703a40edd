// What the archives promise: every value comes back as it was, the bytes are those of docs/wire_format.md, and no bytes
// whatever make the reader crash, hang or take more memory than its budget. Row 10 of the faults.

#include <mailroom/runtime/archive.hpp>

#include <tests/support/catch.hpp>

#include <cereal/types/array.hpp>
#include <cereal/types/atomic.hpp>
#include <cereal/types/bitset.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/forward_list.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/queue.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/stack.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/valarray.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <functional>
#include <iterator>
#include <sstream>

using mailroom::archive_error;
using mailroom::archive_limits;
using mailroom::byte_buffer;
using mailroom::input_archive;
using mailroom::output_archive;

using namespace std::string_literals;

// -- messages ----------------------------------------------------------------

namespace post {

enum class stamp : std::uint8_t { none, local, abroad };
enum class weight { light = -1, heavy = 1 };
enum carrier : std::uint16_t { foot, horse, mail_coach = 700 };
enum class fragile : bool { no, yes };

struct empty {
  friend auto operator<=>(const empty&, const empty&) = default;
};

struct parcel {
  std::string to;
  std::int64_t cents = 0;
  stamp paid = stamp::none;

  friend auto operator<=>(const parcel&, const parcel&) = default;

  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(to), CEREAL_NVP(cents), CEREAL_NVP(paid)); }
};

/// Its size in memory is no measure of its bytes: 1 byte stands for 4,000.
struct fat {
  std::array<char, 3999> room{};
  std::uint8_t tag = 0;

  friend auto operator<=>(const fat& a, const fat& b) { return a.tag <=> b.tag; }
  friend bool operator==(const fat& a, const fat& b) { return a.tag == b.tag; }

  template <class Archive> void serialize(Archive& ar) { ar(tag); }
};

/// Holds itself, in each of the ways there are.
struct nest {
  std::vector<nest> inner;
  friend bool operator==(const nest&, const nest&) = default;
  template <class Archive> void serialize(Archive& ar) { ar(inner); }
};

struct chain {
  std::unique_ptr<chain> next;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(next)); }
};

struct choice {
  std::vector<std::variant<std::monostate, choice>> way;
  template <class Archive> void serialize(Archive& ar) { ar(way); }
};

struct tree {
  std::map<std::uint8_t, tree> branches;
  template <class Archive> void serialize(Archive& ar) { ar(branches); }
};

class hidden {
public:
  hidden() = default;
  explicit hidden(int value) : value_{value} {}
  friend bool operator==(const hidden&, const hidden&) = default;

private:
  friend class cereal::access;
  template <class Archive> void save(Archive& ar) const { ar(value_); }
  template <class Archive> void load(Archive& ar) { ar(value_); }
  int value_ = 0;
};

struct minimal {
  std::string text;
  friend bool operator==(const minimal&, const minimal&) = default;
  template <class Archive> std::string save_minimal(const Archive&) const { return text; }
  template <class Archive> void load_minimal(const Archive&, const std::string& value) { text = value; }
};

struct base {
  int n = 0;
  friend bool operator==(const base&, const base&) = default;
  template <class Archive> void serialize(Archive& ar) { ar(n); }
};

struct derived : base {
  bool more = false;
  friend bool operator==(const derived&, const derived&) = default;
  template <class Archive> void serialize(Archive& ar) { ar(cereal::base_class<base>(this), more); }
};

struct left : virtual base {
  int l = 0;
  template <class Archive> void serialize(Archive& ar) { ar(cereal::virtual_base_class<base>(this), l); }
};

struct right : virtual base {
  int r = 0;
  template <class Archive> void serialize(Archive& ar) { ar(cereal::virtual_base_class<base>(this), r); }
};

struct diamond : left, right {
  friend bool operator==(const diamond& a, const diamond& b) { return a.n == b.n && a.l == b.l && a.r == b.r; }
  template <class Archive> void serialize(Archive& ar) {
    ar(cereal::base_class<left>(this), cereal::base_class<right>(this));
  }
};

struct versioned {
  std::uint32_t n = 0;
  std::uint32_t since = 0;
  friend bool operator==(const versioned& a, const versioned& b) { return a.n == b.n; }
  template <class Archive> void serialize(Archive& ar, std::uint32_t version) {
    since = version;
    ar(CEREAL_NVP(n));
  }
};

struct on_versioned : versioned {
  template <class Archive> void serialize(Archive& ar) { ar(cereal::base_class<versioned>(this)); }
};

struct outside {
  std::uint32_t n = 0;
};
template <class Archive> void save(Archive& ar, const outside& value, std::uint32_t) {
  ar(value.n);
}
template <class Archive> void load(Archive& ar, outside& value, std::uint32_t) {
  ar(value.n);
}

/// A container that mailroom does not know, written as cereal's own are.
struct ring {
  std::vector<fat> slots;
  template <class Archive> void save(Archive& ar) const {
    ar(cereal::make_size_tag(static_cast<cereal::size_type>(slots.size())));
    for (auto& slot : slots)
      ar(slot);
  }
  template <class Archive> void load(Archive& ar) {
    cereal::size_type size = 0;
    ar(cereal::make_size_tag(size));
    slots.clear();
    for (; size > 0; --size)
      ar(slots.emplace_back());
  }
};

/// Numbers in arrays of all sorts.
struct arrays {
  int c[3] = {1, -2, 3};
  char text[4] = "abc";
  bool flags[2] = {true, false};
  stamp stamps[2] = {stamp::local, stamp::abroad};
  std::uint16_t square[2][2] = {{1, 2}, {3, 4}};
  std::array<double, 2> a{0.5, -0.5};
  std::array<bool, 2> b{true, false};
  std::array<std::string, 2> s{"x", ""};

  bool operator==(const arrays&) const = default;
  template <class Archive> void serialize(Archive& ar) { ar(c, text, flags, stamps, square, a, b, s); }
};

/// One of everything, to be cut and flipped.
struct everything {
  bool flag = true;
  std::int8_t i8 = -1;
  std::uint64_t u64 = 0x0123456789abcdef;
  double real = 1.5;
  stamp paid = stamp::abroad;
  std::string text = "text";
  std::u16string wide = u"\u00e4\u20ac";
  std::vector<std::uint32_t> numbers{1, 2, 3};
  std::vector<bool> bits{true, false, true};
  std::vector<std::byte> bytes{std::byte{7}, std::byte{8}};
  std::vector<parcel> parcels{{"ada", 500, stamp::local}, {"bob", -1, stamp::none}};
  std::list<std::string> list{"a", "bc"};
  std::deque<std::int16_t> deque{1, 2};
  std::forward_list<std::uint8_t> forward{1, 2};
  std::set<std::string> set{"k", "l"};
  std::multiset<std::uint8_t> multiset{1, 1};
  std::map<std::uint8_t, std::string> map{{1, "one"}, {2, "two"}};
  std::multimap<std::uint8_t, std::string> multimap{{1, "one"}, {1, "uno"}};
  std::unordered_set<std::uint8_t> unordered_set{1, 2};
  std::unordered_map<std::string, std::uint8_t> unordered_map{{"x", 1}};
  std::unordered_multimap<std::uint8_t, std::uint8_t> unordered_multimap{{1, 1}, {1, 2}};
  std::unordered_multiset<std::uint8_t> unordered_multiset{3, 3};
  std::optional<parcel> some = parcel{"eve", 1, stamp::none};
  std::optional<std::string> nothing;
  std::variant<std::monostate, std::string, parcel> variant = "chosen"s;
  std::pair<int, std::tuple<bool, std::string>> pair{1, {true, "t"}};
  std::bitset<11> bitset{0x5a5};
  std::chrono::milliseconds time{1500};
  std::complex<float> complex{1, 2};
  nest nested{{nest{}, nest{{nest{}}}}};
  versioned version{3};
  std::unique_ptr<derived> owned = std::make_unique<derived>();
  arrays array;

  auto fields() {
    return std::tie(flag, i8, u64, real, paid, text, wide, numbers, bits, bytes, parcels, list, deque, forward, set,
                    multiset, map, multimap, unordered_set, unordered_map, unordered_multimap, unordered_multiset, some,
                    nothing, variant, pair, bitset, time, complex, nested, version, array);
  }
  auto fields() const { return const_cast<everything*>(this)->fields(); }

  friend bool operator==(const everything& a, const everything& b) {
    return a.fields() == b.fields() && *a.owned == *b.owned;
  }
  template <class Archive> void serialize(Archive& ar) {
    std::apply([&](auto&... field) { ar(field...); }, fields());
    ar(owned);
  }
};

} // namespace post

MAILROOM_CLOSED_ENUM(post::stamp, none, abroad)
MAILROOM_CLOSED_ENUM(post::weight, post::weight::light, post::weight::heavy)
CEREAL_CLASS_VERSION(post::versioned, 5)
CEREAL_CLASS_VERSION(post::outside, 2)

// -- tools -------------------------------------------------------------------

namespace {

template <class... Ts> byte_buffer bytes_of(const Ts&... values) {
  byte_buffer result;
  output_archive{result}(values...);
  return result;
}

template <class T> T read(const byte_buffer& bytes, const archive_limits& limits = {}) {
  T result{};
  input_archive in{bytes, limits};
  in(result);
  in.finish();
  return result;
}

template <class T> bool comes_back(const T& value) {
  return read<T>(bytes_of(value)) == value;
}

/// "01 02": each byte in hex.
byte_buffer hex(const std::string& text) {
  byte_buffer result;
  std::istringstream in{text};
  for (unsigned byte = 0; in >> std::hex >> byte;)
    result.push_back(static_cast<std::byte>(byte));
  return result;
}

byte_buffer operator+(byte_buffer front, const byte_buffer& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

byte_buffer count(std::uint32_t n) {
  return bytes_of(n);
}

byte_buffer repeated(std::size_t times, const byte_buffer& what) {
  byte_buffer result;
  for (; times > 0; --times)
    result.insert(result.end(), what.begin(), what.end());
  return result;
}

/// What the reader says of bytes that are no `T`; empty if they are one.
template <class T> std::string refusal(const byte_buffer& bytes, const archive_limits& limits = {}) {
  try {
    read<T>(bytes, limits);
    return {};
  } catch (const archive_error& error) {
    CHECK(error.why() == archive_error::kind::undecodable);
    return error.what();
  } catch (const cereal::Exception& error) {
    return error.what();
  }
}

template <class T> bool refuses(const byte_buffer& bytes, const archive_limits& limits = {}) {
  return !refusal<T>(bytes, limits).empty();
}

/// Whatever else leaves the reader fails the test.
template <class T> bool reads_or_refuses(const byte_buffer& bytes) {
  try {
    read<T>(bytes);
  } catch (const archive_error&) {
    // nop
  } catch (const cereal::Exception&) {
    // nop
  }
  return true;
}

template <class T> std::string version_refusal(const byte_buffer& bytes) {
  try {
    read<T>(bytes);
    return {};
  } catch (const archive_error& error) {
    CHECK(error.why() == archive_error::kind::version_mismatch);
    return error.what();
  }
}

/// Counts what containers take of memory.
std::size_t taken = 0;

template <class T> struct metered {
  using value_type = T;
  metered() = default;
  template <class U> metered(const metered<U>&) noexcept {}
  T* allocate(std::size_t n) {
    taken += n * sizeof(T);
    return std::allocator<T>{}.allocate(n);
  }
  void deallocate(T* what, std::size_t n) noexcept { std::allocator<T>{}.deallocate(what, n); }
  friend bool operator==(const metered&, const metered&) { return true; }
};

struct by_size {
  bool operator()(const std::string& a, const std::string& b) const noexcept { return a.size() < b.size(); }
};

struct by_tag {
  std::size_t operator()(const post::fat& value) const noexcept { return value.tag; }
};

using post::fat;
using fat_vector = std::vector<fat, metered<fat>>;
using fat_list = std::list<fat, metered<fat>>;
using fat_deque = std::deque<fat, metered<fat>>;
using fat_forward_list = std::forward_list<fat, metered<fat>>;
using fat_set = std::set<fat, std::less<>, metered<fat>>;
using fat_multiset = std::multiset<fat, std::less<>, metered<fat>>;
using fat_unordered_set = std::unordered_set<fat, by_tag, std::equal_to<>, metered<fat>>;
using fat_unordered_multiset = std::unordered_multiset<fat, by_tag, std::equal_to<>, metered<fat>>;
using fat_map = std::map<std::uint8_t, fat, std::less<>, metered<std::pair<const std::uint8_t, fat>>>;
using fat_multimap = std::multimap<std::uint8_t, fat, std::less<>, metered<std::pair<const std::uint8_t, fat>>>;
using fat_unordered_map = std::unordered_map<std::uint8_t, fat, std::hash<std::uint8_t>, std::equal_to<>,
                                             metered<std::pair<const std::uint8_t, fat>>>;
using fat_unordered_multimap = std::unordered_multimap<std::uint8_t, fat, std::hash<std::uint8_t>, std::equal_to<>,
                                                       metered<std::pair<const std::uint8_t, fat>>>;
using fat_optionals = std::vector<std::optional<fat>, metered<std::optional<fat>>>;

using slim_vectors = std::vector<std::vector<int, metered<int>>, metered<std::vector<int, metered<int>>>>;
using slim_deques = std::vector<std::deque<char, metered<char>>, metered<std::deque<char, metered<char>>>>;
using slim_list = std::list<char, metered<char>>;
using slim_set = std::set<char, std::less<>, metered<char>>;
using slim_unordered_multiset = std::unordered_multiset<char, std::hash<char>, std::equal_to<>, metered<char>>;
using slim_bits = std::vector<bool, metered<bool>>;
using slim_text = std::basic_string<char, std::char_traits<char>, metered<char>>;
using slim_numbers = std::vector<std::uint32_t, metered<std::uint32_t>>;

} // namespace

// -- what is written comes back ----------------------------------------------

template <class... Numbers> void check_numbers() {
  (([] {
     using limits = std::numeric_limits<Numbers>;
     for (auto value : {Numbers{}, Numbers{1}, limits::lowest(), limits::min(), limits::max(), limits::infinity()}) {
       CHECK(comes_back(value));
       CHECK(bytes_of(value).size() == sizeof value);
     }
   }()),
   ...);
}

TEST_CASE("a number comes back by its width", "[archive]") {
  check_numbers<bool, char, signed char, unsigned char, char8_t, char16_t, char32_t>();
  check_numbers<short, unsigned short, int, unsigned, long long, unsigned long long, std::int64_t, std::uint64_t>();
  check_numbers<float, double>();
}

TEST_CASE("a NaN keeps its payload and a zero its sign", "[archive]") {
  for (std::uint64_t bits :
       {0x7ff8'0000'0000'0000u, 0xfff8'0000'dead'beefu, 0x7ff0'0000'0000'0001u, 0x8000'0000'0000'0000u}) {
    auto back = read<double>(bytes_of(std::bit_cast<double>(bits)));
    CHECK(std::bit_cast<std::uint64_t>(back) == bits);
  }
  auto back = read<std::vector<float>>(bytes_of(std::vector{std::bit_cast<float>(0x7fc0'1234u), -0.0f}));
  CHECK(std::bit_cast<std::uint32_t>(back.at(0)) == 0x7fc0'1234u);
  CHECK(std::signbit(back.at(1)));
}

TEST_CASE("an enum comes back, an open one with any value", "[archive]") {
  CHECK(comes_back(post::stamp::abroad));
  CHECK(comes_back(post::weight::light));
  CHECK(comes_back(post::mail_coach));
  CHECK(comes_back(static_cast<post::carrier>(999)));
  CHECK(comes_back(post::fragile::yes));
  CHECK(comes_back(std::byte{255}));
}

TEST_CASE("a string comes back whatever is in it", "[archive]") {
  CHECK(comes_back(""s));
  CHECK(comes_back("nul\0nul\xff"s));
  CHECK(comes_back(std::string(300'000, 'x')));
  CHECK(comes_back(u8"\u20ac"s));
  CHECK(comes_back(u"\u20ac\xd800"s));
  CHECK(comes_back(U"\U0001f4ee"s));
}

TEST_CASE("a container comes back, empty, filled and nested", "[archive]") {
  CHECK(comes_back(std::vector<int>{}));
  CHECK(comes_back(std::vector<std::int16_t>{-1, 0, 1}));
  CHECK(comes_back(std::vector<bool>{true, false, true, true, false, false, true, false, true}));
  CHECK(comes_back(std::vector<std::byte>(1000, std::byte{9})));
  CHECK(comes_back(std::vector<std::string>{"", "a", std::string(1000, 'b')}));
  CHECK(comes_back(std::vector<std::vector<std::vector<int>>>{{}, {{}, {1, 2}}}));
  CHECK(comes_back(std::vector<post::parcel>(100, {"ada", 500, post::stamp::local})));
  CHECK(comes_back(std::deque<std::string>{"a", "b"}));
  CHECK(comes_back(std::list<int>{}));
  CHECK(comes_back(std::list<std::list<int>>{{1}, {}, {2, 3}}));
  CHECK(comes_back(std::forward_list<std::string>{"a", "b", "c"}));
  CHECK(comes_back(std::set<post::parcel>{{"a", 1, {}}, {"b", 2, {}}}));
  CHECK(comes_back(std::multiset<int>{1, 1, 2}));
  CHECK(comes_back(std::map<std::string, std::map<int, bool>>{{"a", {{1, true}}}, {"b", {}}}));
  CHECK(comes_back(std::unordered_set<std::string>{"a", "b"}));
  CHECK(comes_back(std::unordered_multiset<int>{1, 1, 2}));
  CHECK(comes_back(std::unordered_map<int, std::vector<int>>{{1, {1}}, {2, {}}}));
  CHECK(comes_back(std::unordered_multimap<int, int>{{1, 1}, {1, 2}, {2, 1}}));
  CHECK(comes_back(std::queue<int>{{1, 2}}));
  CHECK(comes_back(std::stack<int>{{1, 2}}));
  CHECK(comes_back(post::arrays{}));

  auto heap = read<std::priority_queue<int>>(bytes_of(std::priority_queue<int>{{}, std::vector{1, 3, 2}}));
  CHECK(heap.top() == 3);
}

TEST_CASE("a valarray comes back, also an empty one", "[archive]") {
  CHECK(read<std::valarray<int>>(bytes_of(std::valarray<int>{})).size() == 0);
  auto back = read<std::valarray<std::string>>(bytes_of(std::valarray<std::string>{"a", "b"}));
  CHECK(std::vector(std::begin(back), std::end(back)) == std::vector{"a"s, "b"s});
}

TEST_CASE("an array without elements has no bytes", "[archive]") {
  CHECK(bytes_of(std::array<char, 0>{}).empty());
  CHECK(read<std::array<char, 0>>({}).empty());
}

TEST_CASE("equal keys keep their order", "[archive]") {
  CHECK(comes_back(std::multiset<std::string, by_size>{"b", "a", "c", "dd"}));
  CHECK(comes_back(std::multimap<int, std::string>{{1, "first"}, {1, "second"}, {1, "third"}, {2, "last"}}));
}

TEST_CASE("what was in a container before is gone after reading", "[archive]") {
  auto check = [](auto filled, const auto& other) {
    auto bytes = bytes_of(other);
    input_archive in{bytes};
    in(filled);
    CHECK(filled == other);
  };
  check(std::vector<std::string>{"old"}, std::vector<std::string>{"new", "er"});
  check(std::vector<bool>{true, true}, std::vector<bool>{false});
  check("older"s, "new"s);
  check(std::list<int>{1, 2}, std::list<int>{});
  check(std::forward_list<int>{1, 2}, std::forward_list<int>{3});
  check(std::set<int>{1}, std::set<int>{2});
  check(std::map<int, int>{{1, 1}}, std::map<int, int>{{1, 2}});
  check(std::unordered_map<int, int>{{1, 1}}, std::unordered_map<int, int>{{2, 2}});
  check(std::bitset<8>{0xff}, std::bitset<8>{0x01});
  check(std::optional<int>{1}, std::optional<int>{});
}

TEST_CASE("what may hold a value comes back with and without", "[archive]") {
  using variant = std::variant<std::monostate, int, std::string>;
  CHECK(comes_back(std::optional<int>{}));
  CHECK(comes_back(std::optional<std::optional<std::string>>{std::optional<std::string>{}}));
  CHECK(comes_back(variant{}));
  CHECK(comes_back(variant{7}));
  CHECK(comes_back(std::vector<variant>{"text"s, 1, std::monostate{}}));
  CHECK(comes_back(std::tuple<int, std::string, std::pair<bool, double>>{1, "a", {true, 0.5}}));
  CHECK(read<std::unique_ptr<int>>(bytes_of(std::unique_ptr<int>{})) == nullptr);
  CHECK(*read<std::unique_ptr<const std::string>>(bytes_of(std::make_unique<const std::string>("a"))) == "a");
}

TEST_CASE("what cereal knows of the standard library comes back", "[archive]") {
  CHECK(comes_back(std::chrono::hours{-3}));
  CHECK(comes_back(std::chrono::system_clock::now()));
  CHECK(comes_back(std::complex<double>{1, -1}));
  CHECK(comes_back(std::bitset<0>{}));
  CHECK(comes_back(std::bitset<70>{0x3ff0'0000'0000'0001u}));
  auto bytes = bytes_of(std::atomic<int>{7});
  std::atomic<int> back{0};
  input_archive{bytes}(back);
  CHECK(back == 7);
}

TEST_CASE("a class comes back however its serialize functions are written", "[archive]") {
  CHECK(comes_back(post::empty{}));
  CHECK(bytes_of(post::empty{}).empty());
  CHECK(comes_back(post::parcel{"ada", -1, post::stamp::abroad}));
  CHECK(comes_back(post::hidden{9}));
  CHECK(comes_back(post::minimal{"short"}));
  CHECK(comes_back(post::derived{{4}, true}));
  CHECK(comes_back(post::nest{{post::nest{}, post::nest{{post::nest{}}}}}));
  CHECK(comes_back(post::everything{}));
  CHECK(read<post::ring>(bytes_of(post::ring{std::vector<fat>(3)})).slots.size() == 3);

  post::diamond one;
  one.n = 1;
  one.l = 2;
  one.r = 3;
  CHECK(comes_back(one));
  CHECK(bytes_of(one).size() == 12);
}

TEST_CASE("several values follow each other without gaps", "[archive]") {
  auto bytes = bytes_of(true, "a"s, 1.5, cereal::make_nvp("named", 7));
  CHECK(bytes == bytes_of(true) + bytes_of("a"s) + bytes_of(1.5) + bytes_of(7));
  bool flag = false;
  std::string text;
  double real = 0;
  int number = 0;
  input_archive in{bytes.data(), bytes.size()};
  in(flag, text)(real) >> number;
  in.finish();
  CHECK((flag && text == "a" && real == 1.5 && number == 7));
}

TEST_CASE("the buffer holds what was written as soon as the call returns", "[archive]") {
  byte_buffer buffer = hex("aa");
  output_archive out{buffer};
  out(std::uint16_t{0x0201});
  CHECK(buffer == hex("aa 01 02"));
  out(cereal::make_size_tag(3u));
  CHECK(buffer.size() == 7);
  std::string block(1000, 'x');
  out(cereal::binary_data(block.data(), block.size()));
  CHECK(buffer.size() == 1007);
  out(post::parcel{});
  CHECK(buffer.size() == 1020);
  out(std::vector<std::uint32_t>(300));
  CHECK(buffer.size() == 1020 + 4 + 1200);
}

// -- the bytes ---------------------------------------------------------------

TEST_CASE("the worked example has the bytes of the description", "[archive]") {
  struct example {
    std::string account = "ada";
    std::int64_t cents = -500;
    bool urgent = true;
    post::stamp paid = post::stamp::abroad;
    std::vector<std::uint16_t> pages{1, 258};
    std::optional<std::int32_t> limit = 7;
    std::optional<std::int32_t> none;
    std::variant<std::monostate, double> rate = 1.0;
    std::map<std::string, bool> flags{{"x", false}};
    std::unique_ptr<char> mark = std::make_unique<char>('!');

    void serialize(output_archive& ar) {
      ar(CEREAL_NVP(account), CEREAL_NVP(cents), urgent, paid, pages, limit, none, rate, flags, mark);
    }
  };
  CHECK(bytes_of(example{})
        == hex("03 00 00 00 61 64 61 "                // account: length, characters
               "0c fe ff ff ff ff ff ff "             // cents
               "01 "                                  // urgent
               "02 "                                  // paid, by its underlying type
               "02 00 00 00 01 00 02 01 "             // pages: count, numbers
               "00 07 00 00 00 "                      // limit: not empty, value
               "01 "                                  // none: empty
               "01 00 00 00 00 00 00 00 00 00 f0 3f " // rate: index, value
               "01 00 00 00 01 00 00 00 78 00 "       // flags: count, key, value
               "01 21"));                             // mark: there, value
}

TEST_CASE("the version of a class stands before its first value only", "[archive]") {
  CHECK(bytes_of(post::versioned{1}, post::versioned{2}) == hex("05 00 00 00  01 00 00 00  02 00 00 00"));
  CHECK(bytes_of(post::on_versioned{{3}}) == hex("05 00 00 00  03 00 00 00"));
}

// -- hostile bytes -----------------------------------------------------------

TEST_CASE("12 bytes that announce 4 GiB take no memory", "[archive]") {
  auto bomb = hex("ff ff ff ff  00 00 00 00  00 00 00 00");
  taken = 0;
  CHECK(refusal<slim_text>(bomb) == "4294967295 numbers of 1 bytes announced where 8 bytes are left");
  CHECK(refuses<slim_numbers>(bomb));
  CHECK(refuses<slim_bits>(bomb));
  CHECK(refuses<fat_vector>(bomb));
  CHECK(refuses<fat_unordered_map>(bomb));
  CHECK(refuses<std::valarray<double>>(bomb));
  CHECK(refuses<std::u32string>(bomb));
  CHECK(taken == 0);
}

TEST_CASE("9 bytes that announce 4 billion values without bytes end at once", "[archive]") {
  auto bomb = hex("ff ff ff ff  00 00 00 00  00");
  CHECK(refuses<std::set<post::empty>>(bomb));
  CHECK(refuses<std::list<post::empty>>(bomb));
  CHECK(refuses<std::vector<post::empty>>(bomb));
  CHECK(refuses<std::vector<std::tuple<>>>(bomb));
  CHECK(refuses<std::map<post::empty, post::empty>>(bomb));
}

TEST_CASE("values without bytes end where the elements of a message do", "[archive]") {
  // each inner container announces as many as bytes are left
  auto bomb = count(1000) + repeated(2000, hex("00 02 00 00"));
  CHECK(refusal<std::vector<std::vector<post::empty>>>(bomb, {.max_elements = 100'000})
        == "more than 100000 elements in all containers");
}

TEST_CASE("100 kB of nesting end at the limit of depth", "[archive]") {
  CHECK(refusal<post::nest>(repeated(25'000, count(1))) == "values nested deeper than 64");
  CHECK(refusal<post::chain>(repeated(100'000, hex("01"))) == "values nested deeper than 64");
  CHECK(refusal<post::choice>(repeated(12'500, count(1) + count(1))) == "values nested deeper than 64");
  CHECK(refusal<post::tree>(repeated(20'000, count(1) + hex("07"))) == "values nested deeper than 64");
}

TEMPLATE_TEST_CASE("64 KiB that stand for 261 MiB stay within the budget", "[archive]", fat_vector, fat_list, fat_deque,
                   fat_forward_list, fat_set, fat_multiset, fat_unordered_set, fat_unordered_multiset, fat_map,
                   fat_multimap, fat_unordered_map, fat_unordered_multimap, fat_optionals) {
  constexpr std::size_t size = 64 << 10;
  auto budget = mailroom::default_memory_budget(size);
  CHECK(budget == size * 64 + size);
  byte_buffer payload(size);
  for (std::size_t i = 0; i < size; ++i)
    payload[i] = static_cast<std::byte>(i / 2); // so that keys differ, in sets and in maps
  for (std::uint32_t announced : {65'532u, 32'766u, 2'000u, 1'000u, 250u, 1u}) {
    auto bytes = count(announced);
    std::copy(bytes.begin(), bytes.end(), payload.begin());
    taken = 0;
    CHECK(refuses<TestType>(payload));
    CHECK(taken <= budget);
  }
}

TEMPLATE_TEST_CASE("the smallest elements stay within the budget too", "[archive]", slim_vectors, slim_deques,
                   slim_list, slim_set, slim_unordered_multiset, slim_bits, slim_text, slim_numbers) {
  constexpr std::size_t size = 64 << 10;
  for (std::uint32_t announced : {65'532u, 16'383u, 1'000u}) {
    auto payload = count(announced) + byte_buffer(size - 4);
    taken = 0;
    CHECK(reads_or_refuses<TestType>(payload));
    CHECK(taken <= mailroom::default_memory_budget(size) + 1024); // a deque is there before it can be charged
  }
}

TEST_CASE("a pointer to a large object is charged to the budget", "[archive]") {
  CHECK(refuses<std::vector<std::unique_ptr<fat>>>(count(5'000) + repeated(5'000, hex("01 00"))));
  CHECK(!refuses<std::vector<std::unique_ptr<fat>>>(count(10) + repeated(10, hex("01 00"))));
}

TEST_CASE("full containers of small elements fit into the budget", "[archive]") {
  CHECK(comes_back(std::list<char>(100'000, 'x')));
  CHECK(comes_back(std::deque<char>(100'000, 'x')));
  CHECK(comes_back(std::forward_list<std::uint8_t>(100'000)));
  std::vector<std::uint8_t> many(100'000, 7);
  CHECK(comes_back(std::multiset<std::uint8_t>(many.begin(), many.end())));
  CHECK(comes_back(std::vector<std::string>(100'000)));
  CHECK(comes_back(std::vector<std::map<int, int>>(100'000)));
}

TEST_CASE("the budget grows with the payload and slower beyond 4.6 MiB", "[archive]") {
  constexpr std::size_t mib = 1 << 20;
  CHECK(mailroom::default_memory_budget(0) == 64 << 10);
  CHECK(mailroom::default_memory_budget(100) == 6400 + (64 << 10));
  CHECK(mailroom::default_memory_budget(256 * mib) == (256 + 8 * 256) * mib + (64 << 10));
}

TEST_CASE("limits are met exactly", "[archive]") {
  auto elements = bytes_of(std::vector<std::string>(10));
  CHECK(!refuses<std::vector<std::string>>(elements, {.max_elements = 10}));
  CHECK(refuses<std::vector<std::string>>(elements, {.max_elements = 9}));
  CHECK(!refuses<std::vector<std::string>>(elements, {.memory_budget = 10 * sizeof(std::string)}));
  CHECK(refuses<std::vector<std::string>>(elements, {.memory_budget = 10 * sizeof(std::string) - 1}));

  // the values themselves and the vectors between them
  auto depth = bytes_of(post::nest{{post::nest{{post::nest{}}}}});
  CHECK(!refuses<post::nest>(depth, {.max_depth = 6}));
  CHECK(refuses<post::nest>(depth, {.max_depth = 5}));
}

TEST_CASE("the bytes of strings and numbers do not count as elements", "[archive]") {
  auto bytes =
    bytes_of(std::string(100, 'x'), std::vector<int>(100), std::vector<bool>(100), std::vector<std::byte>(100));
  std::tuple<std::string, std::vector<int>, std::vector<bool>, std::vector<std::byte>> back;
  input_archive in{bytes, {.max_elements = 0, .memory_budget = 0}};
  in(back);
  in.finish();
  CHECK(in.memory_charged() == 0);
}

TEST_CASE("bytes that no writer writes are refused", "[archive]") {
  struct hostile {
    const char* bytes;
    std::string (*read)(const byte_buffer&, const archive_limits&);
    const char* refusal;
  };
  using bools = std::array<bool, 2>;
  using variant = std::variant<int, bool, char>;
  const hostile table[] = {
    {"02", refusal<bool>, "a bool that is neither 0 nor 1"},
    {"ff", refusal<post::fragile>, "a bool that is neither 0 nor 1"},
    {"00 02", refusal<bools>, "a bool that is neither 0 nor 1"},
    {"02 00 00 00  01 02", refusal<std::vector<bool>>, "a bool that is neither 0 nor 1"},
    {"02 00 00 00  01 02", refusal<std::valarray<bool>>, "a bool that is neither 0 nor 1"},
    {"02 00 00 00 00", refusal<std::optional<int>>, "a bool that is neither 0 nor 1"},
    {"02 00 00 00 00", refusal<std::unique_ptr<int>>, "a bool that is neither 0 nor 1"},
    {"c8", refusal<post::stamp>, "a value outside of its closed enum"},
    {"03", refusal<post::stamp>, "a value outside of its closed enum"},
    {"fe ff ff ff", refusal<post::weight>, "a value outside of its closed enum"},
    {"02 00 00 00  01 c8", refusal<std::vector<post::stamp>>, "a value outside of its closed enum"},
    {"01 00 00 00  c8", refusal<std::set<post::stamp>>, "a value outside of its closed enum"},
    {"03 00 00 00  00", refusal<variant>, "Invalid 'index' selector when deserializing std::variant"},
    {"ff ff ff ff  00", refusal<variant>, "Error traversing variant during load"},
    {"02 00 00 00  07 07", refusal<std::set<std::uint8_t>>, "a key that comes twice"},
    {"02 00 00 00  07 07", refusal<std::unordered_set<std::uint8_t>>, "a key that comes twice"},
    {"02 00 00 00  07 01 07 01", refusal<std::map<std::uint8_t, bool>>, "a key that comes twice"},
    {"02 00 00 00  07 01 07 01", refusal<std::unordered_map<std::uint8_t, bool>>, "a key that comes twice"},
    {"00 00 00 00 00", refusal<std::bitset<8>>, "a bitset that is not written as bits"},
    {"04 00", refusal<std::bitset<8>>, "a bitset that is not written as bits"},
    {"01 02", refusal<std::uint8_t>, "1 bytes left over"},
    {"00 00 00 00 00", refusal<std::string>, "1 bytes left over"},
    {"00", refusal<post::empty>, "1 bytes left over"},
    {"", refusal<bool>, "1 bytes needed where 0 are left"},
    {"01 02 03", refusal<int>, "4 bytes needed where 3 are left"},
    {"04 00 00 00  61 62 63", refusal<std::string>, "4 numbers of 1 bytes announced where 3 bytes are left"},
    {"02 00 00 00  61 62 63", refusal<std::u16string>, "2 numbers of 2 bytes announced where 3 bytes are left"},
    {"05 00 00 00  00 00 00 00", refusal<std::list<int>>, "5 elements announced where 4 bytes are left"},
    {"ff ff ff ff  00 00 00 00", refusal<post::ring>, "4294967295 elements announced where 4 bytes are left"},
  };
  for (auto& row : table) {
    INFO(row.bytes);
    CHECK(row.read(hex(row.bytes), {}) == row.refusal);
  }
}

TEST_CASE("a class version above ours is a version mismatch", "[archive]") {
  CHECK(read<post::versioned>(hex("04 00 00 00  07 00 00 00")).since == 4);
  CHECK(read<post::versioned>(hex("05 00 00 00  07 00 00 00")).n == 7);
  CHECK(version_refusal<post::versioned>(hex("06 00 00 00  07 00 00 00")) == "class version 6 where ours is 5");
  CHECK(version_refusal<post::on_versioned>(hex("06 00 00 00  07 00 00 00")) == "class version 6 where ours is 5");
  CHECK(version_refusal<std::vector<post::versioned>>(count(1) + hex("ff ff ff ff  07 00 00 00"))
        == "class version 4294967295 where ours is 5");
  CHECK(version_refusal<post::outside>(hex("03 00 00 00  07 00 00 00")) == "class version 3 where ours is 2");
  CHECK(version_refusal<std::pair<post::versioned, post::outside>>(
          hex("05 00 00 00  07 00 00 00  05 00 00 00  07 00 00 00"))
        == "class version 5 where ours is 2");
}

TEST_CASE("a message cut anywhere is refused", "[archive]") {
  auto whole = bytes_of(post::everything{});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    // a copy of that size, so that a sanitizer sees a read behind its end
    CHECK(refuses<post::everything>(byte_buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  }
}

TEST_CASE("a message with any byte changed is refused or read, and no more", "[archive]") {
  auto whole = bytes_of(post::everything{});
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (auto flip : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      auto changed = whole;
      changed[at] ^= static_cast<std::byte>(flip);
      INFO(at << " ^ " << flip);
      CHECK(reads_or_refuses<post::everything>(changed));
    }
}

TEST_CASE("a message with a byte more is refused", "[archive]") {
  CHECK(refusal<post::everything>(bytes_of(post::everything{}) + hex("00")) == "1 bytes left over");
}

TEST_CASE("somebody who goes on after an error reads nothing more", "[archive]") {
  auto bytes = hex("02 01 00 00 00");
  input_archive in{bytes};
  bool flag = false;
  CHECK_THROWS_AS(in(flag), archive_error);
  CHECK(in.remaining() == 0);
  CHECK_THROWS_AS(in(flag), archive_error);
  CHECK_THROWS_AS(in.finish(), archive_error);
}

TEST_CASE("bytes that change after they were read change nothing", "[archive]") {
  static byte_buffer shared;
  struct scribbler {
    int n = 0;
    void serialize(input_archive& ar) {
      std::fill(shared.begin(), shared.end() - static_cast<std::ptrdiff_t>(ar.remaining()), std::byte{0xff});
      ar(n);
    }
  };
  shared = bytes_of("text"s) + count(3) + bytes_of(1) + bytes_of(2) + bytes_of(3);
  std::string text;
  std::list<scribbler> list;
  input_archive in{shared};
  in(text, list);
  in.finish();
  CHECK(text == "text");
  CHECK(list.size() == 3);
  CHECK(list.back().n == 3);
}

// -- what nobody could read is not written -----------------------------------

TEST_CASE("what no reader takes is refused by the writer", "[archive]") {
  byte_buffer buffer;
  CHECK_THROWS_WITH(output_archive{buffer}(static_cast<post::stamp>(3)), "a value outside of its closed enum");
  CHECK_THROWS_WITH(output_archive{buffer}(cereal::make_size_tag(std::uint64_t{1} << 32)),
                    "a container of 4294967296 elements");

  post::nest deep;
  for (int i = 0; i < 31; ++i)
    deep = post::nest{{deep}};
  CHECK(comes_back(deep));
  deep = post::nest{{deep}};
  CHECK_THROWS_WITH(output_archive{buffer}(deep), "values nested too deep");
  buffer.clear();
  output_archive{buffer, 100}(deep);
  CHECK(read<post::nest>(buffer, {.max_depth = 100}) == deep);
}
