#include <support/environment.hpp>

#include <cstdlib>

namespace test {

namespace {

void assign(const std::string& name, const std::optional<std::string>& value) {
  if (value)
    ::setenv(name.c_str(), value->c_str(), 1);
  else
    ::unsetenv(name.c_str());
}

} // namespace

environment_variable::environment_variable(std::string name, std::optional<std::string> value)
  : name_{std::move(name)} {
  if (auto* found = std::getenv(name_.c_str()))
    before_ = found;
  assign(name_, value);
}

environment_variable::~environment_variable() {
  assign(name_, before_);
}

} // namespace test
