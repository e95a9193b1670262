#include "model/internal/config_signals.h"

#include "model/internal/yaml_fields.h"

#include <array>
#include <optional>
#include <set>

namespace cordon::model::internal {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, kIncidentClassCount> kClasses = {
    "prompt_injection_bypass", "unsafe_output", "data_leakage", "policy_drift"};
constexpr std::array<std::string_view, 2> kDetectorKinds = {"burst", "canary"};
constexpr std::array<std::string_view, 3> kLevels = {"SEV-1", "SEV-2", "SEV-3"};
constexpr Milliseconds kDay = std::chrono::hours(24);

/// A token must never be met by chance. What is refused is never repeated: it may be a secret.
Status check_token(const YamlNode& item, std::string_view token) {
  if (token.size() < 8 || token.size() > 256) {
    return tl::make_unexpected(
        item.error("found a token of another size, expected 8 to 256 bytes"));
  }
  const auto has = [token](auto is) { return std::any_of(token.begin(), token.end(), is); };
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!has(is_letter) || !has(is_digit)) {
    return tl::make_unexpected(
        item.error("found a token that answers may hold by chance, a word or a number, expected "
                   "letters and digits mixed, like the ones of a random id"));
  }
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (printable) return {};
  return tl::make_unexpected(
      item.error("found blanks or other signs in a token, expected printable ASCII"));
}

Status read_detector(const YamlNode& node, DetectorConfig& detector) {
  static constexpr std::array<std::string_view, 8> kKeys = {
      "name", "kind", "class", "window", "baseline", "min_count", "false_alarms_per_day", "tokens"};
  CORDON_CHECK(node.check_keys(kKeys));
  CORDON_CHECK(node.require("kind"));
  CORDON_CHECK(read_word(node, "kind", kDetectorKinds, detector.kind));
  CORDON_CHECK(read_word(node, "class", kClasses, detector.of_class));
  if (detector.kind == DetectorKind::canary) {
    for (const std::string_view key : {"window", "baseline", "min_count", "false_alarms_per_day"}) {
      if (const YamlNode* stray = node.find(key)) {
        return tl::make_unexpected(
            stray->error(fmt::format("found {}, expected it only on a burst detector", key)));
      }
    }
    CORDON_TRY(const YamlNode* tokens, node.require("tokens"));
    if (tokens->items().empty()) {
      return tl::make_unexpected(tokens->error("found no token, expected at least one"));
    }
    return each(node, "tokens", 1'000, [&](const YamlNode& item) -> Status {
      CORDON_TRY(std::string token, item.as_nonempty_string());
      CORDON_CHECK(check_token(item, token));
      detector.tokens.push_back(std::move(token));
      return {};
    });
  }
  if (const YamlNode* stray = node.find("tokens")) {
    return tl::make_unexpected(
        stray->error("found tokens, expected them only on a canary detector"));
  }
  CORDON_CHECK(read_duration(node, "window", 1s, 1h, detector.window));
  CORDON_CHECK(read_duration(node, "baseline", 1min, 30 * kDay, detector.baseline));
  CORDON_CHECK(read_count(node, "min_count", 1, 1'000'000, detector.min_count));
  CORDON_CHECK(
      read_number(node, "false_alarms_per_day", 0.000001, 1000, detector.false_alarms_per_day));
  if (detector.baseline < detector.window) {
    return tl::make_unexpected(
        node.error("found a baseline shorter than the window, expected at "
                   "least the window"));
  }
  return {};
}

/// `severity: {SEV-1: {records: 100}, SEV-2: {exchanges: 1}, SEV-3: {}}`: a level may be left out,
/// and then keeps its defaults; what is written must be a map, because no level can be taken away.
Result<const YamlNode*> level(const YamlNode& severity, std::string_view name) {
  const YamlNode* const node = severity.find(name);
  if (node == nullptr || node->is_mapping()) return node;
  return tl::make_unexpected(
      node->expected(fmt::format("a map of thresholds: {} cannot be taken away", name)));
}

/// A threshold of SEV-1, which may stand in its level or directly under `severity`, not in both.
Result<const YamlNode*> threshold(const YamlNode& severity, const YamlNode* first,
                                  std::string_view key) {
  const YamlNode* const flat = severity.find(key);
  const YamlNode* const nested = first == nullptr ? nullptr : first->find(key);
  if (flat == nullptr || nested == nullptr) return nested != nullptr ? nested : flat;
  return tl::make_unexpected(nested->error(
      fmt::format("found {} a second time, expected it once (it stands on line {} for SEV-1)", key,
                  flat->line())));
}

/// Each exchange that delivers harm delivers a record at least, so SEV-2 must begin below SEV-1.
Status check_room(const SeverityConfig& severity, const YamlNode& root_node,
                  const YamlNode* exchanges, const YamlNode* records) {
  // Any record at all as SEV-1 is a choice; a SEV-2 that could never be is a mistake.
  const bool chosen = severity.records == 1 && exchanges == nullptr;
  if (severity.exchanges < severity.records || chosen) return {};
  const YamlNode& at = exchanges != nullptr ? *exchanges
                       : records != nullptr ? *records
                                            : root_node;
  const std::string first =
      records != nullptr ? fmt::format("line {}", records->line()) : std::string("the default");
  return tl::make_unexpected(at.error(
      fmt::format("SEV-2 from {} exchanges and SEV-1 from {} records ({}) overlap, expected SEV-2 "
                  "to begin below SEV-1",
                  severity.exchanges, severity.records, first)));
}

