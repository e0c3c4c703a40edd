#include "plain_count.hpp"

#include "input_files.hpp"

#include <array>

namespace wordcount {

namespace {

bool is_space(char c) {
  return c == ' ' || ('\t' <= c && c <= '\r');
}

} // namespace

std::uint64_t plain_count(const std::filesystem::path& file) {
  auto input = open_file(file);
  std::array<char, std::size_t{64} << 10> buffer;
  std::uint64_t words = 0;
  auto after_space = true;
  do {
    input.read(buffer.data(), buffer.size());
    for (std::streamsize i = 0; i < input.gcount(); ++i) {
      auto space = is_space(buffer[static_cast<std::size_t>(i)]);
      words += after_space && !space ? 1 : 0; // a word begins here
      after_space = space;
    }
  } while (input);
  check_read(input, file);
  return words;
}

} // namespace wordcount
