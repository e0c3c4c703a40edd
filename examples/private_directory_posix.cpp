#include "private_directory.hpp"

#include <cerrno>
#include <sys/stat.h>

namespace examples {

bool private_directory::make(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0)
    return true;
  if (errno == EEXIST)
    return false;
  throw std::filesystem::filesystem_error{"mkdir", path, {errno, std::generic_category()}};
}

} // namespace examples
