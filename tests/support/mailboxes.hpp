#pragma once
// The mailboxes that the tests talk to, in their own process or in another.

#include <mailroom/mailroom.hpp>
#include <support/messages.hpp>

namespace test {

using calculator = caf::typed_actor<caf::replies_to<std::int64_t, std::int64_t>::with<std::int64_t>>;

/// echo, several, sum (typed), late, dropper, keeper, thrower, blocking, detached, failing, nothing, quitter, crasher, relay, asker, recorder,
/// unspeakable, whoami, sleeper-1 to sleeper-4: see the implementation.
void spawn_mailboxes(mailroom::system& sys);

} // namespace test
