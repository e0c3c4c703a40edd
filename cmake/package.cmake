# `cmake --install`: both libraries, the headers, a CMake package and a pkg-config file. The result can be moved.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/mailroom")

foreach(library IN LISTS mailroom_libraries)
  string(REPLACE "mailroom_" "" kind ${library})
  install(TARGETS ${library} EXPORT mailroom-${kind} FILE_SET HEADERS FILE_SET generated_headers)
  install(EXPORT mailroom-${kind} NAMESPACE mailroom:: DESTINATION "${package_dir}")
endforeach()

configure_package_config_file(cmake/mailroom-config.cmake.in mailroom-config.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(mailroom-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/mailroom-config.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/mailroom-config-version.cmake"
  cmake/FindCAF.cmake
  DESTINATION "${package_dir}")

# pkg-config: CAF has no file of its own to require; where it stands outside the compiler's paths, ours names the place.
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${pc_dir}" OUTPUT_VARIABLE pc_prefix)
cmake_path(GET CAF_core_LIBRARY PARENT_PATH caf_libdir)
cmake_path(GET CAF_core_LIBRARY STEM caf_library)
string(REGEX REPLACE "^lib" "-l" pc_caf_libs "${caf_library}")
if(NOT caf_libdir IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
  string(PREPEND pc_caf_libs "-L${caf_libdir} ")
endif()
if(NOT CAF_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  set(pc_caf_cflags " -isystem ${CAF_INCLUDE_DIR}")
endif()
configure_file(cmake/mailroom.pc.in mailroom.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/mailroom.pc" DESTINATION "${pc_dir}")
