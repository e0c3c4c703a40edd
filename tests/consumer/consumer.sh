#!/usr/bin/env bash
# Uses the installed package as a stranger would; CXX, CAF_ROOT and CMake's own variables come by environment.
#   consumer.sh SCRATCH install BUILD   installs, then moves everything elsewhere, which must not matter
#   consumer.sh SCRATCH cmake KIND      builds and runs the two programs against the static or the shared library
#   consumer.sh SCRATCH pkg-config      the same by pkg-config's flags alone
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
scratch=$1
prefix=$scratch/prefix

# run DIRECTORY: the teller finds the bank, and the bank ends in order when told to.
run() (
  MAILROOM_DIR=$(mktemp -d)
  export MAILROOM_DIR
  "$1/bank" &
  bank=$!
  trap 'kill -KILL "$bank" 2> /dev/null || true; rm -rf "$MAILROOM_DIR"' EXIT
  "$1/teller"
  kill -TERM "$bank"
  wait "$bank"
)

case $2 in
  install)
    rm -rf "$scratch"
    cmake --install "$3" --prefix "$scratch/first" > /dev/null
    mv "$scratch/first" "$prefix"
    ;;
  cmake)
    alone=()
    [[ $3 == static ]] || alone=(-DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON) # the shared library's own affair
    cmake -S "$source" -B "$scratch/$3" -DMAILROOM_KIND="$3" -DCMAKE_PREFIX_PATH="$prefix" "${alone[@]}"
    cmake --build "$scratch/$3"
    run "$scratch/$3"
    ;;
  pkg-config)
    mkdir -p "$scratch/pkg-config"
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name mailroom.pc)")
    export PKG_CONFIG_PATH
    [[ -e $PKG_CONFIG_PATH/../libmailroom.so ]] || static=--static
    IFS=';' read -ra launcher <<< "${CMAKE_CXX_COMPILER_LAUNCHER:-}"
    for program in bank teller; do
      "${launcher[@]}" "$CXX" -std=c++20 "$source/$program.cpp" -o "$scratch/pkg-config/$program" \
        $(pkg-config --cflags --libs ${static:-} mailroom)
    done
    LD_LIBRARY_PATH=$PKG_CONFIG_PATH/.. run "$scratch/pkg-config"
    ;;
esac
