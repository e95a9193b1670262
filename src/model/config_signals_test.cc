#include "model/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace cordon::model {
namespace {

using namespace std::chrono_literals;

Config good(std::string_view text) {
  const auto config = Config::parse(text, "c.yaml");
  EXPECT_TRUE(config) << config.error().detail;
  return config ? *config : Config{};
}

std::string refusal(std::string_view text) {
  const auto config = Config::parse(text, "c.yaml");
  return config ? "accepted" : config.error().detail;
}

TEST(SignalConfig, HasDefaultsForAllOfIt) {
  const Config config = good("");
  ASSERT_EQ(config.detectors.size(), kIncidentClassCount) << "every class has a detector";
  EXPECT_EQ(config.severity.exchanges, 1U);
  EXPECT_EQ(config.severity.unset_counts_from, 10min);
  EXPECT_EQ(config.ingest.class_label, "cordon_class");
  EXPECT_EQ(config.ingest.scope, "route=*");
  EXPECT_TRUE(config.escalation.rota.empty());
  EXPECT_EQ(config.escalation.accept, 5min);
  EXPECT_EQ(config.escalation.contain, 20min);
}

TEST(SignalConfig, ReadsEveryKey) {
  const Config config = good(R"(
severity:
  SEV-1: {tenants: 2, records: 50, route_percent: 0.5}
  SEV-2: {exchanges: 4}
  SEV-3: {}
  unset_from: 2m
ingest:
  reports_per_minute: 5
  alertmanager:
    class_label: incident_class
    scope: route=support
    classes: [{alert: GuardrailBypassRate, class: prompt_injection_bypass}]
rota: [anna, ben]
escalation: {accept: 2s, contain: 3s}
)");
  EXPECT_EQ(config.severity.tenants, 2U);
  EXPECT_EQ(config.severity.records, 50U);
  EXPECT_EQ(config.severity.route_percent, 0.5);
  EXPECT_EQ(config.severity.exchanges, 4U);
  EXPECT_EQ(config.severity.unset_counts_from, 2min);
  EXPECT_EQ(config.ingest.reports_per_minute, 5U);
  EXPECT_EQ(config.ingest.class_label, "incident_class");
  EXPECT_EQ(config.ingest.scope, "route=support");
  ASSERT_EQ(config.ingest.classes.size(), 1U);
  EXPECT_EQ(config.ingest.classes[0].of_class, IncidentClass::prompt_injection_bypass);
  EXPECT_EQ(config.escalation.rota, (std::vector<std::string>{"anna", "ben"}));
  EXPECT_EQ(config.escalation.accept, 2s);
  EXPECT_EQ(config.escalation.contain, 3s);
}

TEST(SignalConfig, RefusesLevelsThatOverlapOrAreTakenAwayWithTheirLines) {
  EXPECT_EQ(refusal("severity:\n  SEV-1: {records: 10}\n  SEV-2: {exchanges: 10}\n"),
            "c.yaml:3:22: SEV-2 from 10 exchanges and SEV-1 from 10 records (line 2) overlap, "
            "expected SEV-2 to begin below SEV-1");
  EXPECT_EQ(refusal("severity:\n  SEV-2: {exchanges: 100}\n"),
            "c.yaml:2:22: SEV-2 from 100 exchanges and SEV-1 from 100 records (the default) "
            "overlap, expected SEV-2 to begin below SEV-1");
  EXPECT_EQ(refusal("severity:\n  SEV-1: ~\n"),
            "c.yaml:2:10: found nothing, expected a map of thresholds: SEV-1 cannot be taken away");
  EXPECT_EQ(refusal("severity:\n  SEV-3: none\n"),
            "c.yaml:2:10: found 'none', expected a map of thresholds: SEV-3 cannot be taken away");
  EXPECT_EQ(refusal("severity:\n  records: 5\n  SEV-1: {records: 6}\n"),
            "c.yaml:3:20: found records a second time, expected it once (it stands on line 2 for "
            "SEV-1)");
  EXPECT_EQ(refusal("severity:\n  SEV-3: {exchanges: 1}\n"),
            "c.yaml:2:10: found a threshold, expected none: a SEV-3 is what reaches no other");
  EXPECT_EQ(refusal("severity: {records: 1}\n"), "accepted") << "any record at all is a choice";
}

TEST(SignalConfig, RefusesAnUnknownLevelAndNamesTheNearest) {
  const std::string detail = refusal("severity:\n  SEV-4: {records: 1}\n");
  EXPECT_TRUE(detail.starts_with("c.yaml:2:3: unknown key 'SEV-4'")) << detail;
  EXPECT_NE(detail.find("nearest: SEV-"), detail.npos) << detail;
}

TEST(SignalConfig, RefusesWhatCannotBeMeant) {
  EXPECT_NE(refusal("ingest: {alertmanager: {classes: [{alert: A, class: data_leak}]}}\n")
                .find("nearest: data_leakage"),
            std::string::npos);
  EXPECT_NE(refusal("ingest: {alertmanager: {scope: everything}}\n").find("c.yaml:1:32: "),
            std::string::npos);
  EXPECT_NE(refusal("ingest: {alertmanager: {classes: [{alert: A, class: data_leakage}, "
                    "{alert: A, class: unsafe_output}]}}\n")
                .find("a second time"),
            std::string::npos);
  EXPECT_NE(refusal("rota: [anna, anna]\n").find("each person once"), std::string::npos);
  EXPECT_NE(refusal("rota: ['the team']\n").find("expected a name"), std::string::npos);
  EXPECT_NE(refusal("escalation: {accept: 1ms}\n").find("c.yaml:1:22: "), std::string::npos);
}

TEST(SignalConfig, EveryKeyIsOnItsPage) {
  std::ifstream in("docs/formats/config.md");
  std::stringstream page;
  page << in.rdbuf();
  for (const std::string_view key :
       {"severity.SEV-1", "severity.SEV-2", "severity.SEV-3", "severity.unset_from",
        "ingest.reports_per_minute", "ingest.alertmanager.class_label",
        "ingest.alertmanager.classes", "ingest.alertmanager.scope", "rota", "escalation.accept",
        "escalation.contain"}) {
    EXPECT_NE(page.str().find("`" + std::string(key) + "`"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace cordon::model
