// What a supervisor answers to those who ask it.

#include <mailroom/actors/root_supervisors.hpp>
#include <mailroom/actors/supervisor_actor.hpp>
#include <mailroom/actors/tree_request.hpp>
#include <mailroom/runtime/codec.hpp>

namespace mailroom {

void supervisor_actor::answer_which() {
  std::vector<child_info> all;
  for (auto& each : children_)
    all.push_back(describe(*each));
  make_response_promise().deliver(std::move(all));
}

void supervisor_actor::answer_count() {
  child_counts result;
  result.specs = simple() ? 1 : children_.size();
  for (auto& each : children_) {
    result.active += each->up && !each->must_end() ? 1 : 0;
    ++(describe(*each).kind == child_kind::supervisor ? result.supervisors : result.workers);
  }
  make_response_promise().deliver(result);
}

void supervisor_actor::answer_tree(std::uint32_t milliseconds) {
  tree_node root;
  root.about.id = name_;
  root.about.kind = child_kind::supervisor;
  root.about.phase = ending_ ? child_phase::stopping : starting_ ? child_phase::starting : child_phase::up;
  root.about.address = full(name_);
  std::vector<tree_branch> branches;
  for (auto& each : children_) {
    if (each->up && each->life->is_supervisor())
      branches.push_back({root.children.size(), each->where});
    else if (auto* process = std::get_if<child_spec::process>(&each->spec->kind());
             each->up && process != nullptr && process->what.speaks_mailroom)
      branches.push_back({root.children.size(), each->where + "/" + std::string{root_supervisors::mailbox}});
    root.children.push_back({describe(*each), {}, {}});
  }
  mailroom::answer_tree(this, sys_, std::move(root), branches, milliseconds);
}

void supervisor_actor::terminate(const std::string& id) {
  auto whom = make_response_promise();
  auto* it = find(id);
  if (it == nullptr) {
    whom.deliver(no_child(id).to_caf());
    return;
  }
  if (it->life)
    it->when_ended.push_back(whom);
  else
    whom.deliver(caf::unit);
  if (ending_)
    return;
  it->wanted = false;
  it->recycle = false;
  if (it->kind_is(restart::temporary) || simple())
    it->forget = true;
  if (it->life) {
    it->at_once = true;
    stop(*it);
  } else {
    tell(it->when_up, {errc::cancelled, full(mailbox_of(id)), "stopped before it was up"});
    if (it->forget)
      erase(*it);
  }
  act();
}

void supervisor_actor::start_again(const std::string& id) {
  auto whom = make_response_promise();
  auto refuse = [&](errc code, const std::string& why) {
    whom.deliver(error{code, full(mailbox_of(id)), why}.to_caf());
  };
  auto* it = find(id);
  if (simple())
    return refuse(errc::remote_error, "a child of a template is not restarted: start another one");
  if (it == nullptr)
    return whom.deliver(no_child(id).to_caf());
  if (ending_)
    return refuse(errc::shutting_down, "the supervisor is ending");
  if (it->life || it->wanted)
    return refuse(errc::remote_error, "it is " + std::string{to_string(describe(*it).phase)});
  it->wanted = true;
  it->why = cause::request;
  it->not_before = {};
  it->when_up.push_back(std::move(whom));
  act();
}

void supervisor_actor::forget(const std::string& id) {
  auto whom = make_response_promise();
  auto* it = find(id);
  if (simple())
    whom.deliver(
      error{errc::remote_error, full(mailbox_of(id)), "a child of a template is forgotten when it ends"}.to_caf());
  else if (it == nullptr)
    whom.deliver(no_child(id).to_caf());
  else if (it->life || it->wanted)
    whom.deliver(
      error{errc::remote_error, full(mailbox_of(id)), "it is " + std::string{to_string(describe(*it).phase)}}.to_caf());
  else {
    erase(*it);
    whom.deliver(caf::unit);
  }
}

void supervisor_actor::add(const child_spec& what) {
  auto whom = make_response_promise();
  auto refuse = [&](const error& why) { whom.deliver(why.to_caf()); };
  auto name = full(mailbox_of(what.id()));
  if (simple())
    return refuse({errc::remote_error, name, "the supervisor takes children of its template only"});
  if (ending_)
    return refuse({errc::shutting_down, name, "the supervisor is ending"});
  supervisor_spec alone{.auto_shutdown = spec_->auto_shutdown, .children = {what}};
  if (auto valid = validate(alone, name_); !valid)
    return refuse(valid.error());
  if (auto* present = find(what.id()); present != nullptr)
    return refuse({errc::name_taken, name,
                   "there is such a child already: it is " + std::string{to_string(describe(*present).phase)}});
  auto& fresh = put(std::make_shared<const child_spec>(what), what.id());
  fresh.wanted = true;
  fresh.forget = true; // unless it gets up
  fresh.why = cause::request;
  fresh.when_up.push_back(std::move(whom));
  act();
}

void supervisor_actor::add_of_template(const std::vector<std::byte>& arguments) {
  auto whom = make_response_promise();
  auto refuse = [&](const error& why) { whom.deliver(why.to_caf()); };
  if (!simple())
    return refuse({errc::remote_error, full(name_), "the supervisor has no template: its strategy is another one"});
  if (ending_)
    return refuse({errc::shutting_down, full(name_), "the supervisor is ending"});
  auto given = arguments.empty() ? expected<caf::message>{} : codec::decode(arguments);
  if (!given)
    return refuse(given.error().about(full(name_)));
  auto& model = spec_->children.front();
  auto& fresh = put(std::make_shared<const child_spec>(model), model.id() + "-" + std::to_string(++last_of_template_));
  fresh.arguments = *std::move(given);
  fresh.wanted = true;
  fresh.forget = true;
  fresh.why = cause::request;
  fresh.when_up.push_back(std::move(whom));
  act();
}

} // namespace mailroom
