// Where the demo's messages arrive: a webhook on loopback that keeps what it is told.
#pragma once

#include "net/server.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::cli::internal {

/// Stands for the chats, pagers and mailboxes of a team. Loop thread only; closed before its loop
/// ends.
class DemoInbox final : public net::Handler {
 public:
  /// What one connector delivered.
  struct Message {
    std::string connector;  ///< the path it was sent to, without the slash
    std::string body;
  };

  [[nodiscard]] Status open(net::Loop& loop);
  [[nodiscard]] net::Task<void> close();
  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
  [[nodiscard]] const std::vector<Message>& messages() const noexcept { return messages_; }
  [[nodiscard]] net::Task<void> handle(net::ServerExchange& exchange) override;

 private:
  std::unique_ptr<net::Server> server_;
  std::vector<Message> messages_;
};

}  // namespace cordon::cli::internal
