// What only WM_COPYDATA brings with it: strangers that send what they like, windows that hang, processes that die in the middle, and no window
// left. The contract itself is in transport_contract_test.cpp.

#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/transports/copydata_peer_windows.hpp>
#include <mailroom/transports/copydata_window_windows.hpp>
#include <mailroom/transports/copydata_windows.hpp>

#include <support/process.hpp>
#include <support/timing.hpp>
#include <support/transport_world.hpp>

#include <algorithm>
#include <windows.h>

using mailroom::copydata_answer;
using mailroom::copydata_fragment;
using mailroom::copydata_introduction;
using mailroom::copydata_kind;
using mailroom::copydata_peer;
using mailroom::copydata_token;
using mailroom::copydata_verdict;
using mailroom::down_cause;
using mailroom::errc;
using mailroom::frame_view;
using mailroom::process_exit;
using mailroom::transport_kind;
using mailroom::transport_limits;
using test::byte_buffer;
using test::end;
using test::frame;
using test::process;
using test::send_mode;
using test::send_result;
using test::transport_world;

using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

class copydata_world : public transport_world {
public:
  explicit copydata_world(transport_limits limits = usual_limits())
    : transport_world{transport_kind::copydata, limits} {}

  /// The window of who listens.
  copydata_peer bank() const {
    auto found = mailroom::find_copydata_peer(title_of(at("bank")));
    REQUIRE(found);
    return std::move(*found);
  }

  bool was_told(std::string_view what) const {
    return std::ranges::any_of(notices(), [&](auto& each) { return each.find(what) != std::string::npos; });
  }

  static std::wstring title_of(const mailroom::endpoint& where) {
    auto name = mailroom::pipe_name(where);
    return mailroom::widen(name.substr(name.rfind('\\') + 1));
  }
};

/// The windows of our class that this process has.
std::vector<HWND> our_windows() {
  std::vector<HWND> result;
  for (HWND each = nullptr;;) {
    each = ::FindWindowExW(HWND_MESSAGE, each, mailroom::copydata_class, nullptr);
    if (each == nullptr)
      return result;
    DWORD pid = 0;
    ::GetWindowThreadProcessId(each, &pid);
    if (pid == ::GetCurrentProcessId())
      result.push_back(each);
  }
}

copydata_verdict say(HWND to, ULONG_PTR magic, const void* data, std::size_t size) {
  COPYDATASTRUCT what{magic, static_cast<DWORD>(size), const_cast<void*>(data)};
  auto sender = reinterpret_cast<WPARAM>(HWND_MESSAGE); // is free text
  return mailroom::unpack(::SendMessageW(to, WM_COPYDATA, sender, reinterpret_cast<LPARAM>(&what))).verdict;
}

byte_buffer message(const copydata_fragment& what) {
  byte_buffer result;
  mailroom::write_fragment(result, what);
  return result;
}

copydata_token some_token(int value) {
  copydata_token result;
  result.fill(static_cast<std::byte>(value));
  return result;
}

/// Speaks the protocol by hand.
class raw_caller {
public:
  explicit raw_caller(copydata_peer to) : to_{std::move(to)} {
    auto opened = mailroom::copydata_window::open({});
    REQUIRE(opened);
    window_ = *opened;
    window_->expect(some_token(1), heard_);
  }
  ~raw_caller() { window_->stop(); }

  copydata_verdict connect(std::uint64_t claimed_window, int token = 1) {
    auto introduction = mailroom::write_introduction({claimed_window, some_token(token)});
    return say({copydata_kind::connect, {}, 0, introduction});
  }
  copydata_verdict connect() { return connect(window_->number()); }

  /// The one that the other side gave us.
  copydata_token token() {
    auto peer = heard_->wait();
    to_.window = peer.window;
    return peer.token;
  }

  copydata_verdict say(const copydata_fragment& what) {
    return mailroom::send_copydata(to_, 0, message(what), 5s).answer.verdict;
  }

private:
  class answers final : public mailroom::copydata_receiver {
  public:
    copydata_answer receive(const copydata_fragment& what) override {
      std::lock_guard guard{mutex_};
      if (what.kind == copydata_kind::accept)
        peer_ = *mailroom::read_introduction(what.payload);
      changed_.notify_all();
      return {copydata_verdict::taken};
    }
    copydata_introduction wait() {
      std::unique_lock guard{mutex_};
      REQUIRE(changed_.wait_for(guard, 10s, [this] { return peer_.window != 0; }));
      return peer_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    copydata_introduction peer_;
  };

