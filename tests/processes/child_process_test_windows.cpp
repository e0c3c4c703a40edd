// Processes as children: command lines, handles, jobs.

#include <processes/kept.hpp>

#include <mailroom/runtime/system_call_windows.hpp>
#include <support/environment.hpp>

#include <fstream>

#include <windows.h>

using namespace test;
using mailroom::process_exit;
using mailroom::process_keeper;
using mailroom::process_spec;

TEST_CASE("batch files are refused", "[child_process]") {
  temporary_directory directory;
  process_keeper keeper;
  for (auto* name : {"harmless.bat", "HARMLESS.CMD"}) {
    std::ofstream{directory.path() / name} << "@echo off\r\n";
    kept child{keeper, process_spec{.program = directory.path() / name, .arguments = {"&calc"}}};
    auto how = child.end();
    REQUIRE_FALSE(how);
    CHECK(to_string(how.error()).find("batch file") != std::string::npos);
  }
}

TEST_CASE("a variable is changed whatever the case of its name", "[child_process]") {
  environment_variable before{"MAILROOM_TEST_Changed", "before"};
  process_keeper keeper;
  kept child{keeper, process_spec{.program = programs / "child",
                                  .arguments = {"variable", "MAILROOM_TEST_CHANGED"},
                                  .environment = {{"mailroom_test_changed", "after"}}}};
  CHECK(child.end() == process_exit{});
  CHECK(child.lines() == std::vector<std::string>{"\"after\""});
}

TEST_CASE("a child inherits no handle of ours", "[child_process]") {
  SECURITY_ATTRIBUTES inheritable{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
  mailroom::handle event{::CreateEventW(&inheritable, TRUE, FALSE, nullptr)};
  process_keeper keeper;
  kept child{keeper, {"set-event", std::to_string(reinterpret_cast<std::uintptr_t>(event.get())), "exit", "3"}};
  CHECK(child.end() == process_exit{3, 0});
  CHECK(::WaitForSingleObject(event.get(), 0) == WAIT_TIMEOUT);
}

TEST_CASE("the memory of a child can be limited", "[child_process]") {
  process_keeper keeper;
  kept child{keeper,
             process_spec{.program = programs / "child", .arguments = {"limit", "exit", "4"}, .max_memory = 256 << 20}};
  CHECK(child.end() == process_exit{4, 0});
  auto wine = ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr;
  CHECK(child.line(0) == (wine ? "0" : std::to_string(256 << 20)));
}

TEST_CASE("an exit code of 32 bits is told", "[child_process]") {
  process_keeper keeper;
  kept child{keeper, {"exit", "-1073741819"}}; // an access violation
  CHECK(child.end() == process_exit{-1073741819, 0});
}

TEST_CASE("many children leave no handle behind", "[child_process]") {
  process_keeper keeper;
  auto handles = [] {
    DWORD result = 0;
    ::GetProcessHandleCount(::GetCurrentProcess(), &result);
    return result;
  };
  auto once = [&] {
    kept child{keeper, {"print", "here"}};
    REQUIRE(child.end() == process_exit{});
  };
  for (auto i = 0; i < 5; ++i)
    once();
  auto before = handles();
  auto count = rounds(20, 200);
  for (auto i = 0; i < count; ++i)
    once();
  CHECK(
    eventually([&] { return handles() < before + static_cast<DWORD>(count) / 4; })); // the system keeps some for itself
}
