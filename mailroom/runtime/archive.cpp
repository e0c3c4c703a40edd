#include <mailroom/runtime/archive.hpp>

namespace mailroom {

namespace {

using std::to_string;

[[noreturn]] void refuse_writing(const std::string& text) {
  throw archive_error{archive_error::kind::undecodable, text};
}

} // namespace

archive_error::archive_error(kind why, const std::string& text) : runtime_error{text}, why_{why} {}

archive_error::~archive_error() = default;

std::size_t default_memory_budget(std::size_t payload) noexcept {
  constexpr std::uint64_t for_any = 64 << 10;
  constexpr std::uint64_t for_small = 256 << 20; // where the factor of 64 gives way to that of 8
  auto budget = for_any + std::min(64 * std::uint64_t{payload}, for_small + 8 * std::uint64_t{payload});
  return static_cast<std::size_t>(std::min<std::uint64_t>(budget, SIZE_MAX));
}

// -- output_archive ----------------------------------------------------------

void output_archive::flush() {
  sink_->insert(sink_->end(), stage_.data(), stage_.data() + staged_);
  staged_ = 0;
}

void output_archive::append_unstaged(const void* data, std::size_t size) {
  flush();
  auto begin = static_cast<const std::byte*>(data);
  sink_->insert(sink_->end(), begin, begin + size);
}

void output_archive::refuse_enum() {
  refuse_writing("a value outside of its closed enum");
}

void output_archive::refuse_count(std::uint64_t count) {
  refuse_writing("a container of " + to_string(count) + " elements");
}

void output_archive::refuse_depth() {
  refuse_writing("values nested too deep");
}

// -- input_archive -----------------------------------------------------------

void input_archive::finish() {
  if (refused_)
    refuse("reading went on after an error");
  if (remaining() != 0)
    refuse(to_string(remaining()) + " bytes left over");
}

std::size_t input_archive::load_length(std::size_t width) {
  std::size_t count = load_number<std::uint32_t>();
  if (count > remaining() / width)
    refuse(to_string(count) + " numbers of " + to_string(width) + " bytes announced where " + to_string(remaining())
           + " bytes are left");
  return count;
}

std::size_t input_archive::load_count(std::size_t cost) {
  std::size_t count = load_number<std::uint32_t>();
  if (count > remaining())
    refuse(to_string(count) + " elements announced where " + to_string(remaining()) + " bytes are left");
  if (count > elements_left_)
    refuse("more than " + to_string(limits_.max_elements) + " elements in all containers");
  elements_left_ -= count;
  charge(std::uint64_t{count} * cost);
  return count;
}

void input_archive::refuse(const std::string& text, archive_error::kind why) {
  cursor_ = end_;
  refused_ = true;
  throw archive_error{why, text};
}

void input_archive::compare_version(const char* name, std::uint32_t theirs) {
  auto ours = *std::exchange(version_, std::nullopt);
  if (theirs > ours && std::strcmp(name, "cereal_class_version") == 0)
    refuse("class version " + to_string(theirs) + " where ours is " + to_string(ours),
           archive_error::kind::version_mismatch);
}

void input_archive::refuse_size(std::size_t size) {
  refuse(to_string(size) + " bytes needed where " + to_string(remaining()) + " are left");
}

void input_archive::refuse_memory() {
  refuse("elements that take more than " + to_string(budget_) + " bytes of memory");
}

void input_archive::refuse_depth() {
  refuse("values nested deeper than " + to_string(limits_.max_depth));
}

void input_archive::refuse_flag() {
  refuse("a bool that is neither 0 nor 1");
}

} // namespace mailroom