  copydata_peer to_;
  std::shared_ptr<answers> heard_ = std::make_shared<answers>();
  std::shared_ptr<mailroom::copydata_window> window_;
};

/// Another process: a second run of this test program that runs the hidden test of that name.
class child : public copydata_world {
public:
  explicit child(std::string what) : program{test::running_program(), {std::move(what)}, path()} {
    auto there = [&] { return mailroom::find_copydata_peer(title_of(at("bank"))).has_value(); };
    for (auto deadline = clock::now() + 20s; !there() && clock::now() < deadline;)
      std::this_thread::sleep_for(10ms); // nothing tells when a window is there
    REQUIRE(there());
  }

  end connect() {
    auto result = copydata_world::connect();
    result.link->admit(admitted);
    return result;
  }

  process program;
};

/// What the child does with each connection.
class server final : public mailroom::connection_events {
public:
  using handler = std::function<void(mailroom::connection&, const frame_view&)>;

  server(std::shared_ptr<mailroom::connection> link, handler what) : link_{std::move(link)}, what_{std::move(what)} {}
  void on_frame(const frame_view& view) override { what_(*link_, view); }
  void on_room() override {}
  void on_closed(const mailroom::error&, std::vector<byte_buffer>) override {
    link_.reset();
    if (std::exchange(dies_with_it, false))
      ::TerminateProcess(::GetCurrentProcess(), 9);
  }

  static inline bool dies_with_it = false;

private:
  std::shared_ptr<mailroom::connection> link_;
  handler what_;
};

void serve(const server::handler& what) {
  auto directory = mailroom::runtime_directory::open(mailroom::default_runtime_directory());
  REQUIRE(directory);
  auto loop = mailroom::io_loop::make();
  REQUIRE(loop);
  auto transport =
    test::make_transport(transport_kind::copydata, **loop, transport_world::usual_limits(), [](auto, auto) {});
  auto listening = transport->listen({*directory, *mailroom::process_name::parse("bank")}, [&](auto link) {
    link->admit(transport_world::admitted);
    REQUIRE(link->start(std::make_shared<server>(link, what)));
  });
  REQUIRE(listening);
  std::this_thread::sleep_for(60s); // until it is killed, which its parent does long before
}

} // namespace

// -- what the other process does: hidden, since `child` runs them ------------

TEST_CASE("copydata child: echoes", "[.]") {
  serve([](auto& link, const frame_view& view) { link.send(test::whole(view), send_mode::system); });
}

TEST_CASE("copydata child: dies with its connection", "[.]") {
  server::dies_with_it = true;
  serve([](auto& link, const frame_view& view) { link.send(test::whole(view), send_mode::system); });
}

TEST_CASE("copydata child: answers much and dies", "[.]") {
  serve([](auto& link, const frame_view&) {
    for (std::uint64_t id = 0; id < 500; ++id)
      link.send(frame(id, 1000), send_mode::system);
    while (!link.flushed())
      std::this_thread::sleep_for(1ms); // nothing tells when a connection is flushed
    ::TerminateProcess(::GetCurrentProcess(), 7);
  });
}

