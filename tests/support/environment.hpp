#pragma once
// One environment variable of this process, set or taken away for the length of a test.

#include <optional>
#include <string>

namespace test {

class environment_variable {
public:
  /// Without a value the variable is absent.
  explicit environment_variable(std::string name, std::optional<std::string> value = {});
  ~environment_variable();

  environment_variable(const environment_variable&) = delete;
  environment_variable& operator=(const environment_variable&) = delete;

private:
  std::string name_;
  std::optional<std::string> before_;
};

} // namespace test
