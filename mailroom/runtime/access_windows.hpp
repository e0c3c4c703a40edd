#pragma once
// Who may reach this user's processes, in Windows' terms. A preset answers that once for everything that a process makes, and for everything of
// others that it opens; a further one, as for a service that talks to a desktop session, would be a further object here.

#include <mailroom/runtime/error.hpp>

#include <string>
#include <vector>

namespace mailroom {

struct access_preset {
  /// Descriptors (SDDL) of what a process makes: the runtime directory, the files in it, and its pipe.
  std::string directory;
  std::string file;
  std::string pipe;

  /// Whose process may be at the other end, as security identifiers.
  std::vector<std::string> peers;

  bool trusts(const std::string& user) const;
};

/// The default: this user and the system, not over the network, and nobody of lower integrity.
const access_preset& same_user();

/// Whether a pipe (the HANDLE of either end) was made by one whom the preset trusts: somebody else's process may have been faster with the name.
/// Else `denied`, and the text says whose `what` is.
expected<void> check_owner(void* pipe, const access_preset& who, const std::string& what);

} // namespace mailroom
