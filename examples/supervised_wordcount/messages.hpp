#pragma once
// What coordinator and workers say to each other.

#include <mailroom/message.hpp>

namespace wordcount {

/// A piece of a file. It ends where a word ends, unless the word is too long for that.
struct chunk {
  std::string text;
  bool inside_word = false; ///< it begins inside a word, which the chunk before has counted
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(text), CEREAL_NVP(inside_word)); }
};

struct word_count {
  std::string word;
  std::uint64_t times = 0;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(word), CEREAL_NVP(times)); }
};

/// The words of one chunk, each once, in no order.
struct word_counts {
  std::uint64_t total = 0;
  std::vector<word_count> each;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(total), CEREAL_NVP(each)); }
};

/// Tells the coordinator that every worker is there.
struct begin {
  template <class Archive> void serialize(Archive&) {}
};

/// Tells the coordinator that no worker will come back, and why.
struct give_up {
  std::string why;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(why)); }
};

} // namespace wordcount

MAILROOM_MESSAGE(wordcount::chunk, "wordcount.chunk")
MAILROOM_MESSAGE(wordcount::word_counts, "wordcount.word_counts")
MAILROOM_MESSAGE(wordcount::begin, "wordcount.begin")
MAILROOM_MESSAGE(wordcount::give_up, "wordcount.give_up")
