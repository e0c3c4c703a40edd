#pragma once
// The transport actors of a system, by process name, and the listeners through which peers come in.

#include <mailroom/runtime/transport_actor.hpp>

#include <map>
#include <mutex>

namespace mailroom {

class peer_table {
public:
  explicit peer_table(core& where);
  ~peer_table();

  /// Accepts peers from here on, on every transport. Fails with the first transport's reason.
  expected<void> listen();

  /// The transport actor for `name`, made on first use. Any thread.
  std::shared_ptr<transport_actor> get(const process_name& name);

  /// Tries the transports in order of preference. Never waits. Where there is somebody of that name, but on none of them, the error is
  /// `version_mismatch` and says what each offers.
  expected<std::shared_ptr<connection>> connect(const process_name& name);

  /// Everybody known, in no order.
  std::vector<std::shared_ptr<transport_actor>> all();

  /// Stops accepting.
  void stop_listening();

  /// Lets go of everything.
  void clear();

private:
  void on_notice(level value, const std::string& text);

  core& core_;
  rate_gate notices_;
  std::vector<std::unique_ptr<transport>> transports_;
  std::vector<std::unique_ptr<listener>> listeners_;
  std::mutex mutex_;
  std::map<process_name, std::shared_ptr<transport_actor>> peers_;
  std::size_t sweep_at_ = 64;
};

} // namespace mailroom
