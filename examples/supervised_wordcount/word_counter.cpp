#include "word_counter.hpp"

#include "white_space.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace wordcount {

word_counts count_words(const chunk& part) {
  std::string_view text{part.text};
  std::unordered_map<std::string_view, std::uint64_t> found;
  word_counts result;
  auto begin = part.inside_word ? std::min(text.find_first_of(white_space), text.size()) : 0;
  while ((begin = text.find_first_not_of(white_space, begin)) != std::string_view::npos) {
    auto end = std::min(text.find_first_of(white_space, begin), text.size());
    ++found[text.substr(begin, end - begin)];
    ++result.total;
    begin = end;
  }
  result.each.reserve(found.size());
  for (auto& [word, times] : found)
    result.each.push_back({std::string{word}, times});
  return result;
}

} // namespace wordcount
