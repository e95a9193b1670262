// Carries updates that were sent to the connectors they are for, and journals what became of
// each: begun before the first attempt, ended after the last. A delivery that a stop of the node
// left begun is in doubt, is said to be, and is not tried again.
#pragma once

#include "api/control_plane.h"
#include "model/comms.h"
#include "net/loop.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace cordon::api {

/// Whoever can deliver a message; `app` implements it with `connect`. Control thread only.
class Courier {
 public:
  virtual ~Courier() = default;
  /// Suspends until the message was taken, refused or given up. Nothing if `scope` was stopped
  /// before that.
  [[nodiscard]] virtual net::Task<std::optional<model::Delivery>> deliver(
      net::Scope& scope, std::string connector, model::Message message) = 0;
};

/// Control thread only. Control plane and courier outlive it, and it outlives the scope's tasks.
class Outbox {
 public:
  Outbox(ControlPlane& control, Courier& courier) : control_(control), courier_(courier) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Until the scope stops. One delivery at a time for each connector, in the order of sending.
  [[nodiscard]] net::Task<void> run(net::Scope& scope);

 private:
  /// A delivery that nobody has begun yet.
  struct Pending {
    std::string incident;
    std::string update;
    std::string connector;
  };
  enum class Stage : std::uint8_t { waiting, begun };
  [[nodiscard]] std::vector<Pending> pending(Stage stage) const;
  [[nodiscard]] net::Task<void> say_in_doubt();
  [[nodiscard]] net::Task<void> carry(net::Scope& scope, Pending item);
  [[nodiscard]] Result<model::Message> message_for(const Pending& item) const;
  [[nodiscard]] net::Task<Status> end(Pending item, model::Delivery delivery);

  ControlPlane& control_;
  Courier& courier_;
  std::set<std::string, std::less<>> busy_;  ///< connectors
};

}  // namespace cordon::api
