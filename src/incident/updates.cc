#include "incident/updates.h"

#include "incident/incident.h"
#include "incident/internal/template.h"
#include "incident/phases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cordon::incident {

namespace embedded {
std::string_view update_engineering();
std::string_view update_product();
std::string_view update_support();
std::string_view update_legal();
std::string_view update_customer();
}  // namespace embedded

namespace {

using codec::Json;
using internal::TemplateFacts;
using model::Audience;

std::string_view template_of(Audience audience) {
  switch (audience) {
    case Audience::engineering:
      return embedded::update_engineering();
    case Audience::product:
      return embedded::update_product();
    case Audience::support:
      return embedded::update_support();
    case Audience::legal:
      return embedded::update_legal();
    case Audience::customer:
      break;
  }
  return embedded::update_customer();
}

std::string_view words_of(model::IncidentClass of_class) {
  switch (of_class) {
    case model::IncidentClass::prompt_injection_bypass:
      return "prompt injection past the controls";
    case model::IncidentClass::unsafe_output:
      return "unsafe output";
    case model::IncidentClass::data_leakage:
      return "sensitive data in answers";
    case model::IncidentClass::policy_drift:
      return "a change of policy that was not intended";
  }
  return "an incident";
}

/// To the second: people read it.
std::string when(WallTime time) {
  const std::string text = format_rfc3339(time);
  return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

std::string age_of(std::chrono::nanoseconds age) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(age).count();
  if (minutes >= 120) return fmt::format("{} h {} min", minutes / 60, minutes % 60);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  return fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

/// Some names, or how many there are beyond them.
template <class Names>
std::string listed(const Names& names, std::string_view none) {
  constexpr std::size_t kShown = 10;
  std::vector<std::string> shown;
  for (const auto& name : names) {
    if (shown.size() == kShown) break;
    shown.push_back(name);
  }
  if (shown.empty()) return std::string(none);
  std::string text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

std::vector<std::string> keys_of(const std::map<std::string, std::uint64_t, std::less<>>& counted) {
  std::vector<std::string> keys;
  for (const auto& [key, count] : counted) keys.push_back(key);
  return keys;
}

std::string say_containments(const Standing& standing) {
  std::vector<std::string> all;
  for (const ContainmentStanding& one : standing.containments) {
    if (one.released_at) continue;
    all.push_back(fmt::format(
        "{} {}", one.containment.scope.text(),
        one.acked_at ? "acknowledged by every node" : "not yet acknowledged by every node"));
  }
  return listed(all, "nothing is contained");
}

std::string say_mitigation(const Incident& incident) {
  if (incident.mitigations.empty()) return "none declared";
  const Mitigation& last = incident.mitigations.back();
  return fmt::format("{} ({} of {} samples bad)", to_string(last.judged.verdict), last.judged.bad,
                     last.judged.samples);
}

std::string say_evidence(const Standing& standing) {
  if (standing.evidence.empty()) return "none frozen yet";
  const EvidenceStanding& last = standing.evidence.back();
  return fmt::format("{} {}", last.id,
                     last.failed        ? "does NOT verify"
                     : last.verified_at ? "frozen and verified"
                                        : "frozen, not verified");
}

std::string say_customers(const Incident& incident) {
  if (!incident.follow_up.customer) return "no rule asks for a message yet";
  const CustomerDuty& duty = *incident.follow_up.customer;
  std::string text = fmt::format("a message is due by {} ({} {} of {})", when(duty.due.due),
                                 duty.due.rule, duty.due.number, duty.due.threshold);
  for (const Update& update : incident.follow_up.updates) {
    if (update.draft.audience != Audience::customer) continue;
    text = fmt::format("{} is {}", update.draft.update, state_of(update));
  }
  return text;
}

/// The first phase that is not met.
void add_phase(TemplateFacts& facts, const UpdateFacts& from) {
  const auto all = phases(from.incident, from.standing, from.now);
  const auto open = std::find_if(all.begin(), all.end(), [](const PhaseReport& report) {
    return report.state != PhaseState::met;
  });
  const PhaseReport& report = open == all.end() ? all.back() : *open;
  facts.values["phase"] = to_string(report.phase);
  facts.values["phase_due"] = when(report.due);
  if (open != all.end() && report.late) facts.sections.insert("phase_late");
  facts.values["need"] = open == all.end() ? "nothing that the clock asks for"
                                           : fmt::format("{}", fmt::join(report.missing, "; "));
}

/// Counts are known or not, all together.
void add_impact(TemplateFacts& facts, const UpdateFacts& from, Audience audience) {
  const detect::Harm& impact = from.impact;
  const bool known = from.impact_unknown.empty();
  // A customer has no use for the reason, and it may name what they should not see.
  const std::string unknown = audience == Audience::customer
                                  ? "not yet known"
                                  : fmt::format("unknown ({})", from.impact_unknown);
  const auto number = [&](std::uint64_t value) {
    return known ? fmt::format("{}", value) : unknown;
  };
  facts.values["exchanges"] = number(impact.exchanges);
  facts.values["records"] = number(impact.records);
  facts.values["personal"] = number(impact.personal);
  facts.values["tenants"] = number(impact.tenants.size());
  facts.values["use_cases"] = number(impact.use_cases.size());
  facts.values["tenant_names"] = listed(keys_of(impact.tenants), "none");
  facts.values["targets"] = listed(impact.targets, "none");
  std::vector<std::string> routes = keys_of(impact.routes);
  for (const model::Scope& scope : from.incident.scopes) {
    const auto& route = scope.named(model::Dimension::route);
    if (route && std::find(routes.begin(), routes.end(), *route) == routes.end()) {
      routes.push_back(*route);
    }
  }
  facts.values["routes"] = listed(routes, "routes not yet known");
}

TemplateFacts facts_for(Audience audience, const UpdateFacts& from) {
  const Incident& incident = from.incident;
  TemplateFacts facts;
  auto& values = facts.values;
  values["id"] = incident.id;
  values["class"] = words_of(incident.of_class);
  values["state"] = to_string(incident.state);
  facts.sections.insert(fmt::format("is_{}", to_string(incident.state)));
  values["severity"] = incident.severity ? to_string(*incident.severity) : "severity not yet set";
  if (incident.provisional) facts.sections.insert("provisional");
  values["severity_rule"] = "nobody yet";
  if (!incident.severities.empty()) {
    const SeverityChanged& last = incident.severities.back().change;
    values["severity_rule"] = last.rule;
    if (last.number && last.threshold) {
      values["severity_rule"] += fmt::format(" ({} of {})", *last.number, *last.threshold);
    }
  }
  std::vector<std::string> scopes;
  for (const model::Scope& scope : incident.scopes) scopes.push_back(scope.text());
  values["scope"] = listed(scopes, "no scope");
  values["as_of"] = when(from.now);
  values["age"] = age_of(from.now - incident.clock_start);
  values["opened_at"] = when(incident.t0);
  values["impact_start"] = when(incident.impact_start);
  values["commander"] = incident.commander.value_or("nobody has taken command");
  const auto contained = from.standing.contained_at(incident.clock_start);
  values["contained_at"] = contained ? when(*contained) : "not yet";
  values["containments"] = say_containments(from.standing);
  values["mitigation"] = say_mitigation(incident);
  values["evidence"] = say_evidence(from.standing);
  values["exposure"] = !incident.exposed   ? std::string("nobody was asked yet")
                       : *incident.exposed ? "yes: " + incident.exposed_reason
                                           : "no: " + incident.exposed_reason;
  values["customers"] = say_customers(incident);
  add_phase(facts, from);
  add_impact(facts, from, audience);
  return facts;
}

std::string title_of(Audience audience, const Incident& incident) {
  if (audience == Audience::customer) {
    const std::string_view status = incident.state == State::closed      ? "Resolved"
                                    : incident.state == State::stable    ? "Monitoring"
                                    : incident.state == State::contained ? "Identified"
                                                                         : "Investigating";
    return fmt::format("{}: {}", status, words_of(incident.of_class));
  }
  return fmt::format("{} {} {}", incident.id,
                     incident.severity ? to_string(*incident.severity) : "severity unset",
                     to_string(incident.state));
}

}  // namespace

std::string_view state_of(const Update& update) noexcept {
  if (update.sent_at) return "sent";
  return update.approved_at ? "approved" : "draft";
}

Json to_json(const Update& update) {
  const UpdateDrafted& draft = update.draft;
  Json json = {{"id", draft.update},
               {"audience", model::to_string(draft.audience)},
               {"status", state_of(update)},
               {"title", draft.title},
               {"digest", draft.digest},
               {"incident_state", to_string(draft.state)},
               {"severity", draft.severity ? to_string(*draft.severity) : "unset"},
               {"unresolved", draft.unresolved},
               {"needs_approval", model::needs_approval(draft.audience)},
               {"by", update.by.text()},
               {"at", format_rfc3339(update.at)},
               {"entry", update.entry}};
  if (model::needs_approval(draft.audience)) {
    json["approver"] = draft.approver.empty() ? "any approver" : draft.approver;
  }
  if (update.approved_at) {
    json["approved_by"] = update.approved_by->text();
    json["approved_at"] = format_rfc3339(*update.approved_at);
  }
  if (update.sent_at) {
    json["sent_by"] = update.sent_by->text();
    json["sent_at"] = format_rfc3339(*update.sent_at);
  }
  if (!update.local_reason.empty()) json["no_notification_sent"] = update.local_reason;
  Json deliveries = Json::array();
  for (const OutboxItem& item : update.outbox) {
    Json one = {{"connector", item.connector},
                {"outcome", item.ended   ? model::to_string(item.ended->outcome)
                            : item.begun ? std::string_view("under way")
                                         : std::string_view("waiting")}};
    if (item.ended) {
      one["attempts"] = item.ended->attempts;
      if (item.ended->status != 0) one["status"] = item.ended->status;
      one["reason"] = item.ended->reason;
      one["at"] = format_rfc3339(*item.ended_at);
    }
    deliveries.push_back(std::move(one));
  }
  json["deliveries"] = std::move(deliveries);
  Json acks = Json::array();
  for (const Ack& ack : update.acks) {
    acks.push_back({{"by", ack.by.text()}, {"at", format_rfc3339(ack.at)}});
  }
  json["acks"] = std::move(acks);
  return json;
}

Result<Composed> compose(Audience audience, const UpdateFacts& facts,
                         const std::optional<std::string>& own) {
  if (own && (own->empty() || own->size() > kUpdateBytesMax)) {
    return fail(Errc::invalid, fmt::format("the text of an update has 1 to {} bytes, found {}",
                                           kUpdateBytesMax, own->size()));
  }
  const std::string_view source = own ? std::string_view(*own) : template_of(audience);
  CORDON_TRY(internal::Rendered rendered, internal::render(source, facts_for(audience, facts)));
  Composed composed;
  composed.title = title_of(audience, facts.incident);
  composed.text = std::move(rendered.text);
  composed.unresolved = std::move(rendered.unresolved);
  return composed;
}

std::optional<CustomerDue> customer_rule(const UpdateFacts& facts,
                                         const model::UpdatesConfig& config) {
  const Incident& incident = facts.incident;
  const WallTime due = incident.clock_start + config.customer_due;
  if (incident.severity == Severity::sev1) return CustomerDue{"severity", 1, 1, due};
  const auto& internal = config.internal_tenants;
  const auto external = std::count_if(
      facts.impact.tenants.begin(), facts.impact.tenants.end(), [&internal](const auto& tenant) {
        return std::find(internal.begin(), internal.end(), tenant.first) == internal.end();
      });
  if (external >= static_cast<std::ptrdiff_t>(config.customer_tenants)) {
    return CustomerDue{"external_tenants", static_cast<double>(external),
                       static_cast<double>(config.customer_tenants), due};
  }
  return std::nullopt;
}

}  // namespace cordon::incident
