// The control API over HTTP: tokens, bodies, problem documents (RFC 9457), and the table.
#pragma once

#include "api/routes.h"
#include "net/server.h"

namespace cordon::api {

/// Answers the control listener. Control thread only; the control plane must outlive it.
class Server final : public net::Handler {
 public:
  explicit Server(ControlPlane& control) : control_(control) {}
  [[nodiscard]] net::Task<void> handle(net::ServerExchange& exchange) override;

 private:
  net::Task<void> answer(net::ServerExchange& exchange, const Route& route, Call call);
  net::Task<void> note_refused(const Route& route, const Call& call, Error error);

  ControlPlane& control_;
};

}  // namespace cordon::api
