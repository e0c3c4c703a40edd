#include <mailroom/actors/process_watch.hpp>

namespace mailroom {

namespace {

class process_driver final : public child_driver {
public:
  explicit process_driver(child_context context) : context_{std::move(context)} {}

  ~process_driver() override { kill(); }

  void start() override { watch_ = context_.sys.actors().spawn<process_watch>(context_, pid_); }

  void ask_to_end() override { caf::anon_send(watch_, process_events::ask_to_end{}); }

  void kill() override {
    if (watch_)
      caf::anon_send(watch_, process_events::kill{});
  }

  /// The kernel may have much to put away.
  std::chrono::milliseconds kill_takes() const override { return std::chrono::seconds{10}; }

  std::uint32_t pid() const override { return *pid_; }

private:
  child_context context_;
  std::shared_ptr<std::atomic<std::uint32_t>> pid_ = std::make_shared<std::atomic<std::uint32_t>>(0);
  caf::actor watch_;
};

} // namespace

std::unique_ptr<child_driver> make_process_driver(child_context context) {
  return std::make_unique<process_driver>(std::move(context));
}

} // namespace mailroom
