// supervised_wordcount: one program, coordinator and worker. Started by a user it is the coordinator, which has a supervisor start it again as
// each of the workers, hands them the files in chunks, and adds up what they answer, whatever becomes of the workers meanwhile.

#include "run.hpp"
#include "worker.hpp"

#include "interrupts.hpp"

#include <fmt/format.h>

using wordcount::options;

namespace {

int be_coordinator(const options& wanted) {
  examples::watch_interrupts();
  auto result = wordcount::run(wanted);
  if (wanted.json)
    print_json(result);
  else
    print_text(result);
  return result.right() ? 0 : 1;
}

int be_worker(const options& wanted) {
  wordcount::run_worker(wanted.mailroom);
  return 0;
}

int complain(int code, const char* what) {
  if (examples::interrupted()) // and whatever went wrong did so for that reason
    return 128 + examples::interrupted();
  fmt::print(stderr, "supervised_wordcount: {}\n", what);
  return code;
}

} // namespace

int main(int argc, char** argv) {
  auto wanted = wordcount::read_options(argc, argv);
  if (!wanted)
    return wanted.error().value;
  try {
    return wanted->worker ? be_worker(*wanted) : be_coordinator(*wanted);
  } catch (const wordcount::interruption&) {
    return complain(1, "interrupted");
  } catch (const wordcount::input_error& what) {
    return complain(2, what.what());
  } catch (const std::exception& what) {
    return complain(1, what.what());
  }
}
