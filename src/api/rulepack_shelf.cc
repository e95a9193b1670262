#include "api/rulepack_shelf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::api {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, 3> kEvents = {"loaded", "published", "rolled_back"};

Json list_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(texts.size(), kRulesNamedMax); ++i) {
    list.push_back(texts[i]);
  }
  return list;
}

Result<std::vector<std::string>> read_list(const Json& value, std::string_view key) {
  std::vector<std::string> texts;
  if (value.is_null()) return texts;
  if (!value.is_array()) return fail(Errc::invalid, fmt::format("{} is not a list", key));
  for (const Json& item : value) {
    if (!item.is_string()) return fail(Errc::invalid, fmt::format("{} holds no text", key));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<RulepackEvent> parse_event(std::string_view word) {
  const auto found = std::find(kEvents.begin(), kEvents.end(), word);
  if (found == kEvents.end()) return fail(Errc::invalid, "rulepack_change: unknown event");
  return static_cast<RulepackEvent>(found - kEvents.begin());
}

Result<RulepackChange> read(const Json& body) {
  ObjectReader reader(body, "rulepack_change");
  RulepackChange change;
  change.name = reader.text("name");
  change.version = reader.text("version");
  change.digest = reader.text("digest");
  const std::string event = reader.text_or("event", "loaded");
  const std::string actor = reader.text("actor");
  change.token = reader.text_or("token", "");
  change.before = reader.text_or("before", "");
  change.reason = reader.text_or("reason", "");
  change.incident = reader.text_or("incident", "");
  CORDON_TRY(change.approval, containment::read_approval(reader));
  const Json& weaker = reader.any("weaker");
  const Json& classes = reader.any("classes");
  change.override_reason = reader.text_or("override", "");
  const Json& failing = reader.any("failing");
  const auto asked_at = reader.optional_text("asked_at");
  change.follows_file = reader.boolean_or("follows_file", event == "loaded");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(change.event, parse_event(event));
  CORDON_TRY(change.actor, model::Actor::parse(actor));
  CORDON_TRY(change.weaker, read_list(weaker, "weaker"));
  CORDON_TRY(change.classes, read_list(classes, "classes"));
  CORDON_TRY(change.failing, read_list(failing, "failing"));
  if (asked_at) {
    CORDON_TRY(change.asked_at, parse_rfc3339(*asked_at));
  }
  return change;
}

}  // namespace

std::string_view to_string(RulepackEvent event) noexcept {
  return kEvents[static_cast<std::size_t>(event)];
}

Json to_body(const RulepackChange& change) {
  Json body{{"name", change.name},
            {"version", change.version},
            {"digest", change.digest},
            {"event", to_string(change.event)},
            {"actor", change.actor.text()}};
  if (change.event == RulepackEvent::loaded) return body;
  body["token"] = change.token;
  body["before"] = change.before;
  body["reason"] = change.reason;
  if (!change.incident.empty()) body["incident"] = change.incident;
  containment::put_approval(body, change.approval);
  body["weaker"] = list_of(change.weaker);
  body["classes"] = list_of(change.classes);
  if (!change.override_reason.empty()) {
    body["override"] = change.override_reason;
    body["failing"] = list_of(change.failing);
  }
  if (change.asked_at) body["asked_at"] = format_rfc3339(*change.asked_at);
  body["follows_file"] = change.follows_file;
  return body;
}

Result<RulepackChange> parse_rulepack_change(const Json& body) {
  auto change = read(body);
  if (!change) return fail(Errc::corrupt, std::move(change).error().detail);
  return change;
}

std::optional<std::chrono::nanoseconds> time_to_update(
    const RulepackChange& change, const containment::Receipt* receipt) noexcept {
  if (!change.asked_at || receipt == nullptr || receipt->partial()) return std::nullopt;
  std::optional<WallTime> last;
  for (const containment::NodeReceipt& node : receipt->nodes) {
    if (node.acked_at && (!last || *node.acked_at > *last)) last = node.acked_at;
  }
  if (!last) return std::nullopt;
  return *last - *change.asked_at;
}

void RulepackShelf::evolve(RulepackChange change) {
  std::string name = change.name;
  ++revision_;
  packs_[std::move(name)].push_back(std::move(change));
}

const RulepackChange* RulepackShelf::in_force(std::string_view name) const noexcept {
  const auto& all = history(name);
  return all.empty() ? nullptr : &all.back();
}

const RulepackChange* RulepackShelf::in_force_at(std::string_view name,
                                                 WallTime time) const noexcept {
  const RulepackChange* found = nullptr;
  for (const RulepackChange& change : history(name)) {
    if (change.at <= time) found = &change;
  }
  return found;
}

const std::vector<RulepackChange>& RulepackShelf::history(std::string_view name) const noexcept {
  static const std::vector<RulepackChange> kNone;
  const auto found = packs_.find(name);
  return found == packs_.end() ? kNone : found->second;
}

}  // namespace cordon::api
