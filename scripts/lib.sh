# Shared by the scripts beside it, which source it: where things are, and how to get and build what is missing.
# Whatever is said here goes to standard error; standard output belongs to the program that a script runs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mailroom
jobs=$(nproc)

# Debian's packages for the library and its programs, and for the tests.
build_packages=(g++ cmake ninja-build pkg-config ccache libcaf-dev libcereal-dev libexpected-dev libspdlog-dev
  libcli11-dev libfmt-dev nlohmann-json3-dev)
test_packages=("${build_packages[@]}" catch2 clang-format git python3)
windows_packages=(g++-mingw-w64-x86-64-posix wine wine64)

say() { printf '== %s\n' "$*" >&2; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# need PACKAGE...: installs those that are missing. Elsewhere than on Debian, bringing them is the user's part.
need() {
  command -v dpkg-query > /dev/null || return 0
  local missing become_root=()
  mapfile -t missing < <(comm -23 <(printf '%s\n' "$@" | sort) <(installed "$@" | sort))
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || become_root=(sudo)
  say "installing ${missing[*]}"
  quietly "${become_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update
  quietly "${become_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"
}

installed() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^installed //p'; }

# quietly COMMAND...: its output only where it fails.
quietly() {
  local output
  output=$("$@" 2>&1 < /dev/null) || {
    local status=$?
    printf '%s\n' "$output" >&2
    return $status
  }
}

# configure PRESET [ARGUMENT...]
configure() {
  (cd "$root" && quietly cmake --preset "$@")
}

# build PRESET [TARGET]: on a terminal with ninja's line of progress.
build() {
  local command=(cmake --build --preset "$1" --parallel "$jobs" ${2:+--target "$2"})
  say "building ${2:-everything} in build/$1"
  cd "$root"
  if [[ -t 2 ]]; then
    "${command[@]}" >&2
  else
    quietly "${command[@]}"
  fi
  cd - > /dev/null
}

# configure_for_windows PRESET: with a CAF that Debian does not have.
configure_for_windows() {
  local caf
  caf=$("$root/scripts/build-caf" windows)
  configure "$1" "-DCMAKE_FIND_ROOT_PATH=$caf"
}

# start_wine PREFIX: once for all programs, which then start in no time. Programs that were killed leave others behind; they end with it.
# What it starts keeps its output open for as long as it runs, so that nobody may wait for the end of that.
start_wine() {
  export WINEPREFIX=$1 WINEDEBUG=-all
  mkdir -p "$WINEPREFIX"
  wineserver --kill || true # one that was left behind
  wineserver --persistent < /dev/null &> /dev/null
  trap stop_wine EXIT
  wineboot --init < /dev/null &> /dev/null
  wine explorer.exe < /dev/null &> /dev/null & # the desktop ends with its last window, and takes a while to come back: this one stays
}

# Those that the server no longer knows too: see scripts/run-in-wine.
stop_wine() {
  wineserver --kill
  local each
  for each in $(grep -lszx "WINEPREFIX=$WINEPREFIX" /proc/[0-9]*/environ); do
    [[ $(readlink "${each%environ}exe") != */wine/* ]] || kill -KILL "$(basename "${each%/environ}")" || true
  done
}

# run_in_wine PROGRAM [ARGUMENT...]: built with the preset windows-release. Its lines end as ours do.
run_in_wine() {
  start_wine "$root/build/windows-release/wine"
  "$root/scripts/run-in-wine" "$WINEPREFIX" "$root/build/windows-release/$1" "${@:2}" | tr -d '\r'
}