Status read_alert_classes(const YamlNode& alertmanager, IngestConfig& ingest) {
  std::set<std::string> seen;
  return each(alertmanager, "classes", 1'000, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 2> kKeys = {"alert", "class"};
    CORDON_CHECK(node.check_keys(kKeys));
    AlertClass one;
    CORDON_TRY(const YamlNode* alert, node.require("alert"));
    CORDON_TRY(one.alert, alert->as_nonempty_string());
    CORDON_CHECK(node.require("class"));
    CORDON_CHECK(read_word(node, "class", kClasses, one.of_class));
    if (!seen.insert(one.alert).second) {
      return tl::make_unexpected(alert->error(
          fmt::format("found the alert '{}' a second time, expected each once", one.alert)));
    }
    ingest.classes.push_back(std::move(one));
    return {};
  });
}

Status read_alertmanager(const YamlNode& ingest_node, IngestConfig& ingest) {
  const YamlNode* node = section(ingest_node, "alertmanager");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 3> kKeys = {"class_label", "classes", "scope"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_text(*node, "class_label", ingest.class_label));
  CORDON_CHECK(read_alert_classes(*node, ingest));
  if (const YamlNode* scope = node->find("scope")) {
    CORDON_TRY(const std::string text, scope->as_nonempty_string());
    const auto parsed = Scope::parse(text);
    if (!parsed) return tl::make_unexpected(scope->error(parsed.error().detail));
    ingest.scope = parsed->text();
  }
  return {};
}

}  // namespace

std::vector<DetectorConfig> default_detectors() {
  std::vector<DetectorConfig> detectors;
  for (const auto of : {IncidentClass::data_leakage, IncidentClass::prompt_injection_bypass,
                        IncidentClass::unsafe_output, IncidentClass::policy_drift}) {
    DetectorConfig detector;
    detector.name = fmt::format("burst-{}", to_string(of));
    detector.of_class = of;
    detectors.push_back(std::move(detector));
  }
  return detectors;
}

Status read_detectors(const YamlNode& root, std::vector<DetectorConfig>& out) {
  if (section(root, "detectors") == nullptr) {
    out = default_detectors();
    return {};
  }
  Names names("detector");
  return each(root, "detectors", 1'000, [&](const YamlNode& node) -> Status {
    DetectorConfig detector;
    CORDON_TRY(detector.name, names.take(node));
    CORDON_CHECK(read_detector(node, detector));
    out.push_back(std::move(detector));
    return {};
  });
}

Status read_severity(const YamlNode& root, SeverityConfig& severity) {
  const YamlNode* node = section(root, "severity");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 8> kKeys = {
      "SEV-1", "SEV-2", "SEV-3", "tenants", "records", "route_percent", "window", "unset_from"};
  CORDON_CHECK(node->check_keys(kKeys));
  static constexpr std::array<std::string_view, 3> kFirst = {"tenants", "records", "route_percent"};
  static constexpr std::array<std::string_view, 1> kSecond = {"exchanges"};
  CORDON_TRY(const YamlNode* first, level(*node, kLevels[0]));
  CORDON_TRY(const YamlNode* second, level(*node, kLevels[1]));
  CORDON_TRY(const YamlNode* third, level(*node, kLevels[2]));
  if (first != nullptr) CORDON_CHECK(first->check_keys(kFirst));
  if (second != nullptr) CORDON_CHECK(second->check_keys(kSecond));
  if (third != nullptr && !third->entries().empty()) {
    return tl::make_unexpected(
        third->error("found a threshold, expected none: a SEV-3 is what reaches no other"));
  }
  CORDON_TRY(const YamlNode* tenants, threshold(*node, first, "tenants"));
  CORDON_TRY(const YamlNode* records, threshold(*node, first, "records"));
  CORDON_TRY(const YamlNode* percent, threshold(*node, first, "route_percent"));
  const YamlNode* const exchanges = second == nullptr ? nullptr : second->find("exchanges");
  const auto count = [](const YamlNode* from, std::int64_t max, std::uint32_t& out) -> Status {
    if (from == nullptr) return {};
    CORDON_TRY(const std::int64_t value, from->as_int(1, max));
    out = static_cast<std::uint32_t>(value);
    return {};
  };
  CORDON_CHECK(count(tenants, 1'000'000, severity.tenants));
  CORDON_CHECK(count(records, 1'000'000'000, severity.records));
  CORDON_CHECK(count(exchanges, 1'000'000, severity.exchanges));
  if (percent != nullptr) {
    CORDON_TRY(severity.route_percent, percent->as_double(0.0001, 100));
  }
  CORDON_CHECK(check_room(severity, *node, exchanges, records));
  CORDON_CHECK(read_duration(*node, "unset_from", 1s, 1h, severity.unset_counts_from));
  return read_duration(*node, "window", 1min, 1h, severity.window);
}

Status read_ingest(const YamlNode& root, IngestConfig& ingest) {
  const YamlNode* node = section(root, "ingest");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"alertmanager", "reports_per_minute"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_count(*node, "reports_per_minute", 1, 10'000, ingest.reports_per_minute));
  return read_alertmanager(*node, ingest);
}

Status read_escalation(const YamlNode& root, EscalationConfig& escalation) {
  CORDON_CHECK(each(root, "rota", 100, [&](const YamlNode& item) -> Status {
    CORDON_TRY(std::string person, as_name(item));
    if (std::find(escalation.rota.begin(), escalation.rota.end(), person) !=
        escalation.rota.end()) {
      return tl::make_unexpected(
          item.error(fmt::format("found '{}' a second time, expected each person once", person)));
    }
    escalation.rota.push_back(std::move(person));
    return {};
  }));
  const YamlNode* node = section(root, "escalation");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"accept", "contain"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_duration(*node, "accept", 1s, 1h, escalation.accept));
  return read_duration(*node, "contain", 1s, 4h, escalation.contain);
}

}  // namespace cordon::model::internal
