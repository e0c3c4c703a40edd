// CAF within one process, as its users do it: a scoped_actor asks an actor, or sends to it.

#include "caf_caller.hpp"

namespace bench {

namespace {

class scoped_caller final : public caf_caller<sharing_settings> {
public:
  explicit scoped_caller(const setting& mine) : caf_caller{mine} { reach(system().spawn(echo_and_count)); }
};

} // namespace

contender scoped_actor() {
  contender result;
  result.name = "CAF scoped_actor";
  result.about = "CAF alone, within one process: scoped_actor, anon_send and policy sharing";
  result.between_processes = false;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<scoped_caller>(mine); };
  return result;
}

} // namespace bench
