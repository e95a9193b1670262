// Switches, modes, fallbacks and rollbacks: preview, set, look at, approve, renew, release.
#include "cli/internal/session.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace cordon::cli::internal {
namespace {

constexpr std::uint64_t kNumberMax = std::numeric_limits<std::int64_t>::max();

const std::vector<Column> kLines = {{"id", "id"},
                                    {"kind", "kind"},
                                    {"scope", "scope"},
                                    {"mode", "mode"},
                                    {"generation", "generation"},
                                    {"state", "state"},
                                    {"glass broken", "break_glass"},
                                    {"reason", "reason"},
                                    {"by", "by"},
                                    {"approved by", "approved_by"},
                                    {"incident", "incident"},
                                    {"set", "set_at", Show::time},
                                    {"expires", "expires_at", Show::time},
                                    {"told again", "paged_at", Show::time},
                                    {"release asked for by", "release_requested_by"}};

/// `acme 12, beta 3`, the most first; at most eight.
std::string most(const codec::Json& touched, const char* key) {
  const auto found = touched.find(key);
  if (found == touched.end() || !found->is_object()) return "-";
  std::vector<std::pair<std::uint64_t, std::string>> names;
  for (const auto& [name, count] : found->items()) {
    if (count.is_number_unsigned()) names.emplace_back(count.get<std::uint64_t>(), name);
  }
  std::sort(names.begin(), names.end(), std::greater<>());
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", names[i].second, names[i].first);
  }
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text.empty() ? "none" : text;
}

void print_touched(Session& session, std::string_view title, const codec::Json& touched) {
  if (touched.contains("unknown")) {
    session.print_line(fmt::format("{}: unknown: {}", title, show(touched, "unknown")));
    return;
  }
  session.print_line(fmt::format("{}: {} exchanges", title, show(touched, "exchanges")));
  if (show(touched, "exchanges") == "0") return;
  for (const char* key : {"routes", "targets", "tenants", "use_cases"}) {
    session.print_line(fmt::format("  {:<10} {}", key, printable(most(touched, key))));
  }
}

void print_preview(Session& session, const codec::Json& preview) {
  session.print_line(fmt::format("scope {}", show(preview, "scope")));
  const auto recent = preview.find("recent");
  const auto running = preview.find("running");
  if (recent == preview.end() || running == preview.end()) return;
  print_touched(session, fmt::format("in the last {}", show(*recent, "window")), *recent);
  print_touched(session, "running now", *running);
}

void print_receipt(Session& session, const codec::Json& receipt) {
  session.print(make_list(receipt, {{"containment", "containment"},
                                    {"generation", "generation"},
                                    {"streams cut", "streams_cut"},
                                    {"partial", "partial"}}));
  const auto nodes = receipt.find("nodes");
  if (nodes == receipt.end()) return;
  session.print(make_table(*nodes, {{"NODE", "node"},
                                    {"ACKED", "acked"},
                                    {"THREADS", "threads"},
                                    {"STREAMS CUT", "streams_cut"},
                                    {"LAST BYTE", "last_byte_at"}})
                    .text(session.width()));
}

void print_containment(Session& session, const codec::Json& containment) {
  session.print(make_list(containment, kLines));
}

}  // namespace

void print_contained(Session& session, const codec::Json& contained) {
  if (print_asked(session, contained)) return;
  const auto measure = contained.find("containment");
  const auto receipt = contained.find("receipt");
  if (measure == contained.end() || receipt == contained.end()) return;
  print_containment(session, *measure);
  print_receipt(session, *receipt);
  const auto blast = contained.find("blast_radius");
  if (blast == contained.end()) return;
  print_touched(session, fmt::format("in scope in the last {}", show(*blast, "window")), *blast);
}

namespace {

std::string path_of(const Values& values, std::string_view act) {
  return "/api/v1/containments/" + segment(values.text("id")) + std::string(act);
}

codec::Json set_body(const Values& values) {
  codec::Json body = {{"reason", values.text("reason")}, {"expires_in", values.text("expires-in")}};
  if (const auto incident = values.optional("incident")) body["incident"] = *incident;
  return body;
}

Done set_switch(Session& session, const Values& values) {
  codec::Json body = set_body(values);
  body["scope"] = values.text("scope");
  return session.show(session.post("/api/v1/switches", body), print_contained);
}

Done set_mode(Session& session, const Values& values) {
  codec::Json body = set_body(values);
  body["scope"] = values.text("scope");
  body["mode"] = values.text("mode");
  return session.show(session.post("/api/v1/modes", body), print_contained);
}

Done set_fallback(Session& session, const Values& values) {
  codec::Json body = set_body(values);
  body["route"] = values.text("route");
  if (const auto glass = values.optional("break-glass")) body["break_glass"] = *glass;
  return session.show(session.post("/api/v1/fallbacks", body), print_contained);
}

Done set_rollback(Session& session, const Values& values) {
  codec::Json body = set_body(values);
  CORDON_TRY(body["generation"], values.number_or("generation", 0, 1, kNumberMax));
  return session.show(session.post("/api/v1/rollbacks", body), print_contained);
}

Done preview(Session& session, const Values& values) {
  return session.show(session.get("/api/v1/preview?" + query("scope", values.text("scope"))),
                      print_preview);
}

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/containments"),
                            {{"ID", "id"},
                             {"KIND", "kind"},
                             {"SCOPE", "scope"},
                             {"MODE", "mode"},
                             {"GENERATION", "generation"},
                             {"STATE", "state"},
                             {"BY", "by"},
                             {"INCIDENT", "incident"},
                             {"EXPIRES", "expires_at", Show::time},
                             {"REASON", "reason"}},
                            "nothing was ever contained");
}

