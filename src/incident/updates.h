// What each audience is told: drafted from facts, approved where the law or a customer reads it,
// sent by a separate act, delivered through the outbox, acknowledged by name.
//
// A draft is never changed: another text is another update. A number that nobody knows reads
// `unknown (reason)`. Facts are states, counts and names; no text of any exchange is among them.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "detect/windows.h"
#include "incident/severity.h"
#include "incident/state.h"
#include "model/actor.h"
#include "model/comms.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident {

struct Incident;
struct Standing;

inline constexpr std::size_t kUpdateBytesMax = 8'000;
inline constexpr std::size_t kUpdatesMax = 500;

// Events. Each is recorded once and never changed.

/// A text exists. It lies in the archive under its digest.
struct UpdateDrafted {
  std::string update;  ///< `INC-2026-00017-U01`
  model::Audience audience = model::Audience::engineering;
  std::string digest;  ///< SHA-256 of the text, hex
  std::string title;
  State state = State::triage;  ///< as the text says
  std::optional<Severity> severity;
  std::vector<std::string> unresolved;  ///< names in it that nobody knew; these block sending
  std::string approver;                 ///< whose approval it waits for; empty: any approver's
  std::string token;                    ///< public id of the drafter's; empty for a service
};
/// A second person stands by exactly this text.
struct UpdateApproved {
  std::string update;
  std::string digest;
};
/// It goes out to these connectors. Without any it is told in the local room only, and `reason`
/// says why.
struct UpdateSent {
  std::string update;
  std::string digest;
  std::vector<std::string> connectors;
  std::string reason;
};
/// The first attempt is about to be made. If no end follows, nobody knows whether it arrived.
struct DeliveryBegun {
  std::string update;
  std::string connector;
};
/// What became of it.
struct DeliveryEnded {
  std::string update;
  std::string connector;
  model::Delivery delivery;
};
/// The actor has read it.
struct UpdateAcked {
  std::string update;
};
/// Customers must be told: the rule that fired, and until when.
struct CustomerDue {
  std::string rule;  ///< `severity` or `external_tenants`
  double number = 0;
  double threshold = 0;
  WallTime due{};
};
/// There was no draft for customers when it was due.
struct CustomerLate {
  WallTime due{};
};

// State.

/// One delivery of one update to one connector.
struct OutboxItem {
  std::string connector;
  bool begun = false;
  std::optional<model::Delivery> ended;
  std::optional<WallTime> ended_at;
};
/// Who acknowledged, and when.
struct Ack {
  model::Actor by;
  WallTime at{};
};
/// One update with all that happened to it.
struct Update {
  UpdateDrafted draft;
  model::Actor by;
  WallTime at{};
  std::string entry;
  std::optional<model::Actor> approved_by;
  std::optional<WallTime> approved_at;
  std::optional<model::Actor> sent_by;
  std::optional<WallTime> sent_at;
  std::string local_reason;  ///< why no connector was told
  std::vector<OutboxItem> outbox;
  std::vector<Ack> acks;
};
/// Whether customers must be told, and why.
struct CustomerDuty {
  CustomerDue due;
  WallTime at{};
  bool late = false;
};

/// `draft`, `approved` or `sent`.
[[nodiscard]] std::string_view state_of(const Update& update) noexcept;
/// With deliveries and acknowledgements, without the text.
[[nodiscard]] codec::Json to_json(const Update& update);

// Text.

/// What a text is made from.
struct UpdateFacts {
  const Incident& incident;
  const Standing& standing;
  const detect::Harm& impact;
  const std::string& impact_unknown;  ///< why `impact` is not all of it; empty if it is
  WallTime now{};
};
/// A text, ready to be kept.
struct Composed {
  std::string title;
  std::string text;
  std::vector<std::string> unresolved;
};
/// From the audience's own template, or from `own`. Refuses as `invalid` a template that is
/// broken, that goes around the escaping, or that is longer than kUpdateBytesMax.
[[nodiscard]] Result<Composed> compose(model::Audience audience, const UpdateFacts& facts,
                                       const std::optional<std::string>& own);

/// Which rule says that customers must be told; nothing while none does. `due` counts from the
/// incident's clock.
[[nodiscard]] std::optional<CustomerDue> customer_rule(const UpdateFacts& facts,
                                                       const model::UpdatesConfig& config);

}  // namespace cordon::incident
