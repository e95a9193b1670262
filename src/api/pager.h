// Carries pages to the connectors that call people, and journals what became of each.
//
// A page waits behind no update. One that a stop of the node left on its way is tried again, with
// the key that it had: being called twice is better than not being called.
#pragma once

#include "api/outbox.h"

#include <set>
#include <string>

namespace cordon::api {

/// Control thread only. Control plane and courier outlive it, and it outlives the scope's tasks.
class Pager {
 public:
  Pager(ControlPlane& control, Courier& courier) : control_(control), courier_(courier) {}
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  /// Until the scope stops. One delivery at a time for each connector, in the order of paging.
  [[nodiscard]] net::Task<void> run(net::Scope& scope);

 private:
  /// A delivery that has not ended.
  struct Pending {
    std::string page;
    std::string connector;
  };
  [[nodiscard]] net::Task<void> route_new();
  [[nodiscard]] net::Task<void> carry(net::Scope& scope, Pending item);
  [[nodiscard]] model::Message message_for(const Page& page, const std::string& connector) const;

  ControlPlane& control_;
  Courier& courier_;
  std::set<std::string, std::less<>> busy_;  ///< connectors
};

}  // namespace cordon::api
