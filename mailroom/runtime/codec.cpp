#include <mailroom/runtime/codec.hpp>

#include <mailroom/runtime/frame.hpp>

#include <caf/detail/dynamic_message_data.hpp>

#include <cstring>
#include <optional>

namespace mailroom {

namespace {

/// CAF gives the types that it knows a number instead of a type_info.
std::type_index builtin_type(std::uint16_t number) {
  using namespace caf_version;
  switch (number) {
    case type_number_of<bool>:
      return typeid(bool);
    case type_number_of<std::int8_t>:
      return typeid(std::int8_t);
    case type_number_of<std::int16_t>:
      return typeid(std::int16_t);
    case type_number_of<std::int32_t>:
      return typeid(std::int32_t);
    case type_number_of<std::int64_t>:
      return typeid(std::int64_t);
    case type_number_of<std::uint8_t>:
      return typeid(std::uint8_t);
    case type_number_of<std::uint16_t>:
      return typeid(std::uint16_t);
    case type_number_of<std::uint32_t>:
      return typeid(std::uint32_t);
    case type_number_of<std::uint64_t>:
      return typeid(std::uint64_t);
    case type_number_of<float>:
      return typeid(float);
    case type_number_of<double>:
      return typeid(double);
    case type_number_of<std::string>:
      return typeid(std::string);
    case type_number_of<std::vector<char>>:
      return typeid(std::vector<char>);
    case type_number_of<std::vector<std::string>>:
      return typeid(std::vector<std::string>);
    default:
      return typeid(void);
  }
}

const message_type* type_of(const caf::type_erased_tuple& values, std::size_t index) {
  auto number = caf_version::type_number(values, index);
  if (number != 0)
    return codec::find_type(builtin_type(number));
  return codec::find_type(*caf_version::type_info(values, index));
}

std::string name_of(const caf::type_erased_tuple& values, std::size_t index) {
  if (auto* type = type_of(values, index))
    return type->name;
  auto number = caf_version::type_number(values, index);
  return number != 0 ? caf::numbered_type_names[number - 1] : caf_version::type_info(values, index)->name();
}

tl::unexpected<error> fail(errc code, std::string cause) {
  return tl::unexpected{error{code, {}, std::move(cause)}};
}

/// Runs what may throw anything, and gives it a name.
template <class F> auto guarded(F body) -> decltype(body()) {
  try {
    return body();
  } catch (const archive_error& what) {
    auto code = what.why() == archive_error::kind::version_mismatch ? errc::version_mismatch : errc::undecodable;
    return fail(code, std::string{to_string(code)} + ": " + what.what());
  } catch (const std::exception& what) {
    return fail(errc::undecodable, std::string{"undecodable: "} + what.what());
  } catch (...) {
    return fail(errc::undecodable, "undecodable: an exception of unknown type");
  }
}

/// Begins a message in an archive that this thread has used before, where that is as good as a new one.
template <class Archive, class Bytes> class restarted {
public:
  explicit restarted(Bytes& bytes) {
    if (in_use_) { // by a message whose `serialize` sends another one
      own_.emplace(bytes);
      return;
    }
    in_use_ = true;
    if (kept_)
      kept_->restart(bytes);
    else
      kept_.emplace(bytes);
  }

  ~restarted() {
    if (own_)
      return;
    in_use_ = false;
    if (!whole_ || kept_->remembers())
      kept_.reset();
  }

  restarted(const restarted&) = delete;
  restarted& operator=(const restarted&) = delete;

  Archive& archive() noexcept { return own_ ? *own_ : *kept_; }

  /// The message has come to its end.
  void whole() noexcept { whole_ = true; }

private:
  static thread_local constinit bool in_use_;
  static thread_local std::optional<Archive> kept_;

  std::optional<Archive> own_;
  bool whole_ = false;
};

template <class Archive, class Bytes> thread_local constinit bool restarted<Archive, Bytes>::in_use_ = false;
template <class Archive, class Bytes> thread_local std::optional<Archive> restarted<Archive, Bytes>::kept_;

/// Saves with `save(archive)`.
template <class Save> void write_values(byte_buffer& target, Save save) {
  restarted<output_archive, byte_buffer> out{target};
  save(out.archive());
  out.whole();
}

/// Loads with `load(archive)`, which must leave nothing over.
template <class Load> auto read_values(std::span<const std::byte> bytes, Load load) {
  restarted<input_archive, std::span<const std::byte>> in{bytes};
  if constexpr (std::is_void_v<decltype(load(in.archive()))>) {
    load(in.archive());
    in.archive().finish();
    in.whole();
  } else {
    auto result = load(in.archive());
    in.archive().finish();
    in.whole();
    return result;
  }
}

constexpr std::size_t max_elements_of_a_message = 255;

/// What other processes call their types may stand in a log line.
std::string printable(std::string text) {
  std::replace_if(
    text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

/// The names of a message's types: few, mostly one.
class name_list {
public:
  void resize(std::size_t count) {
    count_ = count;
    if (count > few_.size())
      many_.resize(count);
  }
  std::span<std::string_view> all() noexcept {
    return count_ > few_.size() ? std::span{many_} : std::span{few_}.first(count_);
  }
  std::span<const std::string_view> all() const noexcept { return const_cast<name_list*>(this)->all(); }

private:
  std::size_t count_ = 0;
  std::array<std::string_view, 8> few_;
  std::vector<std::string_view> many_;
};

/// The names at the front of a payload; `in` is left at the values.
expected<name_list> read_names(body_reader& in) {
  name_list names;
  names.resize(in.u8());
  for (auto& name : names.all())
    name = in.text8();
  if (!in.ok())
    return fail(errc::undecodable, "undecodable: the list of types is cut off");
  return names;
}

/// Reads the names of `bytes` where that is one name and the same as `last`'s; returns the values behind it.
std::optional<std::span<const std::byte>> only_type_is(const message_type* last, std::span<const std::byte> bytes) {
  constexpr std::size_t counts = 2; // of the names, and of the name's bytes
  if (last == nullptr)
    return std::nullopt;
  auto& name = last->name;
  if (bytes.size() < counts + name.size() || bytes[0] != std::byte{1} || bytes[1] != static_cast<std::byte>(name.size())
      || std::memcmp(bytes.data() + counts, name.data(), name.size()) != 0)
    return std::nullopt;
  return bytes.subspan(counts + name.size());
}

template <class Load> expected<caf::message> decode_values(std::span<const std::byte> bytes, Load load) {
  return guarded([&]() -> expected<caf::message> { return read_values(bytes, load); });
}

std::string joined(std::span<const std::string_view> names) {
  std::string result;
  for (auto& name : names) {
    if (!result.empty())
      result += ", ";
    result += name;
  }
  return result.empty() ? "nothing" : printable(std::move(result));
}

} // namespace

namespace codec {

const message_type* find_type(std::type_index type) {
  // mostly the same type again: one look instead of hashing a mangled name
  thread_local std::type_index last = typeid(void);
  thread_local const message_type* known = nullptr;
  if (last != type || known == nullptr) {
    known = message_registry::instance().find(type);
    last = type;
  }
  return known;
}

expected<void> encode(byte_buffer& target, std::span<const element> elements) {
  auto begin = target.size();
  if (elements.size() > max_elements_of_a_message)
    return fail(errc::too_large, "a message of more than 255 values");
  target.push_back(static_cast<std::byte>(elements.size()));
  for (auto& each : elements) {
    if (each.type == nullptr) {
      target.resize(begin);
      return fail(errc::unknown_type, "unknown type: a value's type has no MAILROOM_MESSAGE");
    }
    auto& name = each.type->name;
    target.push_back(static_cast<std::byte>(name.size()));
    auto bytes = std::as_bytes(std::span{name});
    target.insert(target.end(), bytes.begin(), bytes.end());
  }
  auto result = guarded([&]() -> expected<void> {
    write_values(target, [&](output_archive& out) {
      for (auto& each : elements)
        each.type->save(out, each.value);
    });
    return {};
  });
  if (!result)
    target.resize(begin);
  return result;
}

expected<void> encode(byte_buffer& target, const caf::type_erased_tuple& values) {
  constexpr std::size_t usual = 8;
  std::array<element, usual> few;
  std::vector<element> many;
  auto count = values.size();
  if (count > usual)
    many.resize(count);
  std::span<element> elements = count > usual ? std::span<element>{many} : std::span<element>{few}.first(count);
  for (std::size_t i = 0; i < count; ++i) {
    elements[i] = {type_of(values, i), values.get(i)};
    if (elements[i].type == nullptr)
      return fail(errc::unknown_type, "unknown type: " + name_of(values, i) + " has no MAILROOM_MESSAGE");
  }
  return encode(target, elements);
}

expected<caf::message> decode(std::span<const std::byte> bytes) {
  // mostly one value, of the same type as before
  thread_local const message_type* last = nullptr;
  if (auto values = only_type_is(last, bytes))
    return decode_values(*values, [](input_archive& in) { return last->load(in); });
  body_reader in{bytes};
  auto names = read_names(in);
  if (!names)
    return tl::unexpected{names.error()};
  std::vector<const message_type*> types;
  for (auto& name : names->all()) {
    auto* type = message_registry::instance().find(name);
    if (type == nullptr)
      return fail(errc::unknown_type,
                  printable("unknown type: this process has no message \"" + std::string{name} + "\""));
    types.push_back(type);
  }
  if (types.empty())
    return decode_values(in.rest(), [](input_archive&) { return caf::message{}; });
  if (types.size() == 1) {
    last = types.front();
    return decode_values(in.rest(), last->load);
  }
  return decode_values(in.rest(), [&](input_archive& archive) {
    auto data = caf::make_counted<caf::detail::dynamic_message_data>();
    for (auto* type : types)
      data->append(type->load_element(archive));
    return caf::message{caf::message::data_ptr{std::move(data)}};
  });
}

expected<void> decode_into(std::span<const std::byte> bytes, std::span<const message_type* const> types,
                           void (*load)(input_archive&, void*), void* target) {
  body_reader in{bytes};
  auto names = read_names(in);
  if (!names)
    return tl::unexpected{names.error()};
  auto same = std::ranges::equal(names->all(), types, [](std::string_view name, const message_type* type) {
    return type != nullptr && type->name == name;
  });
  if (!same)
    return fail(errc::unexpected_reply, "unexpected reply: " + joined(names->all()));
  return guarded([&]() -> expected<void> {
    read_values(in.rest(), [&](input_archive& archive) { load(archive, target); });
    return {};
  });
}

std::string describe(const caf::type_erased_tuple& values) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < values.size(); ++i)
    names.push_back(name_of(values, i));
  std::vector<std::string_view> views{names.begin(), names.end()};
  return joined(views);
}

std::string describe(std::span<const std::byte> bytes) {
  body_reader in{bytes};
  auto names = read_names(in);
  return names ? joined(names->all()) : "bytes that are no message";
}

} // namespace codec

} // namespace mailroom
