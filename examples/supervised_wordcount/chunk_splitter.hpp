#pragma once
// Cuts a stream into chunks that end at white space, so that each can be counted by itself. It holds one chunk at a time, however large the
// stream: a chunk grows to take in a long word, but only up to a limit; what is longer goes on in the next chunk, which says so.

#include "messages.hpp"

#include <cstddef>
#include <istream>
#include <optional>
#include <string>

namespace wordcount {

class chunk_splitter {
public:
  /// The length at which even a word is cut.
  static constexpr std::size_t longest_word = std::size_t{64} << 10;

  /// Chunks have `chunk_size` bytes at most, or those of one word. `input` must outlive the splitter.
  chunk_splitter(std::istream& input, std::size_t chunk_size);

  /// Nothing at the end of the stream, and when it fails: ask `input.bad()`.
  std::optional<chunk> next();

private:
  bool fill(std::size_t size);
  chunk take(std::size_t size, bool cuts_word);

  std::istream& input_;
  std::size_t chunk_size_;
  std::string ahead_; // read, but not handed out
  bool inside_word_ = false;
};

} // namespace wordcount
