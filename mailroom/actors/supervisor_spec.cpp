#include <mailroom/actors/supervisor_spec.hpp>

#include <set>

namespace mailroom {

shutdown child_spec::shutdown() const noexcept {
  if (options_.shutdown)
    return *options_.shutdown;
  if (std::holds_alternative<supervisor>(kind_))
    return shutdown::infinity();
  return shutdown::within(std::chrono::milliseconds{5000});
}

std::chrono::milliseconds child_spec::ready_within() const noexcept {
  if (options_.ready_within)
    return std::min(*options_.ready_within, longest_time);
  return std::holds_alternative<supervisor>(kind_) ? longest_time : std::chrono::milliseconds{10'000};
}

namespace {

/// Goes through a tree of specifications and stops at the first that is wrong.
class validation {
public:
  /// `is_mailbox`: `name` is the mailbox's whole name; else it begins at the supervisor that is validated.
  explicit validation(bool is_mailbox) : is_mailbox_{is_mailbox} {}

  expected<void> check(const supervisor_spec& what, const std::string& name) {
    if (auto wrong = rules_of(what); !wrong.empty())
      return refuse(name.empty() ? "supervisor" : name, wrong);
    std::set<std::string_view> ids;
    for (auto& each : what.children) {
      auto full = name.empty() ? each.id() : name + "/" + each.id();
      if (auto legal = process_name::parse(each.id()); !legal)
        return tl::unexpected{legal.error().about(full)};
      if (auto legal = check_mailbox(each, full); !legal)
        return legal;
      if (!ids.insert(each.id()).second)
        return tl::unexpected{error{errc::name_taken, full, "two children have this id"}};
      if (auto wrong = options_of(each, what); !wrong.empty())
        return refuse(full, wrong);
      if (auto right = std::visit([&](auto& kind) { return check_kind(kind, each, full); }, each.kind()); !right)
        return right;
    }
    return {};
  }

private:
  static expected<void> refuse(const std::string& whom, const std::string& why) {
    return tl::unexpected{error{errc::system_error, whom, why}};
  }

  expected<void> check_mailbox(const child_spec& child, const std::string& full) const {
    if (!is_mailbox_ || std::holds_alternative<child_spec::process>(child.kind()))
      return {};
    if (auto legal = mailbox_name::parse(full); !legal)
      return tl::unexpected{legal.error()};
    return {};
  }

  static std::string rules_of(const supervisor_spec& what) {
    auto& pause = what.backoff;
    if (what.period.count() <= 0)
      return "the period must be longer than nothing";
    if (pause.first.count() < 0 || pause.most.count() < 0 || pause.quiet.count() < 0)
      return "a backoff has no times below nothing";
    if (!(pause.jitter >= 0 && pause.jitter <= 1))
      return "the backoff's jitter must be from 0 to 1";
    if (what.strategy == strategy::simple_one_for_one && what.children.size() != 1)
      return "simple_one_for_one takes one child, the template";
    return {};
  }

  static std::string options_of(const child_spec& child, const supervisor_spec& its) {
    auto& options = child.options();
    if (child.ready_within().count() <= 0)
      return "ready_within must be longer than nothing";
    if (child.shutdown().grace().count() < 0)
      return "the grace of shutdown must not be below nothing";
    if (!options.significant)
      return {};
    if (options.restart == restart::permanent)
      return "a permanent child cannot be significant: it is always started again";
    if (its.auto_shutdown == auto_shutdown::never)
      return "a child cannot be significant where auto_shutdown is never";
    return {};
  }

  expected<void> check_kind(const child_spec::actor& kind, const child_spec&, const std::string& full) {
    return kind.spawn ? expected<void>{} : refuse(full, "nothing that makes the actor");
  }

  expected<void> check_kind(const child_spec::process& kind, const child_spec& child, const std::string& full) {
    if (auto right = validate(kind.what); !right)
      return refuse(full, right.error().cause());
    if (!processes_.insert(child.id()).second)
      return tl::unexpected{error{errc::name_taken, full, "two processes of the tree have this name"}};
    return {};
  }

  expected<void> check_kind(const child_spec::remote& kind, const child_spec&, const std::string& full) {
    if (auto legal = process_name::parse(kind.process); !legal)
      return refuse(full, "its process: " + legal.error().cause());
    if (auto legal = mailbox_name::parse(kind.factory); !legal)
      return refuse(full, "its factory: " + legal.error().cause());
    return {};
  }

  expected<void> check_kind(const child_spec::supervisor& kind, const child_spec&, const std::string& full) {
    return kind.what ? check(*kind.what, full) : refuse(full, "nothing that says what it supervises");
  }

  bool is_mailbox_;
  std::set<std::string> processes_;
};

} // namespace

expected<void> validate(const supervisor_spec& what) {
  return validation{false}.check(what, {});
}

expected<void> validate(const supervisor_spec& what, const std::string& name) {
  if (auto legal = mailbox_name::parse(name); !legal)
    return tl::unexpected{legal.error()};
  return validation{true}.check(what, name);
}

} // namespace mailroom
