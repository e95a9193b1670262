// The bytes of what follows: one overload for each event writes its keys, one reads them back.
#include "containment/approvals.h"
#include "incident/follow_up.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <type_traits>
#include <utility>

namespace cordon::incident {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, std::variant_size_v<FollowUpChange>> kNames = {
    "update_drafted", "update_approved", "update_sent",     "delivery_begun", "delivery_ended",
    "update_acked",   "customer_due",    "customer_late",   "review_drafted", "review_moved",
    "action_added",   "action_done",     "action_verified", "action_overdue", "exception_signed"};

// Writing.

void write(Json& body, const UpdateDrafted& event) {
  body.update({{"update", event.update},
               {"audience", model::to_string(event.audience)},
               {"digest", event.digest},
               {"title", event.title},
               {"state", to_string(event.state)}});
  if (event.severity) body["severity"] = to_string(*event.severity);
  if (!event.unresolved.empty()) body["unresolved"] = event.unresolved;
  if (!event.approver.empty()) body["approver"] = event.approver;
  if (!event.token.empty()) body["token"] = event.token;
}
void write(Json& body, const UpdateApproved& event) {
  body.update({{"update", event.update}, {"digest", event.digest}});
}
void write(Json& body, const UpdateSent& event) {
  body.update(
      {{"update", event.update}, {"digest", event.digest}, {"connectors", event.connectors}});
  if (!event.reason.empty()) body["no_notification_sent"] = event.reason;
}
void write(Json& body, const DeliveryBegun& event) {
  body.update({{"update", event.update}, {"connector", event.connector}});
}
void write(Json& body, const DeliveryEnded& event) {
  body.update({{"update", event.update},
               {"connector", event.connector},
               {"outcome", model::to_string(event.delivery.outcome)},
               {"attempts", event.delivery.attempts},
               {"status", event.delivery.status},
               {"reason", event.delivery.reason}});
}
void write(Json& body, const UpdateAcked& event) {
  body["update"] = event.update;
}
void write(Json& body, const CustomerDue& event) {
  body.update({{"rule", event.rule},
               {"number", event.number},
               {"threshold", event.threshold},
               {"due", format_rfc3339(event.due)}});
}
void write(Json& body, const CustomerLate& event) {
  body["due"] = format_rfc3339(event.due);
}
void write(Json& body, const ReviewDrafted& event) {
  Json controls = Json::array();
  for (const Control& control : event.controls) {
    controls.push_back({{"name", control.name},
                        {"finding", to_string(control.finding)},
                        {"detail", control.detail}});
  }
  body.update({{"digest", event.digest},
               {"controls", std::move(controls)},
               {"assertions", event.assertions},
               {"lint", event.lint}});
  if (!event.kept_because.empty()) body["kept_because"] = event.kept_because;
}
void write(Json& body, const ReviewMoved& event) {
  body.update({{"to", to_string(event.to)}, {"reason", event.reason}});
}
void write(Json& body, const ActionAdded& event) {
  body.update({{"action", event.action},
               {"title", event.title},
               {"owner", event.owner},
               {"due", format_rfc3339(event.due)},
               {"type", to_string(event.kind)},
               {"verify_by", event.verify_by}});
}
void write(Json& body, const ActionDone& event) {
  body.update({{"action", event.action}, {"note", event.note}});
}
void write(Json& body, const ActionVerified& event) {
  body.update({{"action", event.action}, {"proof", event.proof}});
  if (!event.detail.empty()) body["detail"] = event.detail;
}
void write(Json& body, const ActionOverdue& event) {
  body.update({{"action", event.action}, {"due", format_rfc3339(event.due)}});
}
void write(Json& body, const ExceptionSigned& event) {
  body["reason"] = event.reason;
  containment::put_approval(body, event.approval);
}

// Reading.

Result<std::vector<std::string>> texts_in(ObjectReader& reader, std::string_view key) {
  std::vector<std::string> all;
  const Json& value = reader.any(key);
  if (value.is_null()) return all;
  if (!value.is_array()) return fail(Errc::corrupt, fmt::format("'{}' is no list", key));
  for (const Json& one : value) {
    if (!one.is_string()) return fail(Errc::corrupt, fmt::format("'{}' holds no texts", key));
    all.push_back(one.get<std::string>());
  }
  return all;
}

Result<std::uint64_t> count_in(ObjectReader& reader, std::string_view key) {
  const std::int64_t value = reader.integer(key);
  if (value < 0) return fail(Errc::corrupt, fmt::format("'{}' is negative", key));
  return static_cast<std::uint64_t>(value);
}

Result<FollowUpChange> read(std::type_identity<UpdateDrafted>, ObjectReader& reader) {
  UpdateDrafted event;
  event.update = reader.text("update");
  event.digest = reader.text("digest");
  event.title = reader.text("title");
  event.approver = reader.text_or("approver", "");
  event.token = reader.text_or("token", "");
  CORDON_TRY(event.audience, model::parse_audience(reader.text("audience")));
  CORDON_TRY(event.state, parse_state(reader.text("state")));
  if (const auto severity = reader.optional_text("severity")) {
    CORDON_TRY(event.severity, parse_severity(*severity));
  }
  CORDON_TRY(event.unresolved, texts_in(reader, "unresolved"));
  return event;
}
Result<FollowUpChange> read(std::type_identity<UpdateApproved>, ObjectReader& reader) {
  return UpdateApproved{reader.text("update"), reader.text("digest")};
}
Result<FollowUpChange> read(std::type_identity<UpdateSent>, ObjectReader& reader) {
  UpdateSent event{
      reader.text("update"), reader.text("digest"), {}, reader.text_or("no_notification_sent", "")};
  CORDON_TRY(event.connectors, texts_in(reader, "connectors"));
  return event;
}
Result<FollowUpChange> read(std::type_identity<DeliveryBegun>, ObjectReader& reader) {
  return DeliveryBegun{reader.text("update"), reader.text("connector")};
}
Result<FollowUpChange> read(std::type_identity<DeliveryEnded>, ObjectReader& reader) {
  DeliveryEnded event{reader.text("update"), reader.text("connector"), {}};
  CORDON_TRY(event.delivery.outcome, model::parse_delivery_outcome(reader.text("outcome")));
  CORDON_TRY(const std::uint64_t attempts, count_in(reader, "attempts"));
  CORDON_TRY(const std::uint64_t status, count_in(reader, "status"));
  event.delivery.attempts = static_cast<std::uint32_t>(attempts);
  event.delivery.status = static_cast<int>(status);
  event.delivery.reason = reader.text("reason");
  return event;
}
Result<FollowUpChange> read(std::type_identity<UpdateAcked>, ObjectReader& reader) {
  return UpdateAcked{reader.text("update")};
}
Result<FollowUpChange> read(std::type_identity<CustomerDue>, ObjectReader& reader) {
  CustomerDue event;
  event.rule = reader.text("rule");
  event.number = reader.number_or("number", 0);
  event.threshold = reader.number_or("threshold", 0);
  CORDON_TRY(event.due, parse_rfc3339(reader.text("due")));
  return event;
}
Result<FollowUpChange> read(std::type_identity<CustomerLate>, ObjectReader& reader) {
  CustomerLate event;
  CORDON_TRY(event.due, parse_rfc3339(reader.text("due")));
  return event;
}
Result<FollowUpChange> read(std::type_identity<ReviewDrafted>, ObjectReader& reader) {
  ReviewDrafted event;
  event.digest = reader.text("digest");
  event.kept_because = reader.text_or("kept_because", "");
  CORDON_TRY(event.assertions, count_in(reader, "assertions"));
  CORDON_TRY(event.lint, count_in(reader, "lint"));
  const Json& controls = reader.any("controls");
  if (!controls.is_array()) return fail(Errc::corrupt, "'controls' is no list");
  for (const Json& one : controls) {
    ObjectReader fields(one, "control");
    Control control;
    control.name = fields.text("name");
    control.detail = fields.text("detail");
    CORDON_TRY(control.finding, parse_control_finding(fields.text("finding")));
    CORDON_CHECK(fields.finish());
    event.controls.push_back(std::move(control));
  }
  return event;
}
Result<FollowUpChange> read(std::type_identity<ReviewMoved>, ObjectReader& reader) {
  ReviewMoved event;
  event.reason = reader.text("reason");
  CORDON_TRY(event.to, parse_review_state(reader.text("to")));
  return event;
}
Result<FollowUpChange> read(std::type_identity<ActionAdded>, ObjectReader& reader) {
  ActionAdded event;
  event.action = reader.text("action");
  event.title = reader.text("title");
  event.owner = reader.text("owner");
  event.verify_by = reader.text("verify_by");
  CORDON_TRY(event.due, parse_rfc3339(reader.text("due")));
  CORDON_TRY(event.kind, parse_action_kind(reader.text("type")));
  return event;
}
Result<FollowUpChange> read(std::type_identity<ActionDone>, ObjectReader& reader) {
  return ActionDone{reader.text("action"), reader.text("note")};
}
Result<FollowUpChange> read(std::type_identity<ActionVerified>, ObjectReader& reader) {
  return ActionVerified{reader.text("action"), reader.text("proof"), reader.text_or("detail", "")};
}
Result<FollowUpChange> read(std::type_identity<ActionOverdue>, ObjectReader& reader) {
  ActionOverdue event;
  event.action = reader.text("action");
  CORDON_TRY(event.due, parse_rfc3339(reader.text("due")));
  return event;
}
Result<FollowUpChange> read(std::type_identity<ExceptionSigned>, ObjectReader& reader) {
  ExceptionSigned event;
  event.reason = reader.text("reason");
  CORDON_TRY(const auto approval, containment::read_approval(reader));
  if (!approval) return fail(Errc::corrupt, "an exception that nobody approved");
  event.approval = *approval;
  return event;
}

template <std::size_t I = 0>
Result<FollowUpChange> read_named(std::size_t index, ObjectReader& reader) {
  if constexpr (I < std::variant_size_v<FollowUpChange>) {
    if (index != I) return read_named<I + 1>(index, reader);
    return read(std::type_identity<std::variant_alternative_t<I, FollowUpChange>>(), reader);
  } else {
    return fail(Errc::corrupt, "an event without a name");
  }
}

std::string text_at(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_number() ? found->dump() : std::string();
}

std::string say_sent(const Json& body) {
  const std::string update = text_at(body, "update");
  const std::string none = text_at(body, "no_notification_sent");
  if (!none.empty()) {
    return fmt::format("{} told in the local room only; no notification sent: {}", update, none);
  }
  std::vector<std::string> connectors;
  const auto found = body.find("connectors");
  if (found != body.end() && found->is_array()) {
    for (const Json& one : *found) {
      if (one.is_string()) connectors.push_back(one.get<std::string>());
    }
  }
  return fmt::format("sent {} to {}", update, fmt::join(connectors, ", "));
}

std::string say_delivery(const Json& body) {
  const std::string outcome = text_at(body, "outcome");
  return fmt::format("{} {} {} after {} attempts: {}", text_at(body, "update"),
                     outcome == "sent"       ? "reached"
                     : outcome == "in_doubt" ? "IN DOUBT at"
                                             : "DID NOT reach",
                     text_at(body, "connector"), text_at(body, "attempts"),
                     text_at(body, "reason"));
}

}  // namespace

