// Whether two lists of transports have one in common, and what is said where they have not.

#include <mailroom/runtime/agreement.hpp>

#include <mailroom/runtime/this_process.hpp>

#include <support/catch.hpp>

using mailroom::disagreement;
using mailroom::errc;
using mailroom::offer_of;
using mailroom::process_name;
using kind = mailroom::transport_kind;
using kinds = std::vector<kind>;

namespace {

/// What is said to a process of `ours` about one that offers `theirs`; empty where they agree.
std::string said(const kinds& ours, std::string theirs, bool same_process = false) {
  auto pid = mailroom::this_process_id() + (same_process ? 0u : 1u);
  auto result = disagreement(*process_name::parse("bank"), ours, {pid, std::move(theirs)});
  if (!result)
    return {};
  CHECK(result->code() == errc::version_mismatch);
  return to_string(*result);
}

} // namespace

TEST_CASE("an offer lists the transports in their order, each one once", "[agreement]") {
  CHECK(offer_of({kind::pipe}) == "pipe");
  CHECK(offer_of({kind::copydata, kind::pipe, kind::copydata, kind::shared_memory, kind::memory, kind::pipe})
        == "copydata,pipe,shared_memory,memory");
}

TEST_CASE("lists that have a transport in common agree", "[agreement]") {
  CHECK(said({kind::pipe}, "pipe").empty());
  CHECK(said({kind::pipe}, "copydata,pipe").empty());
  CHECK(said({kind::copydata, kind::pipe}, "pipe").empty());
  CHECK(said({kind::copydata}, "copydata,pipe").empty());
  CHECK(said({kind::memory}, "pipe,memory", true).empty());
}

TEST_CASE("shared memory and the pipe agree, since the pipe serves both", "[agreement]") {
  CHECK(said({kind::pipe}, "shared_memory").empty());
  CHECK(said({kind::shared_memory}, "copydata,pipe").empty());
  CHECK(said({kind::shared_memory}, "shared_memory").empty());
}

TEST_CASE("lists without one in common are named on both sides", "[agreement]") {
  CHECK(said({kind::pipe}, "copydata") == "bank: no transport in common: it offers copydata, this process pipe");
  CHECK(said({kind::copydata, kind::memory}, "shared_memory,pipe")
        == "bank: no transport in common: it offers shared_memory,pipe, this process copydata,memory");
  CHECK(said({kind::pipe}, "telepathy") == "bank: no transport in common: it offers telepathy, this process pipe");
  CHECK(said({kind::pipe}, "memory", true) == "bank: no transport in common: it offers memory, this process pipe");
}

TEST_CASE("memory leads nowhere but within one process", "[agreement]") {
  CHECK(said({kind::memory}, "memory")
        == "bank: no transport in common: it offers memory, this process memory; memory leads nowhere but within one "
           "process");
  CHECK(said({kind::memory, kind::pipe}, "memory,pipe").empty());
}

TEST_CASE("of who says nothing nothing is known", "[agreement]") {
  CHECK(said({kind::pipe}, "").empty());
}
