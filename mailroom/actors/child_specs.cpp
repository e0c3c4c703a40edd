#include <mailroom/actors/child_specs.hpp>

#include <mailroom/runtime/codec.hpp>

namespace mailroom {

void detail::refuse_arguments(const std::string& mailbox, const caf::message& given) {
  auto what = given.empty() ? std::string{"none"} : codec::describe(given.content());
  throw failure{error{errc::unexpected_message, mailbox, "it takes other arguments than these: " + what}};
}

child_spec process_child(std::string id, process_spec what) {
  return {std::move(id), child_spec::process{std::move(what)}};
}

child_spec supervisor_child(std::string id, supervisor_spec what) {
  return {std::move(id), child_spec::supervisor{std::make_shared<const supervisor_spec>(std::move(what))}};
}

} // namespace mailroom