TEST_CASE("copydata child: has a window that hangs", "[.]") {
  auto directory = mailroom::runtime_directory::open(mailroom::default_runtime_directory());
  REQUIRE(directory);
  WNDCLASSEXW what{};
  what.cbSize = sizeof(what);
  what.lpfnWndProc = ::DefWindowProcW;
  what.hInstance = ::GetModuleHandleW(nullptr);
  what.lpszClassName = mailroom::copydata_class;
  REQUIRE(::RegisterClassExW(&what));
  auto title = copydata_world::title_of({*directory, *mailroom::process_name::parse("bank")});
  REQUIRE(::CreateWindowExW(0, mailroom::copydata_class, title.c_str(), 0, 0, 0, 0, 0, HWND_MESSAGE, nullptr,
                            what.hInstance, nullptr));
  ::Sleep(60'000);
}

// -- strangers ---------------------------------------------------------------

TEST_CASE("row 9: what is no message of a peer is dropped, counted and harms nobody", "[copydata][row9]") {
  copydata_world world;
  auto [caller, called] = world.pair();
  auto fine = message({copydata_kind::data, some_token(0), 0, frame(1)});
  auto lying = fine;
  lying[4] = std::byte{0xff};
  auto huge = byte_buffer(1 << 20, std::byte{3});
  auto windows = our_windows();
  CHECK(windows.size() >= 3); // that of who called, and the two of who was called
  for (auto* to : windows) {
    CHECK(say(to, 0, fine.data(), fine.size()) == copydata_verdict::out_of_order);
    CHECK(say(to, mailroom::copydata_magic, nullptr, 0) == copydata_verdict::out_of_order);
    CHECK(say(to, mailroom::copydata_magic, nullptr, 100) == copydata_verdict::out_of_order);
    CHECK(say(to, mailroom::copydata_magic, fine.data(), 0) == copydata_verdict::out_of_order);
    CHECK(say(to, mailroom::copydata_magic, fine.data(), 31) == copydata_verdict::out_of_order);
    CHECK(say(to, mailroom::copydata_magic, lying.data(), lying.size()) == copydata_verdict::out_of_order);
    CHECK(say(to, mailroom::copydata_magic, huge.data(), huge.size()) == copydata_verdict::out_of_order);
    for (auto token : {0, 1, 255}) // issued to nobody
      for (auto kind : {copydata_kind::data, copydata_kind::close, copydata_kind::room}) {
        auto payload = kind == copydata_kind::data ? frame(1) : byte_buffer{};
        auto forged = message({kind, some_token(token), 0, payload});
        CHECK(say(to, mailroom::copydata_magic, forged.data(), forged.size()) == copydata_verdict::out_of_order);
      }
    // what would close it, or give it another name
    ::SendMessageW(to, WM_CLOSE, 0, 0);
    ::SendMessageW(to, WM_SETTEXT, 0, reinterpret_cast<LPARAM>(L"mine"));
    ::PostMessageW(to, WM_QUIT, 0, 0);
  }
  CHECK(our_windows() == windows);
  CHECK(world.was_told("dropped what is no message of a peer: 16 so far"));
  REQUIRE(caller.send(frame(2)) == send_result::sent);
  REQUIRE(called.heard->wait_frames(1));
  CHECK(called.heard->frames().front() == frame(2));
  CHECK(world.connect().link);
}

TEST_CASE("row 9: replayed and skipped messages are dropped, and the real ones go on", "[copydata][row9]") {
  copydata_world world;
  world.listen();
  raw_caller caller{world.bank()};
  REQUIRE(caller.connect() == copydata_verdict::taken);
  auto called = world.accepted();
  auto token = caller.token();
  auto first = frame(1);
  CHECK(caller.say({copydata_kind::data, token, 0, first}) == copydata_verdict::taken);
  REQUIRE(called.heard->wait_frames(1));
  auto forged = frame(66);
  for (std::uint64_t sequence : {0, 2, 100})
    for (auto kind : {copydata_kind::data, copydata_kind::ask, copydata_kind::room}) {
      auto payload = kind == copydata_kind::data ? forged : byte_buffer{};
      CHECK(caller.say({kind, token, sequence, payload}) == copydata_verdict::out_of_order);
    }
  auto other = token;
  other[7] ^= std::byte{1};
  CHECK(caller.say({copydata_kind::data, other, 1, forged}) == copydata_verdict::out_of_order);
  CHECK(caller.say({copydata_kind::probe, token, 0}) == copydata_verdict::seen);
  CHECK(caller.say({copydata_kind::probe, token, 1}) == copydata_verdict::unseen);
  auto introduction = mailroom::write_introduction({1, token});
  CHECK(caller.say({copydata_kind::accept, token, 1, introduction}) == copydata_verdict::out_of_order);
  auto second = frame(2);
  CHECK(caller.say({copydata_kind::data, token, 1, second}) == copydata_verdict::taken);
  REQUIRE(called.heard->wait_frames(2));
  CHECK(called.heard->frames() == std::vector{first, second});
  CHECK_FALSE(called.heard->closed());
  CHECK(caller.say({copydata_kind::close, token, 2}) == copydata_verdict::taken);
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().why_down() == down_cause::disconnected);
  CHECK(caller.say({copydata_kind::data, token, 3, first}) == copydata_verdict::gone);
}

