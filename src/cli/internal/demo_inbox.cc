#include "cli/internal/demo_inbox.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kMessageBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kMessagesMax = 10'000;

}  // namespace

Status DemoInbox::open(net::Loop& loop) {
  net::ServerOptions options;
  options.connections_max = 64;
  CORDON_TRY(server_, net::Server::listen(loop, *this, std::move(options)));
  return {};
}

net::Task<void> DemoInbox::close() {
  if (server_) co_await server_->stop(std::chrono::milliseconds(0));
}

net::Task<void> DemoInbox::handle(net::ServerExchange& exchange) {
  std::string connector(exchange.request().target);
  if (connector.starts_with('/')) connector.erase(0, 1);
  const auto body = co_await exchange.read_body(kMessageBytesMax);
  if (!body) co_return;
  if (messages_.size() < kMessagesMax) {
    messages_.push_back({std::move(connector), std::string(*body)});
  }
  const std::vector<net::Header> none;
  (void)co_await exchange.respond(204, none, "");
}

}  // namespace cordon::cli::internal
