#include "detect/alertmanager.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace cordon::detect {
namespace {

using codec::Json;
using Labels = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t kLabelBytesMax = 1'024;
constexpr std::size_t kLabelsBytesMax = 8 * 1'024;  ///< of all labels of one alert together
constexpr std::size_t kFingerprintBytesMax = 64;
constexpr std::string_view kSeverityLabel = "cordon_severity";

/// One alert as it was sent.
struct Alert {
  std::string fingerprint;
  std::string status;
  WallTime starts_at{};
  std::optional<WallTime> ends_at;
  Labels labels;
  std::string summary;
  std::string generator_url;

  [[nodiscard]] std::string name() const {
    const auto found = labels.find("alertname");
    return found == labels.end() ? std::string() : found->second;
  }
};

std::string text_at(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// At most `max` bytes, without half a character at the end.
std::string cut(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

Result<Labels> labels_at(const Json& alert, std::string_view key, std::size_t labels_max) {
  Labels labels;
  const auto found = alert.find(key);
  if (found == alert.end() || found->is_null()) return labels;
  if (!found->is_object()) return fail(Errc::invalid, fmt::format("'{}' is no object", key));
  if (found->size() > labels_max) {
    return fail(Errc::exhausted,
                fmt::format("{} {}, at most {} are taken", found->size(), key, labels_max));
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) {
      return fail(Errc::invalid, fmt::format("'{}' in {} is no text", cut(name, 64), key));
    }
    std::string text = value.template get<std::string>();
    bytes += name.size() + text.size();
    if (name.size() > kLabelBytesMax || text.size() > kLabelBytesMax || bytes > kLabelsBytesMax) {
      return fail(Errc::exhausted, fmt::format("{} are larger than {} bytes each or {} together",
                                               key, kLabelBytesMax, kLabelsBytesMax));
    }
    labels.emplace(name, std::move(text));
  }
  return labels;
}

Result<Alert> read_alert(const Json& json, const AlertmanagerOptions& options) {
  Alert alert;
  alert.fingerprint = text_at(json, "fingerprint");
  if (alert.fingerprint.empty() || alert.fingerprint.size() > kFingerprintBytesMax) {
    return fail(Errc::invalid, "an alert without a fingerprint");
  }
  alert.status = text_at(json, "status");
  if (alert.status != "firing" && alert.status != "resolved") {
    return fail(Errc::invalid,
                fmt::format("the status '{}', expected firing or resolved", cut(alert.status, 40)));
  }
  CORDON_TRY(alert.starts_at, parse_rfc3339(text_at(json, "startsAt")));
  // While it fires this is the year 1, or when it would be over if nobody sent it again.
  if (alert.status == "resolved") {
    if (auto end = parse_rfc3339(text_at(json, "endsAt"))) alert.ends_at = *end;
  }
  CORDON_TRY(alert.labels, labels_at(json, "labels", options.labels_max));
  CORDON_TRY(const Labels annotations, labels_at(json, "annotations", options.labels_max));
  for (const char* key : {"summary", "title", "description"}) {
    const auto found = annotations.find(key);
    if (alert.summary.empty() && found != annotations.end()) alert.summary = found->second;
  }
  alert.generator_url = cut(text_at(json, "generatorURL"), kEvidenceBytesMax);
  return alert;
}

std::string key_of(const Alert& alert) {
  return fmt::format("alertmanager:{}:{}", alert.fingerprint, format_rfc3339(alert.starts_at));
}

Result<model::IncidentClass> class_of(const Alert& alert, const AlertmanagerOptions& options) {
  if (const auto label = alert.labels.find(options.class_label); label != alert.labels.end()) {
    return model::parse_incident_class(label->second);
  }
  if (const auto known = options.classes.find(alert.name()); known != options.classes.end()) {
    return known->second;
  }
  return fail(Errc::invalid, fmt::format("no class: give the alert a label {}, or name it under "
                                         "ingest.alertmanager.classes",
                                         options.class_label));
}

/// `cordon_route` or `route`, and so for each dimension. `*` is said by naming nothing else.
Result<model::Scope> scope_of(const Alert& alert, const AlertmanagerOptions& options) {
  std::string text;
  for (std::size_t i = 0; i < model::kDimensionCount; ++i) {
    const std::string_view name = model::to_string(static_cast<model::Dimension>(i));
    auto label = alert.labels.find(fmt::format("cordon_{}", name));
    if (label == alert.labels.end()) label = alert.labels.find(name);
    if (label == alert.labels.end() || label->second.empty()) continue;
    if (label->second.find_first_of(",=\"") != std::string::npos) {
      return fail(Errc::invalid,
                  fmt::format("the label {} is no name: it holds ',', '=' or '\"'", label->first));
    }
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, label->second);
  }
  return model::Scope::parse(text.empty() ? options.scope : text);
}

/// Its own label must be one of ours; of the usual one, the words that are not are no statement.
Result<std::uint8_t> severity_of(const Alert& alert) {
  const auto own = alert.labels.find(kSeverityLabel);
  if (own != alert.labels.end()) return parse_stated_severity(own->second);
  constexpr std::array<std::pair<std::string_view, std::uint8_t>, 3> kUsual = {
      {{"critical", 1}, {"error", 2}, {"warning", 3}}};
  const auto usual = alert.labels.find("severity");
  for (const auto& [word, severity] : kUsual) {
    if (usual != alert.labels.end() && usual->second == word) return severity;
  }
  return std::uint8_t{0};
}

Result<Signal> signal_of(const Alert& alert, const AlertmanagerOptions& options,
                         const model::Actor& reporter, const Json& body) {
  Signal signal;
  signal.source = SignalSource::alert;
  signal.reporter = reporter;
  CORDON_TRY(signal.of_class, class_of(alert, options));
  CORDON_TRY(signal.scope, scope_of(alert, options));
  CORDON_TRY(signal.severity, severity_of(alert));
  signal.time = alert.starts_at;
  const std::string name = alert.name();
  signal.summary =
      cut(name.empty() || alert.summary.empty() ? name + alert.summary
                                                : fmt::format("{}: {}", name, alert.summary),
          kSummaryBytesMax);
  if (signal.summary.empty()) signal.summary = "an alert without a name";
  signal.dedupe_key = key_of(alert);
  signal.evidence = alert.generator_url;
  signal.numbers = {{"fingerprint", alert.fingerprint},
                    {"receiver", cut(text_at(body, "receiver"), 255)},
                    {"alertmanager", cut(text_at(body, "externalURL"), 255)},
                    {"labels", alert.labels}};
  return signal;
}

/// What every version 4 notification has, whatever else is in it.
Result<const Json*> alerts_of(const Json& body, const AlertmanagerOptions& options) {
  const auto version = body.find("version");
  if (version == body.end() || !version->is_string() || version->get<std::string>() != "4") {
    return fail(Errc::invalid,
                fmt::format("no Alertmanager notification of version \"4\": 'version' is {}; if "
                            "the receiver has a payload of its own, remove it",
                            version == body.end() ? "missing" : cut(version->dump(), 40)));
  }
  const auto alerts = body.find("alerts");
  if (alerts == body.end() || !alerts->is_array()) {
    return fail(Errc::invalid,
                "an Alertmanager notification without the list 'alerts'; if the receiver has a "
                "payload of its own, remove it");
  }
  if (alerts->size() > options.alerts_max) {
    return fail(Errc::exhausted,
                fmt::format("{} alerts in one notification, at most {} are taken; set max_alerts "
                            "of the receiver",
                            alerts->size(), options.alerts_max));
  }
  return &*alerts;
}

}  // namespace

