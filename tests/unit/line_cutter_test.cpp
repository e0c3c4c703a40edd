// Bytes in, lines out, and no more memory than a line.

#include <mailroom/actors/line_cutter.hpp>

#include <support/catch.hpp>

#include <vector>

using mailroom::line_cutter;

namespace {

/// The lines of a text that comes in pieces of that size.
std::vector<std::string> lines_of(std::string_view text, std::size_t piece) {
  line_cutter cutter;
  std::vector<std::string> result;
  auto tell = [&](std::string_view line) { result.emplace_back(line); };
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    cutter.feed(text.substr(0, piece), tell);
  cutter.finish(tell);
  cutter.finish(tell); // nothing is told twice
  return result;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("lines are the same however their bytes come", "[line_cutter]") {
  auto piece = GENERATE(1U, 2U, 3U, 4095U, 4096U, 4097U, 100'000U);
  auto longest = std::string(line_cutter::longest, 'x');
  CHECK(lines_of("", piece).empty());
  CHECK(lines_of("\n", piece) == lines{""});
  CHECK(lines_of("one\ntwo\n\nfour", piece) == lines{"one", "two", "", "four"});
  CHECK(lines_of(longest + "\n" + longest + "\nend\n", piece) == lines{longest, longest, "end"});
  CHECK(lines_of(longest + "y\n", piece) == lines{longest, "y"});
  CHECK(lines_of(longest + longest + longest + "y", piece) == lines{longest, longest, longest, "y"});
  CHECK(lines_of(std::string_view{"a\0b\r\n", 5}, piece) == lines{std::string{"a\0b\r", 4}});
}
