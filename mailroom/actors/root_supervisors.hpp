#pragma once
// The topmost supervisors of this process. Its service, `mailroom/supervisors`, tells the tree below a whole process: who supervises the process asks there.

#include <mailroom/runtime/system.hpp>

#include <functional>
#include <mutex>
#include <set>

namespace mailroom {

/// Any thread. An extension of the system.
class root_supervisors {
public:
  static constexpr std::string_view mailbox = "mailroom/supervisors";

  /// Starts the service.
  explicit root_supervisors(system& sys);

  /// Makes a supervisor, which is known by its name until it ends. Who asks for the names while `make` runs waits: whoever can reach the actor finds
  /// it here. What `make` throws passes, and nothing is added.
  caf::actor add(const std::string& name, const std::function<caf::actor()>& make);

  std::set<std::string> names() const;

private:
  struct table {
    std::mutex mutex;
    std::multiset<std::string> names; // one that has just ended may still be there beside its successor
  };
  std::shared_ptr<table> table_ = std::make_shared<table>();
};

} // namespace mailroom
