#pragma once
// The claim of one process on its name: held by an object that the kernel frees when the process dies, however it dies.

#include <mailroom/runtime/endpoint.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailroom {

/// Holds the name until it is destroyed.
class name_claim {
public:
  /// Fails with `name_taken` and the owner's pid, or with `system_error`. What a dead owner left behind is taken over silently. `offer` says to
  /// others how the owner can be reached (agreement.hpp): `a-z`, `_` and commas, at most 100 characters.
  static expected<std::unique_ptr<name_claim>> take(const endpoint& where, std::string_view offer = {});

  virtual ~name_claim() = default;
};

/// A process that owns a name in the directory.
struct process_info {
  std::string name;
  std::uint32_t pid = 0;
};

/// Who owns a name, and how it can be reached; an empty `offer` where that is not known.
struct name_owner {
  std::uint32_t pid = 0;
  std::string offer;
};

/// The owner of the name now, in this process or another. Nothing where there is none, or where it is not known.
std::optional<name_owner> owner_of(const endpoint& where);

/// The offer behind the last blank of a claim's one line; empty where the line has no end or the offer is none.
std::string offer_in(std::string_view line);

/// The processes that own a name now, in no order.
std::vector<process_info> list_processes(const runtime_directory& where);

} // namespace mailroom
