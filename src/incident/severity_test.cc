#include "incident/severity.h"

#include <gtest/gtest.h>

namespace cordon::incident {
namespace {

using std::chrono::minutes;

Facts quiet() {
  Facts facts;
  facts.delivered_recently = facts.legal_exposure = facts.tenants = facts.records =
      facts.route_percent = facts.impact = Fact::of(0, "");
  return facts;
}

TEST(Severity, WhatASourceStatesCountsAsItSays) {
  Facts facts = quiet();
  EXPECT_EQ(assess(facts, {}, minutes(0)).severity, Severity::sev3);
  facts.stated = Fact::of(3, "an alert");
  EXPECT_EQ(assess(facts, {}, minutes(0)).severity, Severity::sev3);
  facts.stated = Fact::of(2, "an alert");
  EXPECT_EQ(assess(facts, {}, minutes(0)).severity, Severity::sev2);
  EXPECT_EQ(assess(facts, {}, minutes(0)).decisive()->name, "stated_sev2");
  facts.stated = Fact::of(1, "an alert");
  EXPECT_EQ(assess(facts, {}, minutes(0)).decisive()->name, "stated_sev1");
}

TEST(Severity, ARepetitionIsOneStepGraverAndNeverMore) {
  Facts facts = quiet();
  facts.recurrence = Fact::of(1, "INC-2026-00001");
  EXPECT_EQ(assess(facts, {}, minutes(0)).severity, Severity::sev2);
  facts.impact = Fact::of(1, "");
  EXPECT_EQ(assess(facts, {}, minutes(0)).severity, Severity::sev1);
  EXPECT_EQ(assess(facts, {}, minutes(0)).decisive()->name, "recurrence");
  facts.records = Fact::of(500, "");
  EXPECT_EQ(assess(facts, {}, minutes(0)).decisive()->name, "blast_records");
  EXPECT_EQ(assess(facts, {}, minutes(0), {{"recurrence", 1}, {"blast_records", 500}}).severity,
            Severity::sev2)
      << "two people looked at both";
}

TEST(Severity, TheThresholdOfSev2AndTheMinuteOfUnsetFactsAreConfigured) {
  model::SeverityConfig config;
  config.exchanges = 5;
  config.unset_counts_from = std::chrono::seconds(30);
  const auto options = SeverityOptions::from(config);
  ASSERT_TRUE(options.has_value());
  Facts facts = quiet();
  facts.impact = Fact::of(4, "");
  EXPECT_EQ(assess(facts, *options, minutes(0)).severity, Severity::sev3);
  facts.impact = Fact::of(5, "");
  EXPECT_EQ(assess(facts, *options, minutes(0)).severity, Severity::sev2);
  facts.tenants = Fact::unset("nobody asked");
  EXPECT_EQ(assess(facts, *options, std::chrono::seconds(29)).severity, Severity::sev2);
  EXPECT_EQ(assess(facts, *options, std::chrono::seconds(30)).severity, Severity::sev1);
  config.exchanges = 0;
  EXPECT_FALSE(SeverityOptions::from(config).has_value());
}

}  // namespace
}  // namespace cordon::incident
