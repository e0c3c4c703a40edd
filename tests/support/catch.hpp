#pragma once
// Catch2 by one name, whichever of its two major versions is installed.

#if MAILROOM_CATCH2_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
