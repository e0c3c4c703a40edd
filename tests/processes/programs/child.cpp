// A program that does what its arguments say, one after the other.
//
//   child COMMAND...
//     exit CODE                 crash                     sleep SECONDS
//     print TEXT                write TEXT (no line)      error TEXT (a line on standard error)
//     lines COUNT SIZE          flood (lines for ever)
//     variable NAME             directory                 pid
//     arguments ANY...          prints the rest of its arguments, each as a line of hexadecimal digits
//     deaf                      does not end when asked to
//     limit                     prints how much memory it may have
//     heir SECONDS              starts a child that inherits what it can; prints its pid
//     tree DEPTH DIRECTORY      is a file in the directory, named by its pid, starts a descendant that does the same with DEPTH - 1, and sleeps
//     set-event HANDLE          on Windows
//     system                    can be reached as a process of mailroom, and never runs
//     eat MEGABYTES             one after the other; exits with 3 where it does not get them

#include <mailroom/runtime/system.hpp>
#include <mailroom/runtime/this_process.hpp>

#include <support/deeds.hpp>
#include <support/process.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

/// To be there: most are killed meanwhile, which is what they are for.
void sleep_for(const std::string& seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>{std::stod(seconds)});
}

std::string in_hexadecimal(const std::string& text) {
  constexpr auto* digits = "0123456789abcdef";
  std::string result;
  for (auto each : text) {
    auto byte = static_cast<unsigned char>(each);
    result += digits[byte / 16];
    result += digits[byte % 16];
  }
  return result;
}

void be_a_tree(int depth, const std::string& directory) {
  std::ofstream{std::filesystem::path{directory} / std::to_string(mailroom::this_process_id())} << depth;
  if (depth > 0)
    test::start_descendant({"tree", std::to_string(depth - 1), directory});
  sleep_for("60");
}

void eat(int megabytes) {
  std::vector<std::unique_ptr<char[]>> eaten;
  constexpr std::size_t megabyte = 1 << 20;
  try {
    for (auto i = 0; i < megabytes; ++i) {
      auto& each = eaten.emplace_back(new char[megabyte]);
      std::fill_n(each.get(), megabyte, 'x');
    }
  } catch (const std::bad_alloc&) {
    std::_Exit(3);
  }
}

class commands {
public:
  explicit commands(std::vector<std::string> all) : all_{std::move(all)} {}

  void run() {
    while (at_ < all_.size())
      one(next());
  }

private:
  std::string next() { return at_ < all_.size() ? all_[at_++] : std::string{}; }

  void one(const std::string& what) {
    if (what == "exit")
      std::_Exit(std::stoi(next()));
    if (what == "crash")
      std::abort();
    if (what == "sleep")
      sleep_for(next());
    if (what == "print")
      std::cout << next() << std::endl;
    if (what == "write")
      std::cout << next() << std::flush;
    if (what == "error")
      std::cerr << next() << std::endl;
    if (what == "lines")
      print_lines();
    if (what == "flood")
      for (;;)
        print_lines(1000, 100);
    if (what == "system")
      system_.emplace();
    if (what == "variable")
      print_variable(next());
    if (what == "directory")
      std::cout << std::filesystem::current_path().string() << std::endl;
    if (what == "pid")
      std::cout << mailroom::this_process_id() << std::endl;
    if (what == "arguments")
      while (at_ < all_.size())
        std::cout << in_hexadecimal(next()) << std::endl;
    if (what == "limit")
      std::cout << test::memory_limit() << std::endl;
    if (what == "deaf")
      test::ignore_requests_to_end();
    if (what == "heir")
      std::cout << test::start_heir(std::stoi(next())) << std::endl;
    if (what == "tree") {
      auto depth = std::stoi(next());
      be_a_tree(depth, next());
    }
    if (what == "set-event")
      test::set_event(std::stoull(next()));
    if (what == "eat")
      eat(std::stoi(next()));
  }

  void print_lines() {
    auto count = std::stoi(next());
    print_lines(count, static_cast<std::size_t>(std::stoi(next())));
  }

  static void print_lines(int count, std::size_t size) {
    auto line = std::string(size, 'x') + '\n';
    for (auto i = 0; i < count; ++i)
      std::cout << line;
    std::cout << std::flush;
  }

  static void print_variable(const std::string& name) {
    auto* value = std::getenv(name.c_str());
    std::cout << (value != nullptr ? '"' + std::string{value} + '"' : "none") << std::endl;
  }

  std::vector<std::string> all_;
  std::size_t at_ = 0;
  std::optional<mailroom::system> system_;
};

} // namespace

int main(int argc, char* argv[]) {
  // each write is flushed where it must be seen; without a buffer, as to NUL, Wine writes byte by byte: 9 ms a line
  std::setvbuf(stdout, nullptr, _IOFBF, std::size_t{1} << 16);
  auto arguments = test::own_arguments(argc, argv);
  if (!arguments.empty() && arguments[0] == "--heir") // as `test::start_heir` calls it where there is no fork
    arguments[0] = "sleep";
  commands{std::move(arguments)}.run();
}
