#pragma once
// A word is a maximal run of bytes without these: the white space of the C locale.

#include <string_view>

namespace wordcount {

inline constexpr std::string_view white_space{" \t\n\v\f\r"};

} // namespace wordcount
