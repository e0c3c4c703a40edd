#pragma once
// The files to count: which, whether they can be read, and their chunks one after the other.

#include "chunk_splitter.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <vector>

namespace wordcount {

/// Says which file cannot be read, and why.
class input_error : public std::runtime_error {
public:
  input_error(const std::filesystem::path& file, const std::string& why);
};

/// The regular files in `directory`, each once however many links lead to it, in order. Throws `input_error`.
std::vector<std::filesystem::path> regular_files(const std::filesystem::path& directory);

/// Throws `input_error`, also for what is no regular file and so cannot be read twice.
std::ifstream open_file(const std::filesystem::path& file);

/// Throws `input_error` where reading `file` from `input` went wrong.
void check_read(const std::ifstream& input, const std::filesystem::path& file);

/// The bytes in all files together. Throws `input_error` for the first that cannot be opened.
std::uint64_t total_size(const std::vector<std::filesystem::path>& files);

/// The chunks of all files, one file after the other: a word never spans two.
class chunk_source {
public:
  chunk_source(std::vector<std::filesystem::path> files, std::size_t chunk_size);

  /// Nothing at the end. Throws `input_error`.
  std::optional<chunk> next();

  /// At the end: with the first file.
  void begin_again() noexcept { next_file_ = 0; }

private:
  std::vector<std::filesystem::path> files_;
  std::size_t chunk_size_;
  std::size_t next_file_ = 0;
  std::ifstream input_;
  std::optional<chunk_splitter> splitter_;
};

} // namespace wordcount
