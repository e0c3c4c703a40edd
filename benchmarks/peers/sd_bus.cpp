// D-Bus messages without a daemon: sd-bus, one process connected straight to the other.

#include "../contender.hpp"
#include "../peer.hpp"

#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>
#include <utility>

namespace bench {

namespace {

constexpr auto path = "/bench";
constexpr auto interface = "bench.Echo";
constexpr std::uint64_t patience_us = 30'000'000;

int checked(int result) {
  if (result < 0)
    throw std::runtime_error{std::strerror(-result)};
  return result;
}

struct unref {
  void operator()(sd_bus* what) const { sd_bus_flush_close_unref(what); }
  void operator()(sd_bus_message* what) const { sd_bus_message_unref(what); }
};
using bus_ptr = std::unique_ptr<sd_bus, unref>;
using message_ptr = std::unique_ptr<sd_bus_message, unref>;

std::string file_in(const setting& mine) {
  return (mine.directory / "sd-bus").string();
}

std::string_view bytes_of(sd_bus_message* what) {
  const void* data = nullptr;
  std::size_t size = 0;
  checked(sd_bus_message_read_array(what, 'y', &data, &size));
  return {static_cast<const char*>(data), size};
}

int on_echo(sd_bus_message* what, void*, sd_bus_error*) {
  auto bytes = bytes_of(what);
  sd_bus_message* reply = nullptr;
  checked(sd_bus_message_new_method_return(what, &reply));
  message_ptr owned{reply};
  checked(sd_bus_message_append_array(reply, 'y', bytes.data(), bytes.size()));
  return sd_bus_send(nullptr, reply, nullptr);
}

int on_pour(sd_bus_message*, void* count, sd_bus_error*) {
  ++*static_cast<std::uint64_t*>(count);
  return 1;
}

int on_count(sd_bus_message* what, void* count, sd_bus_error*) {
  return sd_bus_reply_method_return(what, "t", std::exchange(*static_cast<std::uint64_t*>(count), 0));
}

const sd_bus_vtable methods[] = {
  SD_BUS_VTABLE_START(0),
  SD_BUS_METHOD("Echo", "ay", "ay", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
  SD_BUS_METHOD("Pour", "ay", "", on_pour, SD_BUS_VTABLE_UNPRIVILEGED),
  SD_BUS_METHOD("Count", "", "t", on_count, SD_BUS_VTABLE_UNPRIVILEGED),
  SD_BUS_VTABLE_END,
};

int accept_one(const setting& mine) {
  auto listener = checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  file_in(mine).copy(address.sun_path, sizeof(address.sun_path) - 1);
  ::unlink(address.sun_path);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 || ::listen(listener, 1) != 0)
    throw std::runtime_error{std::strerror(errno)};
  tell_caller("ready");
  auto result = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  ::close(listener);
  return checked(result);
}

void serve(const setting& mine) {
  auto socket = accept_one(mine);
  sd_bus* made = nullptr;
  checked(sd_bus_new(&made));
  bus_ptr bus{made};
  sd_id128_t id{};
  checked(sd_id128_randomize(&id));
  checked(sd_bus_set_fd(made, socket, socket));
  checked(sd_bus_set_server(made, 1, id));
  checked(sd_bus_set_anonymous(made, 1));
  std::uint64_t count = 0;
  checked(sd_bus_add_object_vtable(made, nullptr, path, interface, methods, &count));
  checked(sd_bus_start(made));
  for (;;) {
    auto done = sd_bus_process(made, nullptr);
    if (done < 0)
      return; // the other side is gone
    if (done == 0 && sd_bus_wait(made, UINT64_MAX) < 0)
      return;
  }
}

class bus_caller final : public caller {
public:
  explicit bus_caller(const setting& mine) : payload_{payload_of(mine.what)}, window_{usual_window(mine.what)} {
    sd_bus* made = nullptr;
    checked(sd_bus_new(&made));
    bus_.reset(made);
    checked(sd_bus_set_address(made, ("unix:path=" + file_in(mine)).c_str()));
    checked(sd_bus_set_anonymous(made, 1));
    checked(sd_bus_start(made));
  }

  std::string_view request() override {
    echo_ = call("Echo", &payload_);
    return bytes_of(echo_.get());
  }

  void send() override {
    auto what = method("Pour", &payload_);
    checked(sd_bus_message_set_expect_reply(what.get(), 0));
    checked(sd_bus_send(bus_.get(), what.get(), nullptr));
  }

  std::uint64_t received() override {
    auto reply = call("Count", nullptr);
    std::uint64_t result = 0;
    checked(sd_bus_message_read(reply.get(), "t", &result));
    return result;
  }

  std::size_t window() const override {
    return std::min<std::size_t>(window_, 100);
  } // it queues without end, and slowly

private:
  message_ptr method(const char* name, const std::string* bytes) {
    sd_bus_message* made = nullptr;
    checked(sd_bus_message_new_method_call(bus_.get(), &made, nullptr, path, interface, name));
    message_ptr result{made};
    if (bytes != nullptr)
      checked(sd_bus_message_append_array(made, 'y', bytes->data(), bytes->size()));
    return result;
  }

  message_ptr call(const char* name, const std::string* bytes) {
    sd_bus_message* reply = nullptr;
    checked(sd_bus_call(bus_.get(), method(name, bytes).get(), patience_us, nullptr, &reply));
    return message_ptr{reply};
  }

  std::string payload_;
  std::size_t window_;
  bus_ptr bus_;
  message_ptr echo_;
};

} // namespace

contender sd_bus_direct() {
  contender result;
  result.name = "sd-bus direct";
  result.about = "D-Bus messages by sd-bus, without a daemon";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<bus_caller>(mine); };
  return result;
}

} // namespace bench
