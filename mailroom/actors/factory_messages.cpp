#include <mailroom/actors/factory_messages.hpp>

MAILROOM_INSTANTIATE_MESSAGE(mailroom::factory_messages::make)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::factory_messages::made)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::factory_messages::stop)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::factory_messages::watch)
MAILROOM_INSTANTIATE_MESSAGE(mailroom::factory_messages::gone)
