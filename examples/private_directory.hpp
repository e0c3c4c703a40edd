#pragma once
// A new directory for one run of a program, open to this user alone, and gone with the object.

#include <filesystem>
#include <string_view>

namespace examples {

class private_directory {
public:
  /// Makes one in `parent`, with a name that begins with `name`. Throws `std::filesystem::filesystem_error`.
  explicit private_directory(std::string_view name,
                             const std::filesystem::path& parent = std::filesystem::temp_directory_path());
  ~private_directory();

  private_directory(const private_directory&) = delete;
  private_directory& operator=(const private_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  /// False where there is something of that name already.
  static bool make(const std::filesystem::path& path);

  std::filesystem::path path_;
};

} // namespace examples
