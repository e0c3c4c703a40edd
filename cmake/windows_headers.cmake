# For cmake/windows.cmake: Debian's libraries that are headers only, or can be, are as good for Windows as for Debian. MinGW must not
# see /usr/include, so it gets a folder with links to these, and `find_package` finds them there.

set(headers_dir "${CMAKE_BINARY_DIR}/headers")
file(MAKE_DIRECTORY "${headers_dir}")
foreach(folder catch2 cereal CLI fmt nlohmann spdlog tl)
  if(NOT EXISTS "/usr/include/${folder}")
    message(FATAL_ERROR "There is no /usr/include/${folder}: `scripts/test windows` installs what is missing")
  endif()
  file(CREATE_LINK "/usr/include/${folder}" "${headers_dir}/${folder}" SYMBOLIC)
endforeach()

# header_only(PACKAGE TARGET [DEFINITION...])
function(header_only package target)
  file(WRITE "${CMAKE_FIND_PACKAGE_REDIRECTS_DIR}/${package}-config.cmake" "
if(NOT TARGET ${target})
  add_library(${target} INTERFACE IMPORTED)
  set_target_properties(${target} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES \"${headers_dir}\"
    INTERFACE_COMPILE_DEFINITIONS \"${ARGN}\")
endif()
")
endfunction()

header_only(catch2 Catch2::Catch2)
header_only(cereal cereal::cereal)
header_only(cli11 CLI11::CLI11)
header_only(fmt fmt::fmt FMT_HEADER_ONLY)
header_only(nlohmann_json nlohmann_json::nlohmann_json)
header_only(spdlog spdlog::spdlog SPDLOG_HEADER_ONLY SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
header_only(tl-expected tl::expected)

list(APPEND CMAKE_MODULE_PATH /usr/lib/cmake/Catch2) # catch_discover_tests
