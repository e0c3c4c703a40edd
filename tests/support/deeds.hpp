#pragma once
// What the helper program `child` does that each system has its own way for, and what tests ask of it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// The arguments of this program, in UTF-8.
std::vector<std::string> own_arguments(int argc, char* argv[]);

/// Starts this program with other arguments, in nobody's care. On POSIX by two forks and in a session of its own, as a daemon starts; on Windows
/// without our console.
void start_descendant(const std::vector<std::string>& arguments);

/// SIGTERM and Ctrl-Break do nothing from here on.
void ignore_requests_to_end();

/// Whether children of this process can be asked to end: not on Windows without a console.
bool children_can_be_asked();

/// How much memory this process may have; 0: as much as it likes, or the system does not tell, as Wine.
std::uint64_t memory_limit();

/// Bytes of this process that are in memory.
std::uint64_t resident_memory();

/// Descriptors or handles that this process has open. 0 where the system does not tell, as Wine.
std::uint64_t open_handles();

/// Sets an event of that number in this process, if there is one. Windows.
void set_event(std::uint64_t handle);

/// Holds a file until this process ends, however it does. False where another process holds it.
bool hold_for_life(const std::filesystem::path& file);

/// How many processes have that text in their environment, where the system tells.
int processes_with(std::string_view text);

} // namespace test
