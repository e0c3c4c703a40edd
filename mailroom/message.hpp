#pragma once
// For the headers that programs share: MAILROOM_MESSAGE, with cereal's string and vector.

#include <mailroom/runtime/message.hpp>
