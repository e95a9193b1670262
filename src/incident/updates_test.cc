#include "incident/updates.h"

#include "incident/incident.h"
#include "incident/internal/template.h"

#include <gtest/gtest.h>

namespace cordon::incident {
namespace {

using model::Audience;
using std::chrono::minutes;

const WallTime kNoon = *parse_rfc3339("2026-01-05T12:00:00Z");
const model::Actor kAnna{model::ActorKind::person, "anna"};

constexpr Audience kAudiences[] = {Audience::engineering, Audience::product, Audience::support,
                                   Audience::legal, Audience::customer};

/// An incident as it could stand, without a journal.
struct Room {
  Room() {
    incident.id = "INC-2026-00001";
    incident.of_class = model::IncidentClass::data_leakage;
    incident.scopes = {*model::Scope::parse("route=support")};
    incident.state = State::active;
    incident.severity = Severity::sev1;
    incident.t0 = incident.clock_start = kNoon;
    incident.impact_start = kNoon - minutes(2);
    incident.commander = "anna";
    impact.exchanges = 41;
    impact.records = 128;
    impact.personal = 77;
    impact.tenants = {{"acme", 40}, {"globex", 1}};
    impact.routes = {{"support", 41}};
  }
  [[nodiscard]] UpdateFacts facts() const {
    return {incident, standing, impact, unknown, kNoon + minutes(15)};
  }
  [[nodiscard]] std::string text(Audience audience) const {
    return compose(audience, facts(), std::nullopt)->text;
  }
  Incident incident;
  Standing standing;
  detect::Harm impact;
  std::string unknown;
};

TEST(Updates, EveryAudienceAndStateHasATextWithNothingUnresolved) {
  Room room;
  for (const State state :
       {State::triage, State::active, State::contained, State::stable, State::closed}) {
    room.incident.state = state;
    for (const Audience audience : kAudiences) {
      const auto composed = compose(audience, room.facts(), std::nullopt);
      ASSERT_TRUE(composed.has_value()) << composed.error().detail;
      EXPECT_TRUE(composed->unresolved.empty()) << composed->unresolved.front();
      EXPECT_EQ(composed->text.find("{{"), std::string::npos) << composed->text;
      EXPECT_EQ(composed->text.find("\n\n\n"), std::string::npos) << composed->text;
      EXPECT_FALSE(composed->title.empty());
    }
  }
}

TEST(Updates, HoldTheNumbersAndChangeWithTheState) {
  Room room;
  EXPECT_NE(room.text(Audience::engineering).find("41 exchanges, 128 records, 2 tenants"),
            std::string::npos);
  EXPECT_NE(room.text(Audience::legal).find("of these personal data: 77"), std::string::npos);
  const std::string before = room.text(Audience::support);
  room.incident.state = State::stable;
  EXPECT_NE(room.text(Audience::support), before);
  EXPECT_NE(room.text(Audience::support).find("restored under watch"), std::string::npos);
}

TEST(Updates, SayUnknownWithItsReasonAndTellCustomersNoneOfIt) {
  Room room;
  room.unknown = "no rule in force can see this class";
  const std::string inside = room.text(Audience::engineering);
  EXPECT_NE(inside.find("unknown (no rule in force can see this class)"), std::string::npos);
  EXPECT_EQ(inside.find(" 0 exchanges"), std::string::npos);
  const std::string outside = room.text(Audience::customer);
  EXPECT_NE(outside.find("not yet known"), std::string::npos);
  EXPECT_EQ(outside.find("no rule in force"), std::string::npos);
}

TEST(Updates, NameNoTenantAndNoScopeToCustomers) {
  const std::string text = Room().text(Audience::customer);
  EXPECT_EQ(text.find("acme"), std::string::npos);
  EXPECT_EQ(text.find("route="), std::string::npos);
}

TEST(Updates, OwnTextIsFilledInAndSaysWhatNobodyKnows) {
  Room room;
  const auto composed = compose(
      Audience::product, room.facts(),
      "{{id}}: {{records}} records. {{eta}} {{#is_active}}on{{/is_active}}{{#is_closed}}{{x}}"
      "{{/is_closed}} {{eta}}");
  ASSERT_TRUE(composed.has_value()) << composed.error().detail;
  EXPECT_EQ(composed->text, "INC-2026-00001: 128 records. {{eta}} on {{eta}}");
  EXPECT_EQ(composed->unresolved, std::vector<std::string>{"eta"}) << "x is not in the text";
}

TEST(Updates, OwnTextCannotGoAroundTheEscaping) {
  Room room;
  for (const char* bad : {"{{{id}}}", "{{&id}}", "{{>id}}", "{{=<% %>=}}", "{{! x }}", "{{", "{{}}",
                          "{{#is_active}}", "{{/is_active}}", "{{a.b}}", "{{.}}"}) {
    const auto composed = compose(Audience::product, room.facts(), std::string(bad));
    ASSERT_FALSE(composed.has_value()) << bad;
    EXPECT_EQ(composed.error().code, Errc::invalid);
  }
  EXPECT_FALSE(compose(Audience::product, room.facts(), std::string()).has_value());
  EXPECT_FALSE(
      compose(Audience::product, room.facts(), std::string(kUpdateBytesMax + 1, 'a')).has_value());
}

// A tenant or a scope is a name that somebody outside may have chosen.
TEST(Updates, WhatAnAttackerNamedNeitherLinksNorReordersNorIsATemplate) {
  Room room;
  room.impact.tenants = {{"https://evil.example/\u202e{{id}}\nEND", 1}};
  const std::string text = room.text(Audience::engineering);
  EXPECT_NE(text.find("https[:]//evil.example/{{id}} END"), std::string::npos) << text;
  EXPECT_EQ(text.find("://evil"), std::string::npos);
}

TEST(Updates, CustomersAreDueBySeverityOrByAnExternalTenantAndElseNot) {
  Room room;
  model::UpdatesConfig config;
  config.internal_tenants = {"acme"};
  config.customer_due = minutes(60);
  auto due = customer_rule(room.facts(), config);
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(due->rule, "severity");
  EXPECT_EQ(due->due, kNoon + minutes(60));
  room.incident.severity = Severity::sev2;
  due = customer_rule(room.facts(), config);
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(due->rule, "external_tenants");
  EXPECT_EQ(due->number, 1) << "globex; acme is ours";
  room.impact.tenants = {{"acme", 40}};
  EXPECT_FALSE(customer_rule(room.facts(), config).has_value()) << "below the threshold: no nag";
  config.customer_tenants = 3;
  room.impact.tenants = {{"a", 1}, {"b", 1}};
  EXPECT_FALSE(customer_rule(room.facts(), config).has_value());
}

}  // namespace
}  // namespace cordon::incident
