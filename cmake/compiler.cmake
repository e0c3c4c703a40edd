# How everything in this tree is compiled. Directory scope: it reaches our own targets and nobody else's, neither
# the project that includes us nor those that find us installed.

set(CMAKE_CXX_EXTENSIONS OFF) # C++20 itself comes with mailroom::mailroom

if(MSVC)
  add_compile_options(/W4 /utf-8 /bigobj)
else()
  add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> # GCC's optimizer finds it in CAF's headers, system or not
    # and at -O3 GCC 12's finds these in std::string's own operator+
    "$<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow>")
endif()
set(CMAKE_COMPILE_WARNING_AS_ERROR ${MAILROOM_WARNINGS_AS_ERRORS})

if(WIN32)
  add_compile_definitions(WIN32_LEAN_AND_MEAN NOMINMAX _WIN32_WINNT=0x0A00)
endif()
if(MINGW)
  add_compile_options(-Wa,-mbig-obj) # templates make more sections than the usual format holds
endif()

if(MAILROOM_SANITIZE)
  list(JOIN MAILROOM_SANITIZE "," sanitizers)
  set(MAILROOM_SANITIZE_FLAGS -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if("undefined" IN_LIST MAILROOM_SANITIZE)
    # a fact about CAF 0.17: init_fun_factory.hpp:85 binds a null reference, in the code of whoever spawns an actor
    list(APPEND MAILROOM_SANITIZE_FLAGS -fno-sanitize=null)
    # GCC's runtime reads a vtable through a pipe that it opens for that: in a process that is out of descriptors, which
    # our tests bring about, every virtual call is then reported. Calls to dead objects are the address sanitizer's find.
    list(APPEND MAILROOM_SANITIZE_FLAGS -fno-sanitize=vptr)
  endif()
  if("thread" IN_LIST MAILROOM_SANITIZE AND NOT CAF_ROOT)
    message(WARNING "A CAF that was not built for ThreadSanitizer gives false reports; "
                    "`scripts/build-caf tsan` builds one and prints its path for -DCAF_ROOT=")
  endif()
  add_compile_options(${MAILROOM_SANITIZE_FLAGS})
  add_link_options(${MAILROOM_SANITIZE_FLAGS})
endif()

# One cache for all clones of this tree, wherever they are.
find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_ABSSTDERR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${CCACHE}")
endif()

# glob_sources(VARIABLE GLOB...): without the twin files of other platforms. Globbed, and looked at anew by each build, so
# that a file is part of its target from the moment it is there.
function(glob_sources variable)
  file(GLOB sources CONFIGURE_DEPENDS ${ARGN})
  if(WIN32)
    list(FILTER sources EXCLUDE REGEX "_posix\\.[ch]pp$")
  else()
    list(FILTER sources EXCLUDE REGEX "_windows\\.[ch]pp$")
  endif()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()