Result<AlertBatch> read_alertmanager(const Json& body, const AlertmanagerOptions& options,
                                     const model::Actor& reporter, WallTime now) {
  if (!body.is_object()) return fail(Errc::invalid, "a notification that is no JSON object");
  CORDON_TRY(const Json* alerts, alerts_of(body, options));
  AlertBatch batch;
  const auto truncated = body.find("truncatedAlerts");
  if (truncated != body.end() && truncated->is_number_integer()) {
    batch.truncated =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, truncated->get<std::int64_t>()));
  }
  std::set<std::pair<std::string, bool>> seen;  ///< key, and whether it fires
  for (const Json& one : *alerts) {
    auto alert = read_alert(one, options);
    if (!alert) {
      const bool object = one.is_object();
      batch.refused.push_back(
          {object && one.contains("labels") && one["labels"].is_object()
               ? cut(text_at(one["labels"], "alertname"), 128)
               : std::string(),
           object ? cut(text_at(one, "fingerprint"), kFingerprintBytesMax) : std::string(),
           alert.error().detail});
      continue;
    }
    const bool fires = alert->status == "firing";
    if (!seen.emplace(key_of(*alert), fires).second) continue;
    if (!fires) {
      batch.ends.push_back(
          {SignalSource::alert, key_of(*alert), reporter, alert->ends_at.value_or(now)});
      continue;
    }
    auto signal = signal_of(*alert, options, reporter, body);
    if (!signal) {
      batch.refused.push_back({cut(alert->name(), 128), alert->fingerprint, signal.error().detail});
      continue;
    }
    if (batch.truncated > 0) signal->numbers["truncated_alerts"] = batch.truncated;
    batch.signals.push_back(*std::move(signal));
  }
  return batch;
}

}  // namespace cordon::detect
