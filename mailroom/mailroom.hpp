#pragma once
// Everything that a program needs.

#include <mailroom/actors/factory.hpp>
#include <mailroom/actors/supervisor.hpp>
#include <mailroom/runtime/system.hpp>
