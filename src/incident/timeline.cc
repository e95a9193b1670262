#include "incident/timeline.h"

#include "incident/follow_up.h"

#include <fmt/format.h>

namespace cordon::incident {
namespace {

std::string text_at(const codec::Json& body, const char* key) {
  if (!body.is_object()) return {};
  const auto found = body.find(key);
  if (found == body.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_primitive() && !found->is_null() ? found->dump() : std::string();
}

std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : fmt::format("{}: {}", text, reason);
}

std::string say_incident_event(const codec::Json& body) {
  const std::string event = text_at(body, "event");
  const std::string reason = text_at(body, "reason");
  if (event == "opened") return fmt::format("opened: {}", text_at(body, "title"));
  if (event == "signal_joined") return "a further signal joined";
  if (event == "moved") return with_reason("now " + text_at(body, "to"), reason);
  if (event == "commander_proposed") return "proposed as commander: " + text_at(body, "person");
  if (event == "commander_accepted") return "took command";
  if (event == "severity_changed") {
    return with_reason(fmt::format("{} by {}", text_at(body, "to"), text_at(body, "rule")), reason);
  }
  if (event == "severity_confirmed") return "confirmed the severity";
  if (event == "mitigation_declared") {
    return fmt::format("declared a test: {} below {} on {}", text_at(body, "metric"),
                       text_at(body, "limit"), text_at(body, "scope"));
  }
  if (event == "mitigation_judged") {
    return with_reason(fmt::format("test {}: {} of {} samples bad", text_at(body, "verdict"),
                                   text_at(body, "bad"), text_at(body, "samples")),
                       reason);
  }
  if (event == "role_proposed") {
    return with_reason(
        fmt::format("proposed as {}: {}", text_at(body, "role"), text_at(body, "person")), reason);
  }
  if (event == "role_accepted") return with_reason("is now " + text_at(body, "role"), reason);
  if (event == "escalated") {
    const std::string to = text_at(body, "to");
    return with_reason(fmt::format("escalated for {} to {}", text_at(body, "about"),
                                   to.empty() ? "everybody on call" : to),
                       reason);
  }
  if (event == "paged") {
    const std::string person = text_at(body, "person");
    return with_reason("page due: " + (person.empty() ? text_at(body, "audience") : person),
                       reason);
  }
  if (event == "recurred") return "it happened before";
  if (event == "noted") return text_at(body, "text");
  if (std::string said = say_follow_up(body); !said.empty()) return said;
  return with_reason(event, reason);
}

std::string say_approval(const codec::Json& body) {
  const std::string id = text_at(body, "approval");
  if (text_at(body, "event") == "declined") {
    return with_reason(fmt::format("approval {} declined", id), text_at(body, "reason"));
  }
  return with_reason(fmt::format("asked to {}, waits for a second person as approval {}",
                                 text_at(body, "what"), id),
                     text_at(body, "reason"));
}

/// What became of a page; of one that was not sent, too.
std::string say_page(const codec::Json& body) {
  const std::string event = text_at(body, "event");
  if (event == "acked") return fmt::format("page {} acknowledged", text_at(body, "page"));
  if (event == "routed") {
    const std::string reason = text_at(body, "reason");
    return reason.empty() ? "page goes out" : "page NOT sent: " + reason;
  }
  return with_reason(
      fmt::format("page {} by {}", text_at(body, "outcome"), text_at(body, "connector")),
      text_at(body, "reason"));
}

std::string say_receipt(const codec::Json& body) {
  const auto nodes = body.find("nodes");
  const std::size_t count = nodes != body.end() ? nodes->size() : 0;
  return fmt::format("containment {} {} by {} nodes at generation {}", text_at(body, "containment"),
                     text_at(body, "partial") == "true" ? "PARTIALLY acknowledged" : "acknowledged",
                     count, text_at(body, "generation"));
}

std::string say(const model::Entry& entry) {
  const codec::Json& body = entry.body;
  switch (entry.kind) {
    case model::EntryKind::signal:
      return fmt::format("signal from {}: {}", text_at(body, "source"), text_at(body, "summary"));
    case model::EntryKind::signal_end:
      return fmt::format("the sender of a signal says that it is over ({})",
                         text_at(body, "source"));
    case model::EntryKind::containment:
      return with_reason(fmt::format("containment {} {} {}", text_at(body, "event"),
                                     text_at(body, "measure"), text_at(body, "scope")),
                         text_at(body, "reason"));
    case model::EntryKind::approval:
      return say_approval(body);
    case model::EntryKind::page:
      return say_page(body);
    case model::EntryKind::receipt:
      return say_receipt(body);
    case model::EntryKind::generation_change:
      return fmt::format("generation {} in force", text_at(body, "number"));
    case model::EntryKind::custody:
      return with_reason(
          fmt::format("evidence {} {}", text_at(body, "evidence"), text_at(body, "act")),
          text_at(body, "purpose"));
    case model::EntryKind::incident_event:
      return say_incident_event(body);
    case model::EntryKind::replay_test:
      return fmt::format("replay test {} of route {}", text_at(body, "replay"),
                         text_at(body, "route"));
    default:
      return std::string(to_string(entry.kind));
  }
}

}  // namespace

TimelineItem make_item(std::uint64_t sequence, const model::Entry& entry) {
  TimelineItem item;
  item.sequence = sequence;
  item.id = entry.id;
  item.kind = entry.kind;
  item.recorded = entry.recorded;
  item.time = parse_rfc3339(text_at(entry.body, "time")).value_or(entry.recorded);
  item.actor = text_at(entry.body, "actor");
  if (item.actor.empty()) item.actor = text_at(entry.body, "reporter");
  if (item.actor.empty()) item.actor = text_at(entry.body, "by");
  // A receipt is written by the node that collected the acknowledgements.
  if (item.actor.empty() && entry.kind == model::EntryKind::receipt) {
    item.actor = "service:" + entry.node;
  }
  if (item.actor.empty()) item.actor = "unknown";
  item.text = say(entry);
  item.fields = entry.body;
  return item;
}

codec::Json to_json(const TimelineItem& item) {
  return {{"id", item.id},
          {"sequence", item.sequence},
          {"kind", to_string(item.kind)},
          {"time", format_rfc3339(item.time)},
          {"recorded", format_rfc3339(item.recorded)},
          {"actor", item.actor},
          {"text", item.text},
          {"fields", item.fields}};
}

std::string to_lines(std::span<const TimelineItem> items) {
  std::string lines;
  for (const TimelineItem& item : items) {
    lines += codec::write_json(to_json(item));
    lines += '\n';
  }
  return lines;
}

}  // namespace cordon::incident
