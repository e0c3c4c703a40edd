#pragma once
// A directory of its own for each test, gone with it.

#include <mailroom/runtime/runtime_directory.hpp>

#include <filesystem>
#include <random>
#include <string>

namespace test {

class temporary_directory {
public:
  temporary_directory() {
    std::random_device source;
    do
      path_ = std::filesystem::temp_directory_path()
              / ("mailroom-test-" + std::to_string(source()) + std::to_string(source()));
    while (std::filesystem::exists(path_));
    // made as the product makes its own: closed to others on every system
    if (auto made = mailroom::runtime_directory::open(path_); !made)
      throw mailroom::failure{made.error()};
  }
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace test
