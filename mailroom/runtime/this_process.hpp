#pragma once
// What a process knows of itself, from the operating system.

#include <mailroom/runtime/address.hpp>

#include <cstdint>
#include <string>

namespace mailroom {

std::uint32_t this_process_id() noexcept;

/// The program's name without path.
std::string this_program();

/// 128 bits that no other process has.
incarnation new_incarnation();

/// Ends the process now, without destructors.
[[noreturn]] void end_this_process(int code) noexcept;

} // namespace mailroom
