#pragma once
// The workers' work.

#include "messages.hpp"

namespace wordcount {

/// A word that the chunk before has begun belongs to that one. A word that goes on in the next chunk is known by its beginning.
word_counts count_words(const chunk& part);

} // namespace wordcount
