#include "containment/approvals.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace cordon::containment {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, 7> kActs = {"set",      "release",   "rulepack", "move",
                                                   "severity", "exception", "reload"};
constexpr std::size_t kDeclineBytesMax = 1'000;

std::chrono::nanoseconds wait_of(Act act) noexcept {
  const bool enforced =
      act == Act::set || act == Act::release || act == Act::rulepack || act == Act::reload;
  return enforced ? std::chrono::nanoseconds(kEnforcedWait)
                  : std::chrono::nanoseconds(kRecordedWait);
}

Json body_of(const Asked& event) {
  Json json{{"event", "asked"},      {"approval", event.id}, {"act", to_string(event.act)},
            {"about", event.about},  {"what", event.what},   {"why", event.why},
            {"reason", event.reason}};
  if (!event.incident.empty()) json["incident"] = event.incident;
  json["order"] = event.order;
  json["token"] = event.by_token;
  json["until"] = format_rfc3339(event.until);
  json["at"] = format_rfc3339(event.at);
  json["actor"] = event.by.text();
  return json;
}

Json body_of(const Declined& event) {
  return Json{{"event", "declined"},
              {"approval", event.id},
              {"reason", event.reason},
              {"at", format_rfc3339(event.at)},
              {"actor", event.by.text()}};
}

Result<ApprovalEvent> read_asked(ObjectReader& reader) {
  Asked event;
  event.id = reader.text("approval");
  const std::string act = reader.text("act");
  event.about = reader.text("about");
  event.what = reader.text("what");
  event.why = reader.text("why");
  event.reason = reader.text("reason");
  event.incident = reader.text_or("incident", "");
  event.order = reader.any("order");
  event.by_token = reader.text("token");
  const std::string until = reader.text("until");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  const auto word = std::find(kActs.begin(), kActs.end(), act);
  if (word == kActs.end() || !event.order.is_object()) {
    return fail(Errc::invalid, "approval: unknown act, or an order that is no object");
  }
  event.act = static_cast<Act>(word - kActs.begin());
  CORDON_TRY(event.until, parse_rfc3339(until));
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<ApprovalEvent> read_declined(ObjectReader& reader) {
  Declined event;
  event.id = reader.text("approval");
  event.reason = reader.text("reason");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<ApprovalEvent> read_event(const Json& body) {
  ObjectReader reader(body, "approval");
  const std::string event = reader.text("event");
  if (event == "asked") return read_asked(reader);
  if (event == "declined") return read_declined(reader);
  return fail(Errc::invalid, fmt::format("approval: unknown event '{}'", event.substr(0, 40)));
}

}  // namespace

std::string_view to_string(Act act) noexcept {
  return kActs[static_cast<std::size_t>(act)];
}

Json to_body(const ApprovalEvent& event) {
  return std::visit([](const auto& each) { return body_of(each); }, event);
}

Result<ApprovalEvent> parse_approval_event(const Json& body) {
  auto event = read_event(body);
  if (!event) return fail(Errc::corrupt, std::move(event).error().detail);
  return event;
}

void put_approval(Json& body, const std::optional<Approval>& approval) {
  if (!approval) return;
  body["approved_by"] = approval->by.text();
  body["approval_token"] = approval->token;
  if (!approval->id.empty()) body["approval"] = approval->id;
}

Result<std::optional<Approval>> read_approval(ObjectReader& reader) {
  const auto by = reader.optional_text("approved_by");
  const auto token = reader.optional_text("approval_token");
  const auto id = reader.optional_text("approval");
  if (by.has_value() != token.has_value() || (id && !by)) {
    return fail(Errc::invalid, "approved_by, approval_token and approval come together");
  }
  if (!by) return std::nullopt;
  CORDON_TRY(model::Actor actor, model::Actor::parse(*by));
  return Approval{std::move(actor), *token, id.value_or("")};
}

Result<Asked> Approvals::ask(Asked asked) const {
  if (asked.by.kind != model::ActorKind::person) {
    return fail(
        Errc::invalid,
        fmt::format("what takes two people is asked by one of them, not by {}", asked.by.text()));
  }
  if (const Asked* other = find(asked.act, asked.about, asked.at)) {
    return fail(Errc::conflict,
                fmt::format("{} asked already: {}; it waits for a second person as approval {}: "
                            "give it, or decline it first",
                            other->by.text(), other->what, other->id));
  }
  if (waiting(asked.at).size() >= kAskedMax) {
    return fail(Errc::exhausted,
                fmt::format("{} approvals are waited for, the most there may be", kAskedMax));
  }
  asked.until = asked.at + wait_of(asked.act);
  return asked;
}

Result<const Asked*> Approvals::find(std::string_view id, WallTime now) const {
  const auto found = asked_.find(id);
  if (found != asked_.end() && now < found->second.until) return &found->second;
  return fail(Errc::not_found,
              fmt::format("nothing waits for a second person as approval '{}'; it is forgotten "
                          "after its time, and see: cordon approval list",
                          id.substr(0, 64)));
}

Result<Asked> Approvals::give(std::string_view id, const Approval& by, const Tokens& tokens,
                              WallTime now) const {
  CORDON_TRY(const Asked* asked, find(id, now));
  CORDON_CHECK(tokens.may_approve(by, asked->by, asked->by_token, now));
  return *asked;
}

Result<Declined> Approvals::decline(std::string_view id, std::string reason, model::Actor by,
                                    WallTime now) const {
  CORDON_CHECK(find(id, now));
  if (reason.find_first_not_of(" \t\r\n") == reason.npos) {
    return fail(Errc::invalid, "the reason is missing; say why, for whoever reads this later");
  }
  if (reason.size() > kDeclineBytesMax) {
    return fail(Errc::invalid, fmt::format("the reason is {} bytes, at most {} are taken",
                                           reason.size(), kDeclineBytesMax));
  }
  const auto back = codec::parse_json(codec::write_json(Json(reason)));
  if (!back || back->get<std::string>() != reason) {
    return fail(Errc::invalid, "the reason is not UTF-8 text");
  }
  return Declined{std::string(id), std::move(reason), std::move(by), now};
}

void Approvals::evolve(const ApprovalEvent& event) {
  if (const auto* declined = std::get_if<Declined>(&event)) {
    asked_.erase(declined->id);
    return;
  }
  const Asked& asked = std::get<Asked>(event);
  std::erase_if(asked_, [&asked](const auto& item) { return item.second.until <= asked.at; });
  asked_.insert_or_assign(asked.id, asked);
}

void Approvals::settle(Act act, std::string_view about) {
  std::erase_if(asked_, [&](const auto& item) {
    return item.second.act == act && item.second.about == about;
  });
}

const Asked* Approvals::find(Act act, std::string_view about, WallTime now) const noexcept {
  for (const auto& [id, each] : asked_) {
    if (each.act == act && each.about == about && now < each.until) return &each;
  }
  return nullptr;
}

std::vector<const Asked*> Approvals::waiting(WallTime now) const {
  std::vector<const Asked*> list;
  for (const auto& [id, each] : asked_) {
    if (now < each.until) list.push_back(&each);
  }
  std::sort(list.begin(), list.end(), [](const Asked* a, const Asked* b) { return a->at < b->at; });
  return list;
}

}  // namespace cordon::containment
