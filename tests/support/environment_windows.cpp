#include <support/environment.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <cstdlib>

namespace test {

namespace {

/// For the C library, which tells the system; an empty value takes the variable away.
void assign(const std::string& name, const std::optional<std::string>& value) {
  ::_wputenv_s(mailroom::widen(name).c_str(), mailroom::widen(value.value_or("")).c_str());
}

} // namespace

environment_variable::environment_variable(std::string name, std::optional<std::string> value)
  : name_{std::move(name)} {
  if (auto* found = ::_wgetenv(mailroom::widen(name_).c_str()))
    before_ = mailroom::narrow(found);
  assign(name_, value);
}

environment_variable::~environment_variable() {
  assign(name_, before_);
}

} // namespace test
