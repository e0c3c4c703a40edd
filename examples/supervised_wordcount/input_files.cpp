#include "input_files.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

namespace wordcount {

namespace fs = std::filesystem;

namespace {

std::string text_of(int code) {
  return std::generic_category().message(code);
}

} // namespace

input_error::input_error(const fs::path& file, const std::string& why)
  : std::runtime_error{file.string() + ": " + why} {
  // nop
}

std::vector<fs::path> regular_files(const fs::path& directory) {
  try {
    std::set<fs::path> found;
    for (auto& entry : fs::directory_iterator{directory})
      if (entry.is_regular_file()) // a link to one counts as one
        found.insert(fs::canonical(entry.path()));
    return {found.begin(), found.end()};
  } catch (const fs::filesystem_error& what) {
    throw input_error{directory, what.code().message()};
  }
}

std::ifstream open_file(const fs::path& file) {
  std::error_code trouble;
  auto status = fs::status(file, trouble);
  if (!fs::exists(status))
    throw input_error{file, trouble ? trouble.message() : text_of(ENOENT)};
  if (!fs::is_regular_file(status))
    throw input_error{file, fs::is_directory(status) ? text_of(EISDIR) : "Not a regular file"};
  errno = 0;
  std::ifstream result{file, std::ios::binary};
  if (!result)
    throw input_error{file, text_of(errno != 0 ? errno : EIO)};
  return result;
}

void check_read(const std::ifstream& input, const fs::path& file) {
  if (input.bad())
    throw input_error{file, text_of(EIO)};
}

std::uint64_t total_size(const std::vector<fs::path>& files) {
  std::uint64_t result = 0;
  for (auto& each : files) {
    open_file(each);
    result += fs::file_size(each);
  }
  return result;
}

chunk_source::chunk_source(std::vector<fs::path> files, std::size_t chunk_size)
  : files_{std::move(files)}, chunk_size_{chunk_size} {
  // nop
}

std::optional<chunk> chunk_source::next() {
  for (;;) {
    if (splitter_) {
      if (auto result = splitter_->next())
        return result;
      check_read(input_, files_[next_file_ - 1]);
      splitter_.reset();
    }
    if (next_file_ == files_.size())
      return std::nullopt;
    input_ = open_file(files_[next_file_++]);
    splitter_.emplace(input_, chunk_size_);
  }
}

} // namespace wordcount
