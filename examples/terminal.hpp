#pragma once

namespace examples {

/// Whether somebody watches standard error as it is written.
bool stderr_is_terminal() noexcept;

} // namespace examples
