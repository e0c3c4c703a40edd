#pragma once
// Mailroom's options on a program's own command line, for programs that use CLI11. The library itself neither needs it nor looks
// at the command line.

#include <mailroom/runtime/config.hpp>

#include <CLI/CLI.hpp>

namespace mailroom {

/// Adds `--mailroom-process NAME`, `--mailroom-dir PATH` and so on, for each of `config_options()`, in a group of their own. `target`
/// must outlive the parsing; a bad value is reported by CLI11 with our text.
inline void add_options(CLI::App& app, config& target) {
  for (auto& option : config_options()) {
    auto set = [&target, name = option.name](const std::string& value) {
      if (auto result = set_option(target, name, value); !result)
        throw CLI::ValidationError{to_string(result.error())};
    };
    app.add_option_function<std::string>("--mailroom-" + std::string{option.name}, set, std::string{option.help})
      ->group("Mailroom");
  }
}

} // namespace mailroom
