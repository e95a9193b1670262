#include "app/courier.h"

#include <utility>

namespace cordon::app {

Status Connectors::open(net::Loop& loop, Random& random,
                        std::vector<connect::ConnectorOptions> all) {
  for (connect::ConnectorOptions& options : all) {
    std::string name = options.name;
    CORDON_TRY(auto connector, connect::Connector::open(loop, random, std::move(options)));
    connectors_.emplace(std::move(name), std::move(connector));
  }
  return {};
}

void Connectors::stop() noexcept {
  for (const auto& [name, connector] : connectors_) connector->stop();
}

net::Task<std::optional<model::Delivery>> Connectors::deliver(net::Scope& scope,
                                                              std::string connector,
                                                              model::Message message) {
  const auto found = connectors_.find(connector);
  if (found == connectors_.end()) {
    // It was sent under a configuration that had this connector.
    model::Delivery delivery;
    delivery.reason = "the configuration has no such connector any more";
    co_return delivery;
  }
  co_return co_await found->second->deliver(scope, std::move(message));
}

}  // namespace cordon::app
