#pragma once
// The same count made in the plainest way, to hold the workers' result against: it shares no code with them on purpose.

#include <cstdint>
#include <filesystem>

namespace wordcount {

/// The number of words in `file`. Throws `input_error`.
std::uint64_t plain_count(const std::filesystem::path& file);

} // namespace wordcount
