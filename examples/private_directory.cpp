#include "private_directory.hpp"

#include <random>
#include <string>

namespace examples {

namespace fs = std::filesystem;

private_directory::private_directory(std::string_view name, const fs::path& parent) {
  fs::create_directories(parent);
  std::random_device random;
  do
    path_ = parent / (std::string{name} + "-" + std::to_string(random()));
  while (!make(path_));
}

private_directory::~private_directory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

} // namespace examples
