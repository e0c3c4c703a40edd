// gRPC over a Unix socket: unary calls to ask, a client stream to send one way.

#include "../contender.hpp"
#include "../peer.hpp"

#include <echo.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <stdexcept>

namespace bench {

namespace {

std::string address(const setting& mine) {
  return "unix:" + (mine.directory / "grpc").string();
}

class echo_service final : public Echo::Service {
public:
  grpc::Status Ask(grpc::ServerContext*, const Bytes* what, Bytes* reply) override {
    reply->set_bytes(what->bytes());
    return grpc::Status::OK;
  }

  grpc::Status Pour(grpc::ServerContext*, grpc::ServerReader<Bytes>* stream, Total* reply) override {
    Bytes what;
    std::uint64_t count = 0;
    while (stream->Read(&what))
      ++count;
    reply->set_messages(count);
    return grpc::Status::OK;
  }
};

void serve(const setting& mine) {
  echo_service service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(mine), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  if (!server)
    throw std::runtime_error{"the server does not start"};
  tell_caller("ready");
  await_end();
  server->Shutdown();
}

class grpc_caller final : public caller {
public:
  explicit grpc_caller(const setting& mine) {
    payload_.set_bytes(payload_of(mine.what));
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = Echo::NewStub(grpc::CreateCustomChannel(address(mine), grpc::InsecureChannelCredentials(), arguments));
  }

  std::string_view request() override {
    grpc::ClientContext context;
    if (auto status = stub_->Ask(&context, payload_, &echo_); !status.ok())
      throw std::runtime_error{status.error_message()};
    return echo_.bytes();
  }

  void send() override {
    if (!stream_) {
      context_ = std::make_unique<grpc::ClientContext>();
      stream_ = stub_->Pour(context_.get(), &total_);
    }
    if (!stream_->Write(payload_))
      throw std::runtime_error{"the stream is closed"};
  }

  std::uint64_t received() override {
    stream_->WritesDone();
    if (auto status = stream_->Finish(); !status.ok())
      throw std::runtime_error{status.error_message()};
    stream_.reset();
    return total_.messages();
  }

private:
  Bytes payload_;
  Bytes echo_;
  Total total_;
  std::unique_ptr<Echo::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientWriter<Bytes>> stream_;
};

} // namespace

contender grpc_unix() {
  contender result;
  result.name = "gRPC";
  result.about = "over a Unix socket: unary calls, and a client stream";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<grpc_caller>(mine); };
  return result;
}

} // namespace bench
