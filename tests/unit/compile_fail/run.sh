#!/usr/bin/env bash
# run.sh [COMPILER ARGUMENT...]: what must not travel in a message does not compile, and the first error says why. The
# compiler is $CXX; the arguments are for where it does not find the headers by itself, as in -I/opt/cereal/include.
set -uo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
flags=(-fsyntax-only -x c++ -I"$root" "$@")

program='
#include <mailroom/runtime/archive.hpp>

#include <cereal/types/memory.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

struct plain {
  int n = 0;
  template <class Archive> void serialize(Archive& ar) { ar(n); }
};

struct animal {
  virtual ~animal() = default;
  template <class Archive> void serialize(Archive&) {}
};

struct late {
  explicit late(int value) : n{value} {}
  int n;
  template <class Archive> void serialize(Archive& ar) { ar(n); }
  template <class Archive> static void load_and_construct(Archive& ar, cereal::construct<late>& make) {
    int n = 0;
    ar(n);
    make(n);
  }
};

struct deferring {
  plain p;
  template <class Archive> void serialize(Archive& ar) { ar(cereal::defer(p)); }
};

struct copied {
  plain p;
  template <class Archive> void serialize(Archive& ar) { ar(cereal::binary_data(&p, sizeof p)); }
};

struct versioned {
  template <class Archive> void serialize(Archive&, std::uint32_t) {}
};

enum loose { one, two };

void save_it(mailroom::output_archive& ar, const CASE& value) { ar(value); }
void load_it(mailroom::input_archive& ar, CASE& value) { ar(value); }
'

compile() {
  "${CXX:-c++}" -std="${standard:-c++20}" "${flags[@]}" -DCEREAL_THREAD_SAFE="${locks:-1}" -DCASE="$1" - <<< "$program" 2>&1
}

accepts() {
  local words
  words=$(compile "$1") && return
  echo "$1 does not compile:"
  echo "$words"
  return 1
}

refuses() {
  local words
  if words=$(compile "$1"); then
    echo "$1 compiles, but should not"
    return 1
  fi
  grep -m 1 'error:' <<< "$words" | grep -qF -- "$2" && return
  echo "$1 is not refused with \"$2\" but with:"
  grep -m 1 'error:' <<< "$words"
  return 1
}

failures=0
check() {
  if (($(jobs -rp | wc -l) >= $(nproc))); then
    wait -n || failures=$((failures + 1))
  fi
  "$@" &
}

check accepts plain
check accepts versioned
check accepts 'std::unique_ptr<plain>'

double="long double does not travel: its format differs between compilers; use double"
check refuses 'long double' "$double"
check refuses 'std::vector<long double>' "$double"
standard=gnu++20 check refuses __int128 "this number type does not travel"

wide="wchar_t does not travel: it has 2 bytes on Windows and 4 on Linux; use char or std::string with UTF-8"
check refuses wchar_t "$wide"
check refuses std::wstring "$wide"

own_width='#include <cstdint>
static_assert(__is_same(long, std::int64_t));'
if "${CXX:-c++}" -std=c++20 "${flags[@]}" - <<< "$own_width" 2> /dev/null; then
  check accepts long
else
  check refuses long "it has 4 bytes on Windows and 8 on Linux; use std::int32_t or std::int64_t"
fi

shared="std::shared_ptr and std::weak_ptr do not travel: sharing ends at the process"
check refuses 'std::shared_ptr<plain>' "$shared"
check refuses 'std::weak_ptr<plain>' "$shared"
check refuses 'std::unique_ptr<animal>' "a pointer to a polymorphic class does not travel: the bytes would choose"
check refuses 'std::unique_ptr<int[]>' "std::unique_ptr<T[]> does not travel: it does not know its size"
check refuses 'std::unique_ptr<late>' "load_and_construct does not travel: what it made leaks when the bytes run out"
check refuses 'std::add_pointer_t<plain>' "a raw pointer does not travel: it means nothing in another process"
check refuses deferring "cereal::defer does not travel"
check refuses copied "cereal::binary_data travels for numbers only"
check refuses loose "an enum without a fixed underlying type does not travel"
locks=0 check refuses versioned "class versions travel only with CEREAL_THREAD_SAFE=1"

while (($(jobs -p | wc -l) > 0)); do
  wait -n || failures=$((failures + 1))
done
exit $((failures > 0))
