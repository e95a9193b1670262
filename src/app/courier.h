// The connectors of this node, as the control plane sees them.
#pragma once

#include "api/outbox.h"
#include "connect/connector.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cordon::app {

/// Control thread only. The loop and the random source outlive it.
class Connectors final : public api::Courier {
 public:
  /// Refuses as `invalid` an address that is no URL; never repeats one.
  [[nodiscard]] Status open(net::Loop& loop, Random& random,
                            std::vector<connect::ConnectorOptions> all);
  [[nodiscard]] net::Task<std::optional<model::Delivery>> deliver(net::Scope& scope,
                                                                  std::string connector,
                                                                  model::Message message) override;
  /// Cuts what is under way; the scope is stopped in the same turn.
  void stop() noexcept;

 private:
  std::map<std::string, std::unique_ptr<connect::Connector>, std::less<>> connectors_;
};

}  // namespace cordon::app
