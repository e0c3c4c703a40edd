#include "chunk_splitter.hpp"

#include "white_space.hpp"

#include <algorithm>
#include <utility>

namespace wordcount {

chunk_splitter::chunk_splitter(std::istream& input, std::size_t chunk_size) : input_{input}, chunk_size_{chunk_size} {
  // nop
}

std::optional<chunk> chunk_splitter::next() {
  auto limit = std::max(chunk_size_, longest_word);
  for (auto size = chunk_size_;; size = std::min(2 * size, limit)) {
    if (!fill(size)) {
      if (ahead_.empty() || input_.bad())
        return std::nullopt;
      return take(ahead_.size(), false);
    }
    auto last = std::string_view{ahead_}.substr(0, size).find_last_of(white_space);
    if (last != std::string_view::npos)
      return take(last + 1, false);
    if (size == limit)
      return take(size, true);
  }
}

/// Reads until there are `size` bytes; false where the stream has fewer.
bool chunk_splitter::fill(std::size_t size) {
  auto before = ahead_.size();
  if (before >= size)
    return true;
  ahead_.resize(size);
  input_.read(ahead_.data() + before, static_cast<std::streamsize>(size - before));
  ahead_.resize(before + static_cast<std::size_t>(input_.gcount()));
  return ahead_.size() == size;
}

chunk chunk_splitter::take(std::size_t size, bool cuts_word) {
  auto rest = ahead_.substr(size);
  ahead_.resize(size);
  return {std::exchange(ahead_, std::move(rest)), std::exchange(inside_word_, cuts_word)};
}

} // namespace wordcount