std::string_view name_of(const FollowUpChange& change) noexcept {
  return kNames[change.index()];
}

void put(Json& body, const FollowUpChange& change) {
  std::visit([&body](const auto& event) { write(body, event); }, change);
}

Result<std::optional<FollowUpChange>> get_follow_up(std::string_view name, ObjectReader& reader) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::optional<FollowUpChange>();
  CORDON_TRY(FollowUpChange change,
             read_named(static_cast<std::size_t>(found - kNames.begin()), reader));
  return std::optional<FollowUpChange>(std::move(change));
}

std::string say_follow_up(const Json& body) {
  const std::string event = text_at(body, "event");
  const std::string update = text_at(body, "update");
  const std::string action = text_at(body, "action");
  if (event == "update_drafted") {
    return fmt::format("drafted {} for {}: {}", update, text_at(body, "audience"),
                       text_at(body, "title"));
  }
  if (event == "update_approved") return fmt::format("approved {}", update);
  if (event == "update_sent") return say_sent(body);
  if (event == "delivery_begun") {
    return fmt::format("delivering {} to {}", update, text_at(body, "connector"));
  }
  if (event == "delivery_ended") return say_delivery(body);
  if (event == "update_acked") return fmt::format("acknowledged {}", update);
  if (event == "customer_due") {
    return fmt::format("customers must be told by {}: {} {} of {}", text_at(body, "due"),
                       text_at(body, "rule"), text_at(body, "number"), text_at(body, "threshold"));
  }
  if (event == "customer_late") {
    return fmt::format("LATE: no draft for customers, due {}", text_at(body, "due"));
  }
  if (event == "review_drafted") {
    return fmt::format("drafted the review: {} uncited sentences", text_at(body, "assertions"));
  }
  if (event == "review_moved") return fmt::format("review {}", text_at(body, "to"));
  if (event == "action_added") {
    return fmt::format("action {} for {}, due {}: {}", action, text_at(body, "owner"),
                       text_at(body, "due"), text_at(body, "title"));
  }
  if (event == "action_done") return fmt::format("action {} done", action);
  if (event == "action_verified") {
    return fmt::format("action {} verified by {}", action, text_at(body, "proof"));
  }
  if (event == "action_overdue") {
    return fmt::format("OVERDUE: action {} was due {}", action, text_at(body, "due"));
  }
  if (event == "exception_signed") {
    return fmt::format("signed closing without a hardening change: {}", text_at(body, "reason"));
  }
  return {};
}

}  // namespace cordon::incident
