#include "terminal.hpp"

#include <cstdio>
#include <io.h>

namespace examples {

bool stderr_is_terminal() noexcept {
  return ::_isatty(::_fileno(stderr)) != 0;
}

} // namespace examples