Done show(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "")), print_containment);
}

Done receipt(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "/receipt")), print_receipt);
}

Done renew(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")},
                            {"expires_in", values.text("expires-in")}};
  return session.show(session.post(path_of(values, "/renew"), body), print_containment);
}

Done release(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/release"), body), print_contained);
}

constexpr Parameter reason() {
  return {Form::option, Presence::required, "reason", "TEXT", "why, for the record"};
}
constexpr Parameter expires_in() {
  return {Form::option, Presence::required, "expires-in", "DURATION",
          "how long it is meant to hold, like 30m or 4h; it stays until released"};
}
constexpr Parameter incident() {
  return {Form::option, Presence::optional, "incident", "ID", "the incident that it belongs to"};
}
constexpr Parameter scope() {
  return {Form::positional, Presence::required, "scope", "SCOPE",
          "like route=support,model=vendor-large; dimensions: route, model, provider, tenant, "
          "use_case, flag"};
}
constexpr Parameter id() {
  return {Form::positional, Presence::required, "id", "ID", "of the containment"};
}

std::vector<Command> set_commands() {
  return {
      {.path = "switch set",
       .summary = "Kill: refuse what is in scope and cut what runs; answers after the last cut",
       .example = "switch set route=support,model=vendor-large --reason 'leaks records' "
                  "--expires-in 1h --incident INC-2026-00001",
       .parameters = {scope(), reason(), expires_in(), incident()},
       .run = set_switch},
      {.path = "switch preview",
       .summary = "What a switch would have touched in the last 15 minutes, and what runs now",
       .example = "switch preview route=support,model=vendor-large",
       .parameters = {scope()},
       .run = preview},
      {.path = "switch list",
       .summary = "The same as `containment list`",
       .example = "switch list",
       .parameters = {},
       .run = list},
      {.path = "mode set",
       .summary = "Set how strictly rules are obeyed in a scope",
       .example = "mode set route=support emergency --reason 'leak' --expires-in 1h",
       .parameters = {scope(),
                      {Form::positional,
                       Presence::required,
                       "mode",
                       "MODE",
                       "observe, standard, emergency or lockdown",
                       {"observe", "standard", "emergency", "lockdown"}},
                      reason(),
                      expires_in(),
                      incident()},
       .run = set_mode},
      {.path = "mode list",
       .summary = "The same as `containment list`",
       .example = "mode list",
       .parameters = {},
       .run = list},
      {.path = "fallback set",
       .summary = "Send a route to its fallback targets",
       .example = "fallback set support --reason 'vendor-large leaks' --expires-in 4h",
       .parameters = {{Form::positional, Presence::required, "route", "ROUTE", "by its name"},
                      reason(),
                      expires_in(),
                      incident(),
                      {Form::option, Presence::optional, "break-glass", "TEXT",
                       "why it is taken although its rules are weaker"}},
       .run = set_fallback},
      {.path = "fallback list",
       .summary = "The same as `containment list`",
       .example = "fallback list",
       .parameters = {},
       .run = list},
  };
}

}  // namespace

std::vector<Command> containment_commands() {
  std::vector<Command> all = set_commands();
  const std::vector<Command> rest = {
      {.path = "rollback",
       .summary =
           "Put the routes and flags of an earlier generation in force; never lifts a switch",
       .example = "rollback 12 --reason 'the release leaks' --expires-in 24h "
                  "--incident INC-2026-00001",
       .parameters = {{Form::positional, Presence::required, "generation", "GENERATION",
                       "its number; see: cordon generation list"},
                      reason(),
                      expires_in(),
                      incident()},
       .run = set_rollback},
      {.path = "containment list",
       .summary = "Every switch, mode and fallback ever set, newest last",
       .example = "containment list",
       .parameters = {},
       .run = list},
      {.path = "containment show",
       .summary = "One of them",
       .example = "containment show 0198c0de-0000-7000-8000-000000000001",
       .parameters = {id()},
       .run = show},
      {.path = "containment receipt",
       .summary = "Who acknowledged it, and what it cut",
       .example = "containment receipt 0198c0de-0000-7000-8000-000000000001",
       .parameters = {id()},
       .run = receipt},
      {.path = "containment renew",
       .summary = "Hold it longer",
       .example = "containment renew 0198c0de-0000-7000-8000-000000000001 --expires-in 4h "
                  "--reason 'fix not shipped'",
       .parameters = {id(), reason(), expires_in()},
       .run = renew},
      {.path = "containment release",
       .summary = "Release it; before its expiry that takes a second person",
       .example = "containment release 0198c0de-0000-7000-8000-000000000001 --reason 'fix is live'",
       .parameters = {id(), reason()},
       .run = release},
  };
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

}  // namespace cordon::cli::internal
