// A pass-through proxy on net's classes and nothing else: what the network part of an exchange
// costs. Prints its port, serves until its standard input closes.
//
//   net_proxy UPSTREAM_PORT
#include "net/client.h"
#include "net/server.h"
#include "net/watermark.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

using namespace cordon;

class Proxy final : public net::Handler {
 public:
  explicit Proxy(net::Upstream& upstream) : upstream_(upstream) {}

  net::Task<void> handle(net::ServerExchange& exchange) override {
    const auto body = co_await exchange.read_body(kBodyBytesMax);
    if (!body) co_return;
    const net::RequestHead& request = exchange.request();
    net::Outgoing outgoing(request.method, request.target);
    outgoing.headers = request.headers;
    outgoing.body = *body;
    net::Cancel* cancel = &exchange.cancel();
    auto sent = co_await upstream_.send(outgoing, cancel);
    if (!sent) {
      const std::span<const net::Header> none;
      const std::string_view text = "no upstream\n";
      static_cast<void>(co_await exchange.respond(502, none, text));
      co_return;
    }
    net::ClientExchange answer = std::move(*sent);
    co_await relay(exchange, answer);
  }

 private:
  static constexpr std::size_t kBodyBytesMax = std::size_t{8} << 20;

  static net::Task<void> relay(net::ServerExchange& exchange, net::ClientExchange& answer) {
    net::Cancel* cancel = &exchange.cancel();
    const net::ResponseHead& head = answer.response();
    const std::span<const net::Header> headers(head.headers);
    auto piece = co_await answer.read_some(cancel);
    if (piece && answer.complete()) {
      const std::string_view whole = piece->value_or(std::string_view());
      static_cast<void>(co_await exchange.respond(head.status, headers, whole));
      co_return;
    }
    if (!exchange.begin(head.status, headers)) co_return;
    while (piece && *piece) {
      const std::string_view text = **piece;
      Status written;
      if (answer.complete()) {
        written = co_await exchange.end(text);
      } else {
        written = co_await exchange.write(text);
      }
      if (!written || answer.complete()) co_return;
      piece = co_await answer.read_some(cancel);
    }
    if (piece) {
      static_cast<void>(co_await exchange.end());
    } else {
      exchange.abort();
    }
  }

  net::Upstream& upstream_;
};

net::Task<void> serve_until(net::Server& server, net::Watermark& quit) {
  const auto for_ever = net::kNoDeadline;
  static_cast<void>(co_await quit.reach(1, for_ever));
  const std::chrono::milliseconds grace(100);
  co_await server.stop(grace);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const SystemClock clock;
  net::Loop loop(clock);
  net::UpstreamOptions to;
  to.host = "127.0.0.1";
  to.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  net::Upstream upstream(loop, to);
  Proxy proxy(upstream);
  auto server = net::Server::listen(loop, proxy, net::ServerOptions());
  if (!server) return 1;
  std::printf("%u\n", static_cast<unsigned>((*server)->port()));
  std::fflush(stdout);
  net::Watermark quit(loop);
  std::jthread waiter([&loop, &quit] {
    char byte = 0;
    while (::read(0, &byte, 1) > 0) {
    }
    loop.post([&quit] { quit.raise(1); });
  });
  net::run_blocking(loop, serve_until(**server, quit));
  return 0;
}
