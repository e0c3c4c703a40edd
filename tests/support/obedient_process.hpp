#pragma once
// How tests and the processes that do what a test tells them see each other, beside messages: by files in a directory.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace test {

class told_by_files {
public:
  explicit told_by_files(std::filesystem::path directory) : directory_{std::move(directory)} {}

  void set(const std::string& what) const { std::ofstream{directory_ / what}; }
  void clear(const std::string& what) const {
    std::error_code ignored;
    std::filesystem::remove(directory_ / what, ignored);
  }
  bool is_set(const std::string& what) const { return std::filesystem::exists(directory_ / what); }
  void await_clear(const std::string& what) const {
    while (is_set(what))
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }

  std::filesystem::path path(const std::string& what) const { return directory_ / what; }

  void number(const std::string& what, int value) const { std::ofstream{directory_ / what} << value; }
  int number(const std::string& what) const {
    auto result = 0;
    std::ifstream{directory_ / what} >> result;
    return result;
  }

  /// One line at the end of what happened; lines of several processes do not mix.
  void event(const std::string& what) const {
    std::ofstream file{directory_ / "events", std::ios::app | std::ios::binary};
    file << what + "\n" << std::flush;
  }
  std::vector<std::string> events() const {
    std::vector<std::string> result;
    std::ifstream file{directory_ / "events"};
    for (std::string line; std::getline(file, line);)
      result.push_back(line);
    return result;
  }

private:
  std::filesystem::path directory_;
};

} // namespace test
