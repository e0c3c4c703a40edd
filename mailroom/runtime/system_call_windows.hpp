#pragma once
// What the Windows twin files share: the system's codes as errors of ours, a handle that closes itself, text and paths as the system wants
// them, and this user as the system knows him. Free of <windows.h>: a HANDLE is a `void*`, a DWORD an `unsigned long`.

#include <mailroom/runtime/error.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mailroom {

/// GetLastError.
unsigned long last_error() noexcept;

/// `system_error` about `subject`, with the failed call and the system's code in words.
error system_failure(const std::string& call, const std::string& subject, unsigned long code = last_error());

class handle {
public:
  handle() = default;
  /// Takes a null handle and INVALID_HANDLE_VALUE alike for none.
  explicit handle(void* native) noexcept : native_{is_none(native) ? nullptr : native} {}
  handle(handle&& other) noexcept : native_{std::exchange(other.native_, nullptr)} {}
  handle& operator=(handle&& other) noexcept {
    std::swap(native_, other.native_);
    return *this;
  }
  ~handle() { reset(); }

  void* get() const noexcept { return native_; }
  explicit operator bool() const noexcept { return native_ != nullptr; }
  void reset() noexcept;

private:
  static bool is_none(void* native) noexcept;

  void* native_ = nullptr;
};

/// UTF-8 to UTF-16 and back.
std::wstring widen(std::string_view text);
std::string narrow(std::wstring_view text);

/// The absolute path in the form that may be longer than MAX_PATH.
std::wstring extended_path(const std::filesystem::path& path);

/// The path of an open directory as the system spells it, in the same form; that of `otherwise` where it does not say, as Wine beyond MAX_PATH.
std::wstring path_of(void* directory, const std::filesystem::path& otherwise);

/// The security identifier of this process's user, as in "S-1-5-21-...", and of that of another process.
const std::string& this_user();
expected<std::string> user_of(void* process);

/// Who may open an object, from the system's own notation (SDDL), as in "D:P(A;;GA;;;SY)".
class security {
public:
  explicit security(const std::string& notation);
  ~security();
  security(const security&) = delete;
  security& operator=(const security&) = delete;

  /// A SECURITY_ATTRIBUTES, not inherited by programs that this one starts; null where the notation was refused.
  void* attributes() const noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace mailroom
