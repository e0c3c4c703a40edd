// ZeroMQ as its users do it between two processes of a machine: `ipc://`, REQ and REP to ask, PUSH and PULL to send one way.

#include "../contender.hpp"
#include "../peer.hpp"

#include <array>
#include <cstring>
#include <stdexcept>
#include <unistd.h>
#include <utility>
#include <zmq.h>

namespace bench {

namespace {

constexpr int patience_ms = 30'000;

int checked(int result) {
  if (result < 0)
    throw std::runtime_error{zmq_strerror(zmq_errno())};
  return result;
}

class context {
public:
  ~context() { zmq_ctx_term(native_); }
  void* get() const noexcept { return native_; }

private:
  void* native_ = zmq_ctx_new();
};

class zmq_socket {
public:
  zmq_socket(const context& owner, int type) : native_{::zmq_socket(owner.get(), type)} {
    const int linger = 0;
    checked(zmq_setsockopt(native_, ZMQ_LINGER, &linger, sizeof(linger)));
    checked(zmq_setsockopt(native_, ZMQ_RCVTIMEO, &patience_ms, sizeof(patience_ms)));
  }
  ~zmq_socket() { zmq_close(native_); }
  zmq_socket(const zmq_socket&) = delete;
  zmq_socket& operator=(const zmq_socket&) = delete;

  void* get() const noexcept { return native_; }
  void send(const void* data, std::size_t size) const { checked(zmq_send(native_, data, size, 0)); }

private:
  void* native_;
};

class message {
public:
  message() { zmq_msg_init(&native_); }
  ~message() { zmq_msg_close(&native_); }
  message(const message&) = delete;
  message& operator=(const message&) = delete;

  void receive(const zmq_socket& from) { checked(zmq_msg_recv(&native_, from.get(), 0)); }
  std::string_view view() { return {static_cast<const char*>(zmq_msg_data(&native_)), zmq_msg_size(&native_)}; }

private:
  zmq_msg_t native_{};
};

std::string address(const setting& mine, const char* name) {
  return "ipc://" + (mine.directory / name).string();
}

/// What asks for the count: how many messages were sent, so that all of them are there when it is answered.
struct question {
  std::array<char, 8> magic{'h', 'o', 'w', ' ', 'm', 'a', 'n', 'y'};
  std::uint64_t sent = 0;
};

void serve(const setting& mine) {
  context zmq;
  zmq_socket asked{zmq, ZMQ_REP};
  zmq_socket poured{zmq, ZMQ_PULL};
  checked(zmq_bind(asked.get(), address(mine, "zmq.req").c_str()));
  checked(zmq_bind(poured.get(), address(mine, "zmq.push").c_str()));
  tell_caller("ready");
  std::uint64_t count = 0;
  message incoming;
  std::array<zmq_pollitem_t, 3> waiting{zmq_pollitem_t{asked.get(), 0, ZMQ_POLLIN, 0},
                                        zmq_pollitem_t{poured.get(), 0, ZMQ_POLLIN, 0},
                                        zmq_pollitem_t{nullptr, STDIN_FILENO, ZMQ_POLLIN, 0}};
  while (checked(zmq_poll(waiting.data(), static_cast<int>(waiting.size()), -1)) >= 0 && waiting[2].revents == 0) {
    constexpr int at_once = 1000;
    for (int i = 0; i < at_once && zmq_recv(poured.get(), nullptr, 0, ZMQ_DONTWAIT) >= 0; ++i)
      ++count;
    if (waiting[0].revents == 0)
      continue;
    incoming.receive(asked);
    question what;
    if (incoming.view().size() == sizeof(what)
        && std::memcmp(incoming.view().data(), what.magic.data(), what.magic.size()) == 0) {
      std::memcpy(&what, incoming.view().data(), sizeof(what));
      for (; count < what.sent; ++count)
        checked(zmq_recv(poured.get(), nullptr, 0, 0));
      asked.send(&count, sizeof(count));
      count = 0;
    } else {
      asked.send(incoming.view().data(), incoming.view().size());
    }
  }
}

class zmq_caller final : public caller {
public:
  explicit zmq_caller(const setting& mine)
    : payload_{payload_of(mine.what)},
      window_{usual_window(mine.what)},
      asking_{zmq_, ZMQ_REQ},
      pouring_{zmq_, ZMQ_PUSH} {
    checked(zmq_connect(asking_.get(), address(mine, "zmq.req").c_str()));
    checked(zmq_connect(pouring_.get(), address(mine, "zmq.push").c_str()));
  }

  std::string_view request() override {
    asking_.send(payload_.data(), payload_.size());
    echo_.receive(asking_);
    return echo_.view();
  }

  void send() override {
    pouring_.send(payload_.data(), payload_.size());
    ++sent_;
  }

  std::uint64_t received() override {
    question what;
    what.sent = std::exchange(sent_, 0);
    asking_.send(&what, sizeof(what));
    echo_.receive(asking_);
    std::uint64_t result = 0;
    std::memcpy(&result, echo_.view().data(), sizeof(result));
    return result;
  }

  std::size_t window() const override { return window_; }

private:
  std::string payload_;
  std::size_t window_;
  std::uint64_t sent_ = 0;
  context zmq_;
  zmq_socket asking_;
  zmq_socket pouring_;
  message echo_;
};

} // namespace

contender zeromq() {
  contender result;
  result.name = "ZeroMQ";
  result.about = "ipc://, REQ and REP, PUSH and PULL";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<zmq_caller>(mine); };
  return result;
}

} // namespace bench