TEST_CASE("row 9: who names another's window does not get its token", "[copydata][row9]") {
  copydata_world world;
  auto [bystander, beside] = world.pair();
  raw_caller claimant{world.bank()};
  for (auto* each : our_windows()) {
    auto window = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(each));
    REQUIRE(claimant.connect(window, 2) == copydata_verdict::taken);
    auto called = world.accepted();
    REQUIRE(called.heard->wait_closed());
    CHECK(called.heard->reason().why_down() == down_cause::disconnected);
    CHECK(called.heard->count() == 0);
  }
  REQUIRE(bystander.send(frame(1)) == send_result::sent);
  CHECK(beside.heard->wait_frames(1));
  // nor does who names none
  REQUIRE(claimant.connect(0x7fff0, 3) == copydata_verdict::taken);
  for (auto deadline = clock::now() + 5s; !world.was_told("connection refused") && clock::now() < deadline;)
    std::this_thread::sleep_for(1ms);
  CHECK(world.was_told("connection refused"));
}

TEST_CASE("row 9: who does not say hello takes no more room than there is, and not for long", "[copydata][row9]") {
  auto limits = transport_world::usual_limits();
  limits.max_half_open = 3;
  limits.handshake_timeout = 1500ms;
  copydata_world world{limits};
  world.listen();
  std::vector<end> callers;
  for (auto i = 0; i < 3; ++i) {
    callers.push_back(world.connect());
    world.accepted();
  }
  auto refused = world.connect();
  REQUIRE(refused.heard->wait_closed());
  CHECK(refused.heard->reason().why_down() == down_cause::disconnected);
  CHECK(world.was_told("connection refused: 3 others have not said hello"));
  for (auto& each : callers) {
    REQUIRE(each.heard->wait_closed());
    CHECK(refused.heard->closed_at() < each.heard->closed_at());
  }
  world.pair();
}

// -- other processes ---------------------------------------------------------

TEST_CASE("64 MiB come whole from another process", "[copydata]") {
  child other{"copydata child: echoes"};
  auto caller = other.connect();
  CHECK(caller.link->peer().pid == static_cast<std::uint32_t>(other.program.pid()));
  auto large = frame(1, transport_world::admitted);
  REQUIRE(caller.send(large) == send_result::sent);
  REQUIRE(caller.heard->wait_frames(1));
  CHECK((caller.heard->frames().front() == large));
}

TEST_CASE("what a process had said is handed over before its death", "[copydata]") {
  child other{"copydata child: answers much and dies"};
  auto caller = other.connect();
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  REQUIRE(caller.heard->wait_closed());
  REQUIRE(caller.heard->count() == 500);
  CHECK(caller.heard->frames().back() == frame(499, 1000));
  auto why = caller.heard->reason();
  CHECK(why.why_down() == down_cause::exited);
  CHECK(exit_status(why) == process_exit{7, 0});
  CHECK(to_string(why) == "process down: it exited with code 7");
}

