#include "terminal.hpp"

#include <unistd.h>

namespace examples {

bool stderr_is_terminal() noexcept {
  return ::isatty(STDERR_FILENO) == 1;
}

} // namespace examples
