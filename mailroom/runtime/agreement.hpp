#pragma once
// Whether two processes have a way to each other at all. Each says with the claim of its name over what it listens; who finds nobody there looks
// what the owner of the name says, so that two programs with different `config.transports` are told so, instead of waiting for each other.

#include <mailroom/runtime/config.hpp>
#include <mailroom/runtime/name_claim.hpp>

#include <optional>

namespace mailroom {

/// A list of transports as others read it, as in "copydata,pipe"; each one once.
std::string offer_of(const std::vector<transport_kind>& transports);

/// `version_mismatch`, with what each side offers, where `ours` and what the owner of the name `peer` says have nothing in common. Nothing where
/// they have, or where the owner says nothing. `shared_memory` is agreed on over the pipe, so it is as good as `pipe`; `memory` leads
/// nowhere but within one process.
std::optional<error> disagreement(const process_name& peer, const std::vector<transport_kind>& ours,
                                  const name_owner& theirs);

} // namespace mailroom
