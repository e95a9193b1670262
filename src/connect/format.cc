#include "connect/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::connect {
namespace {

using codec::Json;
using model::Message;

constexpr std::size_t kHeaderCharsMax = 140;
constexpr std::size_t kSectionCharsMax = 600;  // an escaped character may take five
constexpr std::size_t kSectionsMax = 45;

/// The longest prefix of at most `max` bytes that does not cut a character.
std::string_view head_of(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

/// One table, published: a severity as CloudEvents and loggers count it, rising with badness.
std::pair<int, std::string_view> severity_number(std::string_view severity) {
  if (severity == "SEV-1") return {21, "FATAL"};
  if (severity == "SEV-2") return {17, "ERROR"};
  if (severity == "SEV-3") return {13, "WARN"};
  return {9, "INFO"};
}

Posted cloud_event(const Message& message) {
  const auto [number, word] = severity_number(message.severity);
  const bool page = !message.page.empty();
  Json data = {{"incident", message.incident}};
  if (page) {
    data["page"] = message.page;
    data["person"] = message.person;
  } else {
    data["update"] = message.update;
  }
  data.update({{"audience", message.audience},
               {"severity", message.severity},
               {"state", message.state},
               {"title", message.title},
               {"text", message.text}});
  const Json event = {{"specversion", "1.0"},
                      {"type", page ? "dev.cordon.page.v1" : "dev.cordon.update.v1"},
                      {"source", message.source},
                      {"id", message.key},
                      {"time", format_rfc3339(message.sent_at)},
                      {"subject", message.incident.empty() ? message.page : message.incident},
                      {"severitynumber", number},
                      {"severitytext", word},
                      {"datacontenttype", "application/json"},
                      {"data", std::move(data)}};
  return {"application/cloudevents+json", codec::write_json(event)};
}

/// What PagerDuty calls a severity; one that is not known yet is no reason to whisper.
std::string_view pagerduty_severity(std::string_view severity) {
  if (severity == "SEV-1") return "critical";
  if (severity == "SEV-3") return "warning";
  return "error";
}

/// One alert for each page: a further trigger of an alert that is open would call nobody.
Posted pagerduty(const Message& message, std::string_view routing_key) {
  constexpr std::size_t kSummaryBytesMax = 1'024;
  const Json details = {{"incident", message.incident}, {"page", message.page},
                        {"person", message.person},     {"audience", message.audience},
                        {"state", message.state},       {"text", message.text}};
  const std::string summary = fmt::format("{}: {}", message.title, message.text);
  const std::size_t line = std::min(summary.find('\n'), summary.size());
  const Json event = {
      {"routing_key", routing_key},
      {"event_action", "trigger"},
      {"dedup_key", fmt::format("cordon:{}:{}", message.incident, message.page)},
      {"payload",
       {{"summary", head_of(std::string_view(summary).substr(0, line), kSummaryBytesMax)},
        {"source", message.source},
        {"severity", pagerduty_severity(message.severity)},
        {"timestamp", format_rfc3339(message.sent_at)},
        {"component", "cordon"},
        {"group", message.incident},
        {"custom_details", details}}},
      {"client", "Cordon"}};
  return {"application/json", codec::write_json(event)};
}

Json plain_text(std::string_view text) {
  return {{"type", "plain_text"}, {"text", text}, {"emoji", false}};
}

Posted slack(const Message& message) {
  Json blocks = Json::array();
  blocks.push_back({{"type", "header"},
                    {"text", plain_text(escape_slack(head_of(message.title, kHeaderCharsMax)))}});
  std::string_view rest = message.text;
  for (std::size_t i = 0; i < kSectionsMax && !rest.empty(); ++i) {
    const std::string_view piece = head_of(rest, kSectionCharsMax);
    blocks.push_back({{"type", "section"}, {"text", plain_text(escape_slack(piece))}});
    rest.remove_prefix(piece.size());
  }
  const Json body = {{"text", escape_slack(message.title + "\n" + message.text)},
                     {"mrkdwn", false},
                     {"unfurl_links", false},
                     {"unfurl_media", false},
                     {"link_names", false},
                     {"parse", "none"},
                     {"blocks", std::move(blocks)}};
  return {"application/json", codec::write_json(body)};
}

Posted mattermost(const Message& message) {
  const Json body = {{"text", fmt::format("**{}**\n\n{}", escape_mattermost(message.title),
                                          escape_mattermost(message.text))}};
  return {"application/json", codec::write_json(body)};
}

}  // namespace

std::string escape_slack(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string escape_mattermost(std::string_view text) {
  constexpr std::string_view kMarkdown = R"(\`*_{}[]()#+-.!|~>)";
  constexpr std::string_view kZeroWidthSpace = "\u200B";
  std::string out;
  out.reserve(text.size() * 5 / 4);
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '@') {
      out += c;
      out += kZeroWidthSpace;
    } else {
      if (kMarkdown.find(c) != kMarkdown.npos) out += '\\';
      out += c;
    }
  }
  return out;
}

Posted format(model::ConnectorKind kind, const Message& message, std::string_view routing_key) {
  switch (kind) {
    case model::ConnectorKind::pagerduty:
      return pagerduty(message, routing_key);
    case model::ConnectorKind::slack:
      return slack(message);
    case model::ConnectorKind::mattermost:
      return mattermost(message);
    case model::ConnectorKind::webhook:
      break;
  }
  return cloud_event(message);
}

}  // namespace cordon::connect