TEST_CASE("row 1: a receiver that is killed in the middle is noticed at once, and what it did not get comes back",
          "[copydata][row1]") {
  CHECK(test::once_within(500ms, [] {
    child other{"copydata child: echoes"};
    auto caller = other.connect();
    std::vector<byte_buffer> sent;
    for (std::uint64_t id = 0; id < 200; ++id) {
      sent.push_back(frame(id, 200'000));
      REQUIRE(caller.send(sent.back()) == send_result::sent);
    }
    REQUIRE(caller.heard->wait_frames(5));
    other.program.stop(); // else it may have got all by now
    for (std::uint64_t id = 200; id < 205; ++id) {
      sent.push_back(frame(id, 200'000));
      REQUIRE(caller.send(sent.back()) == send_result::sent);
    }
    auto began = clock::now();
    other.program.kill();
    REQUIRE(caller.heard->wait_closed());
    auto why = caller.heard->reason();
    CHECK(why.why_down() == down_cause::exited);
    CHECK(exit_status(why) == test::killed);
    auto unsent = caller.heard->unsent();
    CHECK_FALSE(unsent.empty());
    CHECK((std::vector<byte_buffer>{sent.end() - static_cast<std::ptrdiff_t>(unsent.size()), sent.end()} == unsent));
    CHECK(caller.send(frame(1)) == send_result::closed);
    auto again = other.here().connect(other.at("bank"));
    REQUIRE_FALSE(again);
    CHECK(again.error().code() == errc::no_such_process);
    return caller.heard->closed_at() - began;
  }));
}

TEST_CASE("row 2: a process that stands still for a while loses nothing and gets nothing twice", "[copydata][row2]") {
  child other{"copydata child: echoes"};
  auto caller = other.connect();
  REQUIRE(caller.send(frame(0)) == send_result::sent);
  REQUIRE(caller.heard->wait_frames(1));
  other.program.stop();
  std::vector<byte_buffer> sent{frame(0)};
  auto began = clock::now();
  for (std::uint64_t id = 1; id < 50; ++id) {
    sent.push_back(frame(id, 10'000));
    REQUIRE(caller.send(sent.back()) == send_result::sent);
  }
  CHECK(clock::now() - began < 3s);   // who waited for each answer would need 12 s
  std::this_thread::sleep_for(800ms); // several attempts of the sender, and less than it takes for hanging
  CHECK_FALSE(caller.heard->closed());
  other.program.resume();
  REQUIRE(caller.heard->wait_frames(sent.size()));
  std::this_thread::sleep_for(50ms); // what came twice would come now
  CHECK((caller.heard->frames() == sent));
}

TEST_CASE("row 2: a process that stood still for too long hears that it is over", "[copydata][row2]") {
  child other{"copydata child: dies with its connection"};
  auto caller = other.connect();
  REQUIRE(caller.send(frame(0)) == send_result::sent);
  REQUIRE(caller.heard->wait_frames(1));
  other.program.stop();
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  REQUIRE(caller.heard->wait_closed());
  CHECK(caller.heard->reason().why_down() == down_cause::hung);
  CHECK(caller.heard->unsent().empty()); // whether it took it cannot be known
  other.program.resume();
  CHECK(other.program.wait_for(5000) == 9);
}

TEST_CASE("row 2: a window that hangs costs its own connection its patience, and nobody else anything",
          "[copydata][row2]") {
  copydata_world fine;
  auto [bystander, beside] = fine.pair();
  child hanging{"copydata child: has a window that hangs"};
  auto caller = hanging.connect();
  auto impatient = hanging.connect();
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  beside.echo();
  for (std::size_t id = 0; id < 20; ++id) {
    REQUIRE(bystander.send(frame(id)) == send_result::sent);
    REQUIRE(bystander.heard->wait_frames(id + 1));
  }
  impatient.link->close({errc::cancelled, "test"});
  REQUIRE(impatient.heard->wait_closed());
  CHECK_FALSE(caller.heard->closed()); // all that within its patience
  REQUIRE(caller.heard->wait_closed());
  CHECK(caller.heard->reason().why_down() == down_cause::hung);
  CHECK(caller.heard->unsent() == std::vector<byte_buffer>{frame(1)});
}

// -- nothing is left ---------------------------------------------------------

TEST_CASE("nothing of a transport is left when it is gone", "[copydata]") {
  REQUIRE(our_windows().empty());
  auto has_class = [] {
    WNDCLASSEXW what{};
    what.cbSize = sizeof(what);
    return ::GetClassInfoExW(::GetModuleHandleW(nullptr), mailroom::copydata_class, &what) != 0;
  };
  CHECK_FALSE(has_class());
  {
    copydata_world one;
    one.pair();
    {
      copydata_world two;
      two.pair();
      CHECK(our_windows().size() >= 6);
    }
    CHECK(our_windows().size() == 3);
    CHECK(has_class());
  }
  CHECK(our_windows().empty());
  CHECK_FALSE(has_class());
}

TEST_CASE("a transport that goes away ends its connections", "[copydata]") {
  copydata_world world;
  world.listen();
  auto called_transport = test::make_transport(transport_kind::copydata, world.here_loop(),
                                               transport_world::usual_limits(), [](auto, auto) {});
  auto link = called_transport->connect(world.at("bank"));
  REQUIRE(link);
  end caller{*link, std::make_shared<test::recorder>(world.here_loop())};
  REQUIRE(caller.link->start(caller.heard));
  auto called = world.accepted();
  REQUIRE(caller.send(frame(1)) == send_result::sent);
  REQUIRE(called.heard->wait_frames(1));
  called_transport.reset();
  REQUIRE(caller.heard->wait_closed());
  CHECK(caller.heard->reason().code() == errc::shutting_down);
  CHECK(caller.send(frame(2)) == send_result::closed);
  REQUIRE(called.heard->wait_closed());
  CHECK(called.heard->reason().why_down() == down_cause::disconnected);
}
