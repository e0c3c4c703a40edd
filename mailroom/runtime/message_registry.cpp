#include <mailroom/runtime/message_registry.hpp>

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <mutex>

namespace mailroom {

namespace {

template <class T> void add_plain(message_registry& registry, const std::string& name) {
  registry.add<T>(name);
  registry.add<std::vector<T>>("[" + name + "]");
}

} // namespace

message_registry& message_registry::instance() {
  static message_registry result;
  return result;
}

message_registry::message_registry() {
  add_plain<bool>(*this, "bool");
  add_plain<std::int8_t>(*this, "i8");
  add_plain<std::int16_t>(*this, "i16");
  add_plain<std::int32_t>(*this, "i32");
  add_plain<std::int64_t>(*this, "i64");
  add_plain<std::uint8_t>(*this, "u8");
  add_plain<std::uint16_t>(*this, "u16");
  add_plain<std::uint32_t>(*this, "u32");
  add_plain<std::uint64_t>(*this, "u64");
  add_plain<float>(*this, "f32");
  add_plain<double>(*this, "f64");
  add_plain<std::string>(*this, "text");
  add_plain<char>(*this, "char");
  add_plain<std::byte>(*this, "byte");
}

void message_registry::add(message_type type) {
  std::unique_lock guard{mutex_};
  auto key = type.type;
  auto [position, fresh] = by_name_.try_emplace(type.name);
  if (fresh) {
    position->second = std::make_unique<message_type>(std::move(type));
    by_type_.emplace(key, position->second.get());
  } else if (position->second->type != key && conflict_.empty()) {
    conflict_ = "two types are called \"" + type.name + "\": " + position->second->type.name() + " and " + key.name();
  }
}

const message_type* message_registry::find(std::string_view name) const {
  std::shared_lock guard{mutex_};
  auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second.get() : nullptr;
}

const message_type* message_registry::find(std::type_index type) const {
  std::shared_lock guard{mutex_};
  auto found = by_type_.find(type);
  return found != by_type_.end() ? found->second : nullptr;
}

std::string message_registry::conflict() const {
  std::shared_lock guard{mutex_};
  return conflict_;
}

} // namespace mailroom
