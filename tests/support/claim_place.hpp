#pragma once
// What the tests of name claims share, on every system.

#include <mailroom/runtime/name_claim.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <support/catch.hpp>
#include <support/temporary_directory.hpp>

#include <algorithm>

namespace test {

/// A runtime directory of its own for each test.
class claim_place {
public:
  mailroom::endpoint at(std::string_view name) const { return {directory_, *mailroom::process_name::parse(name)}; }
  const mailroom::runtime_directory& directory() const { return *directory_; }
  std::filesystem::path file(std::string_view name) const { return parent_.path() / "run" / name; }

  std::vector<std::string> owned() const {
    std::vector<std::string> result;
    for (auto& each : mailroom::list_processes(*directory_))
      result.push_back(each.name + "=" + std::to_string(each.pid));
    std::sort(result.begin(), result.end());
    return result;
  }

private:
  test::temporary_directory parent_;
  std::shared_ptr<const mailroom::runtime_directory> directory_ =
    *mailroom::runtime_directory::open(parent_.path() / "run");
};

inline std::string error_of(const mailroom::expected<std::unique_ptr<mailroom::name_claim>>& result) {
  return result ? "no error" : to_string(result.error());
}

inline std::string owned_by(std::string_view name, std::int64_t pid) {
  return std::string{name} + "=" + std::to_string(pid);
}

inline std::string taken_by(std::string_view name, std::int64_t pid) {
  return std::string{name} + ": name taken by process " + std::to_string(pid);
}

/// This process, as the operating system counts.
inline std::int64_t self() {
  return mailroom::this_process_id();
}

} // namespace test
