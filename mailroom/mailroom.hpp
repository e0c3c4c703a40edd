#pragma once
// Everything that a program needs.

#include <mailroom/runtime/system.hpp>
