#include "detect/alertmanager.h"

#include <gtest/gtest.h>

namespace cordon::detect {
namespace {

using codec::Json;

const model::Actor kSender{model::ActorKind::service, "alertmanager"};
const WallTime kNow = *parse_rfc3339("2026-01-05T10:10:00Z");

/// The notification of the reference, as Alertmanager 0.27 sends it.
Json notification() {
  return *codec::parse_json(R"({"version":"4","groupKey":"{}:{alertname=\"GuardrailBypassRate\"}",
    "truncatedAlerts":0,"status":"firing","receiver":"cordon",
    "groupLabels":{"alertname":"GuardrailBypassRate"},"commonLabels":{"severity":"critical"},
    "commonAnnotations":{},"externalURL":"http://am:9093","notification_reason":"new",
    "routeLabels":{},"alerts":[{"status":"firing",
      "labels":{"alertname":"GuardrailBypassRate","route":"chat-prod","severity":"critical",
                "cordon_class":"prompt_injection_bypass"},
      "annotations":{"summary":"more bypasses than usual"},"startsAt":"2026-01-05T10:03:00Z",
      "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/graph?g0","values":null,
      "fingerprint":"1badb0c76cee4041"}]})");
}

AlertBatch read(const Json& body, const AlertmanagerOptions& options = {}) {
  const auto batch = read_alertmanager(body, options, kSender, kNow);
  EXPECT_TRUE(batch.has_value()) << batch.error().detail;
  return batch ? *batch : AlertBatch{};
}

Error refusal(const Json& body) {
  const auto batch = read_alertmanager(body, {}, kSender, kNow);
  EXPECT_FALSE(batch.has_value());
  return batch ? Error{} : batch.error();
}

TEST(Alertmanager, ReadsAFiringAlertAndToleratesKeysThatItDoesNotKnow) {
  const AlertBatch batch = read(notification());
  ASSERT_EQ(batch.signals.size(), 1U);
  EXPECT_TRUE(batch.ends.empty());
  EXPECT_TRUE(batch.refused.empty());
  const Signal& signal = batch.signals.front();
  EXPECT_EQ(signal.source, SignalSource::alert);
  EXPECT_EQ(signal.of_class, model::IncidentClass::prompt_injection_bypass);
  EXPECT_EQ(signal.scope.text(), "route=chat-prod");
  EXPECT_EQ(signal.severity, 1);
  EXPECT_EQ(signal.time, *parse_rfc3339("2026-01-05T10:03:00Z"));
  EXPECT_EQ(signal.summary, "GuardrailBypassRate: more bypasses than usual");
  EXPECT_EQ(signal.evidence, "http://prom/graph?g0");
  EXPECT_EQ(signal.dedupe_key, "alertmanager:1badb0c76cee4041:2026-01-05T10:03:00.000000000Z");
}

// OnCall issue 5091: duplicates for each groupKey. The group is not the identity.
TEST(Alertmanager, KnowsAnAlertByFingerprintAndStartWhateverItsGroupAndZone) {
  Json other = notification();
  other["groupKey"] = "{}:{}";
  other["receiver"] = "second";
  other["alerts"][0]["startsAt"] = "2026-01-05T11:03:00.000+01:00";
  EXPECT_EQ(read(other).signals[0].dedupe_key, read(notification()).signals[0].dedupe_key);
  Json again = notification();
  again["alerts"][0]["startsAt"] = "2026-01-05T10:04:00Z";
  EXPECT_NE(read(again).signals[0].dedupe_key, read(notification()).signals[0].dedupe_key)
      << "it fired anew";
  Json twice = notification();
  twice["alerts"].push_back(twice["alerts"][0]);
  EXPECT_EQ(read(twice).signals.size(), 1U);
}

// Keep issue 3418: an incident was made from an alert that did not fire.
TEST(Alertmanager, AResolvedAlertIsAnEndAndNeverASignalWhateverItsLabels) {
  Json body = notification();
  body["alerts"][0]["status"] = "resolved";
  body["alerts"][0]["endsAt"] = "2026-01-05T10:08:00Z";
  body["alerts"][0]["labels"].erase("cordon_class");
  const AlertBatch batch = read(body);
  EXPECT_TRUE(batch.signals.empty());
  EXPECT_TRUE(batch.refused.empty());
  ASSERT_EQ(batch.ends.size(), 1U);
  EXPECT_EQ(batch.ends[0].time, *parse_rfc3339("2026-01-05T10:08:00Z"));
  EXPECT_EQ(batch.ends[0].dedupe_key, read(notification()).signals[0].dedupe_key);
  body["alerts"][0]["endsAt"] = "0001-01-01T00:00:00Z";
  EXPECT_EQ(read(body).ends[0].time, kNow);
}

// The status of the group says nothing about one alert in it: grafana issue 42683.
TEST(Alertmanager, TakesTheStatusOfEachAlertAndNotOfTheGroup) {
  Json body = notification();
  body["alerts"].push_back(body["alerts"][0]);
  body["alerts"][1]["fingerprint"] = "2badb0c76cee4041";
  body["alerts"][1]["status"] = "resolved";
  body["status"] = "firing";
  EXPECT_EQ(read(body).signals.size(), 1U);
  EXPECT_EQ(read(body).ends.size(), 1U);
}

TEST(Alertmanager, RefusesAnUnknownClassWithTheNearestAndNeverGuesses) {
  Json body = notification();
  body["alerts"].push_back(body["alerts"][0]);
  body["alerts"][1]["fingerprint"] = "2badb0c76cee4041";
  body["alerts"][1]["labels"]["cordon_class"] = "prompt_injection";
  const AlertBatch batch = read(body);
  EXPECT_EQ(batch.signals.size(), 1U) << "the other is not lost";
  ASSERT_EQ(batch.refused.size(), 1U);
  EXPECT_EQ(batch.refused[0].fingerprint, "2badb0c76cee4041");
  EXPECT_NE(batch.refused[0].reason.find("nearest is prompt_injection_bypass"), std::string::npos)
      << batch.refused[0].reason;
  body["alerts"][1]["labels"].erase("cordon_class");
  EXPECT_NE(read(body).refused.at(0).reason.find("cordon_class"), std::string::npos);
}

TEST(Alertmanager, ReadsClassScopeAndSeverityAsItIsTold) {
  Json body = notification();
  Json& labels = body["alerts"][0]["labels"];
  labels = {{"alertname", "Drift"},
            {"tenant", "acme"},
            {"cordon_tenant", "umbrella"},
            {"model", "large"},
            {"severity", "page"}};
  AlertmanagerOptions options;
  options.classes = {{"Drift", model::IncidentClass::policy_drift}};
  const Signal signal = read(body, options).signals.at(0);
  EXPECT_EQ(signal.of_class, model::IncidentClass::policy_drift);
  EXPECT_EQ(signal.scope.text(), "model=large,tenant=umbrella");
  EXPECT_EQ(signal.severity, 0) << "'page' is no statement about severity";
  labels = {{"alertname", "Drift"}, {"cordon_severity", "SEV-2"}};
  EXPECT_EQ(read(body, options).signals.at(0).severity, 2);
  EXPECT_EQ(read(body, options).signals.at(0).scope.text(), "route=*");
  labels["cordon_severity"] = "SEV-0";
  EXPECT_NE(read(body, options).refused.at(0).reason.find("SEV-1"), std::string::npos);
  labels = {{"alertname", "Drift"}, {"route", "a,tenant=b"}};
  EXPECT_EQ(read(body, options).refused.size(), 1U) << "one label cannot name two dimensions";
}

TEST(Alertmanager, RefusesAPayloadOfSomebodysOwn) {
  EXPECT_EQ(refusal({{"text", "alert!"}}).code, Errc::invalid);
  EXPECT_NE(refusal({{"text", "alert!"}}).detail.find("payload"), std::string::npos);
  Json body = notification();
  body["version"] = "5";
  EXPECT_NE(refusal(body).detail.find("'version' is \"5\""), std::string::npos);
  body = notification();
  body["version"] = 4;
  EXPECT_EQ(refusal(body).code, Errc::invalid);
  body = notification();
  body["alerts"] = "none";
  EXPECT_EQ(refusal(body).code, Errc::invalid);
  EXPECT_EQ(refusal(Json::array()).code, Errc::invalid);
}

TEST(Alertmanager, BoundsCountsAndSizes) {
  Json body = notification();
  const Json one = body["alerts"][0];
  for (int i = 0; i < 1'000; ++i) body["alerts"].push_back(one);
  EXPECT_EQ(refusal(body).code, Errc::exhausted);
  body = notification();
  body["alerts"][0]["labels"]["big"] = std::string(1'025, 'x');
  EXPECT_NE(read(body).refused.at(0).reason.find("1024"), std::string::npos);
  body = notification();
  for (int i = 0; i < 65; ++i) body["alerts"][0]["labels"]["l" + std::to_string(i)] = "x";
  EXPECT_EQ(read(body).refused.size(), 1U);
  body = notification();
  body["alerts"][0]["annotations"]["summary"] = std::string(600, 'a') + std::string(423, 'b');
  EXPECT_LE(read(body).signals.at(0).summary.size(), kSummaryBytesMax);
}

TEST(Alertmanager, SaysHowManyTheSenderLeftOut) {
  Json body = notification();
  body["truncatedAlerts"] = 7;
  const AlertBatch batch = read(body);
  EXPECT_EQ(batch.truncated, 7U);
  EXPECT_EQ(batch.signals.at(0).numbers["truncated_alerts"], 7);
  body["truncatedAlerts"] = -1;
  EXPECT_EQ(read(body).truncated, 0U);
}

// Whatever one alert is made of, it is refused by itself and the others are taken.
TEST(Alertmanager, ABrokenAlertTakesNoOtherWithIt) {
  for (const Json& broken :
       {Json(), Json(7), Json("x"), Json::array(), Json::object(), Json{{"fingerprint", "f"}},
        Json{{"fingerprint", "f"}, {"status", "maybe"}},
        Json{{"fingerprint", "f"}, {"status", "firing"}, {"startsAt", "yesterday"}},
        Json{{"fingerprint", "f"},
             {"status", "firing"},
             {"startsAt", "2026-01-05T10:03:00Z"},
             {"labels", "x"}},
        Json{{"fingerprint", "f"},
             {"status", "firing"},
             {"startsAt", "2026-01-05T10:03:00Z"},
             {"labels", {{"a", 1}}}},
        Json{{"fingerprint", 9}, {"labels", 9}}}) {
    Json body = notification();
    body["alerts"].push_back(broken);
    const AlertBatch batch = read(body);
    EXPECT_EQ(batch.signals.size(), 1U) << broken.dump();
    EXPECT_EQ(batch.refused.size(), 1U) << broken.dump();
  }
}

TEST(SignalEnd, IsReadBackAsItWasWrittenAndRefusedOtherwise) {
  const SignalEnd end{SignalSource::alert, "alertmanager:f:t", kSender, kNow};
  model::Entry entry;
  entry.kind = model::EntryKind::signal_end;
  entry.body = to_body(end);
  const auto read_back = parse_signal_end(entry);
  ASSERT_TRUE(read_back.has_value()) << read_back.error().detail;
  EXPECT_EQ(read_back->dedupe_key, end.dedupe_key);
  EXPECT_EQ(read_back->time, end.time);
  EXPECT_EQ(read_back->reporter, end.reporter);
  entry.body.erase("time");
  EXPECT_EQ(parse_signal_end(entry).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace cordon::detect
