#include <mailroom/runtime/message.hpp>

MAILROOM_INSTANTIATE_MESSAGE(mailroom::address)
