// What is in force, what was, what differs; and live numbers.
#include "base/hex.h"
#include "cli/internal/session.h"
#include "containment/generations.h"
#include "containment/moment.h"
#include "journal/journal.h"
#include "store/archive.h"

#include <algorithm>

namespace cordon::cli::internal {
namespace {

const std::vector<Column> kMeasureColumns = {
    {"ID", "id"},        {"SCOPE", "scope"}, {"MODE", "mode"},
    {"STATE", "state"},  {"BY", "by"},       {"EXPIRES", "expires_at", Show::time},
    {"REASON", "reason"}};

void print_measures(Session& session, const codec::Json& state, std::string_view key,
                    std::string_view title) {
  const auto found = state.find(std::string(key));
  if (found == state.end() || found->empty()) {
    session.print_line(fmt::format("{}: none", title));
    return;
  }
  session.print_line(fmt::format("{}:", title));
  session.print(make_table(*found, kMeasureColumns).text(session.width()));
}

void print_all_measures(Session& session, const codec::Json& state) {
  print_measures(session, state, "switches", "switches in force");
  print_measures(session, state, "modes", "modes in force");
  print_measures(session, state, "fallbacks", "fallbacks in force");
  print_measures(session, state, "rollbacks", "rollback in force");
}

/// Those that are not asked as usual.
void print_targets(Session& session, const codec::Json& state) {
  const auto targets = state.find("targets");
  if (targets == state.end()) return;
  codec::Json odd = codec::Json::array();
  for (const codec::Json& target : *targets) {
    const bool usual =
        target.value("breaker", "") == "closed" && target.value("share_percent", 100) == 100;
    if (!usual) odd.push_back(target);
  }
  if (odd.empty()) {
    session.print_line("breakers: all closed");
    return;
  }
  session.print_line("breakers:");
  session.print(make_table(odd, {{"PROVIDER", "provider"},
                                 {"MODEL", "model"},
                                 {"BREAKER", "breaker"},
                                 {"NEXT PROBE MS", "open_for_ms"},
                                 {"SHARE %", "share_percent"},
                                 {"OPENED", "opened"}})
                    .text(session.width()));
}

void print_state(Session& session, const codec::Json& state) {
  session.print(make_list(state, {{"node", "node"},
                                  {"generation", "generation"},
                                  {"digest", "digest"},
                                  {"journal entries", "journal.durable"},
                                  {"log", "log.origin"},
                                  {"log size", "log.size"},
                                  {"log root", "log.root"}}));
  print_all_measures(session, state);
  print_targets(session, state);
}

void print_unknown(Session& session, const codec::Json& of) {
  const auto unknown = of.find("unknown");
  if (unknown == of.end()) return;
  for (const codec::Json& each : *unknown) {
    session.print_line(fmt::format("unknown: {}: {}", show(each, "what"), show(each, "why")));
  }
}

std::string targets_of(const codec::Json& route, const char* key) {
  std::string text;
  const auto targets = route.find(key);
  if (targets == route.end()) return text;
  for (const codec::Json& each : *targets) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", show(each, "provider"),
                        show(each, "model"));
  }
  return text;
}

void print_routes(Session& session, const codec::Json& moment) {
  const auto routes = moment.find("routes");
  if (routes == moment.end()) return;
  Table table({"ROUTE", "MODE", "TARGETS", "FALLBACK", "RULEPACKS"});
  for (const codec::Json& route : *routes) {
    std::string packs;
    const auto found = route.find("rulepacks");
    if (found != route.end()) {
      for (const codec::Json& pack : *found) {
        packs += fmt::format("{}{}@{}", packs.empty() ? "" : ", ", show(pack, "name"),
                             show(pack, "digest").substr(0, 12));
      }
    }
    table.add({show(route, "name"), show(route, "mode"), targets_of(route, "targets"),
               targets_of(route, "fallback"), packs});
  }
  session.print(table.text(session.width()));
}

void print_moment(Session& session, const codec::Json& moment) {
  session.print(make_list(moment, {{"at", "at", Show::time},
                                   {"generation", "generation"},
                                   {"digest", "digest"},
                                   {"in force since", "generation_since", Show::time},
                                   {"last change", "last_change"}}));
  print_unknown(session, moment);
  print_routes(session, moment);
  const auto packs = moment.find("rulepacks");
  if (packs != moment.end() && !packs->empty()) {
    session.print(
        make_table(*packs, {{"RULEPACK", "name"}, {"VERSION", "version"}, {"DIGEST", "digest"}})
            .text(session.width()));
  }
  print_all_measures(session, moment);
}

void print_diff(Session& session, const codec::Json& diff) {
  print_unknown(session, diff);
  const auto changes = diff.find("changes");
  if (changes == diff.end()) return;
  session.print_line(fmt::format("from generation {} ({}) to generation {} ({})",
                                 show(diff, "from.generation"), show(diff, "from.at", Show::time),
                                 show(diff, "to.generation"), show(diff, "to.at", Show::time)));
  if (changes->empty()) {
    session.print_line("nothing differs");
    return;
  }
  Table table({"WHAT", "FROM", "TO"});
  for (const codec::Json& each : *changes) {
    table.add({show(each, "what"), codec::write_json(each.value("from", codec::Json())),
               codec::write_json(each.value("to", codec::Json()))});
  }
  session.print(table.text(session.width()));
}

// The same without a server: from the data directory of a stopped one.

Result<std::shared_ptr<const model::Generation>> read_blob(
    const store::Archive& archive, const containment::PastGeneration& generation) {
  CORDON_TRY(const auto raw, from_hex(generation.digest));
  crypto::Digest digest;
  if (raw.size() != digest.size()) return fail(Errc::corrupt, "a digest that is not SHA-256");
  std::copy(raw.begin(), raw.end(), digest.begin());
  CORDON_TRY(const std::string blob, archive.get(digest));
  return containment::read_generation(blob, generation.digest);
}

/// The history of a data directory.
class Offline {
 public:
  [[nodiscard]] static Result<Offline> open(const std::string& dir) {
    Offline offline;
    offline.dir_ = dir;
    journal::SystemDisk disk;
    CORDON_TRY(const auto opened, journal::ReadOnlyJournal::open(offline.dir_ / "journal", disk));
    journal::Reader reader = opened.reader(0);
    while (true) {
      const std::uint64_t sequence = reader.position();
      CORDON_TRY(const auto entry, reader.next());
      if (!entry) return offline;
      CORDON_CHECK(offline.history_.observe(sequence, entry->bytes));
    }
  }

  /// `text` is a time or the number of a generation.
  [[nodiscard]] Result<codec::Json> moment(const std::string& text) const {
    const bool number = text.find_first_not_of("0123456789") == text.npos && text.size() < 19;
    Result<containment::Moment> moment = fail(Errc::invalid, "");
    if (number) {
      moment = history_.of_generation(text.empty() ? 0 : std::stoull(text));
    } else {
      CORDON_TRY(const WallTime at, parse_rfc3339(text));
      moment = history_.at(at);
    }
    if (!moment) return tl::make_unexpected(moment.error());
    journal::SystemDisk disk;
    const store::DirectoryArchive archive({dir_ / "archive"}, disk);
    return containment::to_json(*moment, read_blob(archive, moment->generation.generation));
  }

 private:
  std::filesystem::path dir_;
  containment::History history_;
};

void print_offline(Session& session, const codec::Json& json, Session::Render render) {
  if (session.json()) {
    session.print_line(codec::write_json(json));
  } else {
    render(session, json);
  }
}

void print_person(Session& session, const codec::Json& person) {
  session.print(make_list(
      person, {{"person", "person"}, {"roles", "roles"}, {"expires", "expires_at", Show::time}}));
}

void print_traffic(Session& session, const codec::Json& traffic) {
  session.print(make_list(traffic, {{"window", "window"},
                                    {"route", "route"},
                                    {"tenant", "tenant"},
                                    {"exchanges", "exchanges"},
                                    {"blocked", "blocked"},
                                    {"errors", "errors"},
                                    {"p50 us", "latency_us.p50"},
                                    {"p95 us", "latency_us.p95"}}));
  const auto hits = traffic.find("hits");
  if (hits == traffic.end() || !hits->is_object()) return;
  Table table({"CLASS", "EXCHANGES HIT", "DELIVERED", "MATCHES DELIVERED"});
  for (const auto& [name, of] : hits->items()) {
    table.add({name, show(of, "exchanges"), show(of, "delivered_exchanges"),
               show(of, "delivered_matches")});
  }
  session.print(table.text(session.width()));
}

Done state(Session& session, const Values& values) {
  const auto at = values.optional("at");
  const auto data = values.optional("data");
  if (!at) {
    if (data) {
      return tl::make_unexpected(
          Failure{kExitUsage, "--data: expected with --at: a stopped server has no now"});
    }
    return session.show(session.get("/api/v1/state"), print_state);
  }
  if (!data) return session.show(session.get("/api/v1/state?" + query("at", *at)), print_moment);
  CORDON_TRY(const Offline offline, Offline::open(*data));
  CORDON_TRY(const codec::Json moment, offline.moment(*at));
  print_offline(session, moment, print_moment);
  return {};
}

Done diff(Session& session, const Values& values) {
  const std::string& from = values.text("from");
  const std::string& to = values.text("to");
  const auto data = values.optional("data");
  if (!data) {
    return session.show(session.get("/api/v1/diff?" + query("from", from) + "&" + query("to", to)),
                        print_diff);
  }
  CORDON_TRY(const Offline offline, Offline::open(*data));
  CORDON_TRY(const codec::Json before, offline.moment(from));
  CORDON_TRY(const codec::Json after, offline.moment(to));
  print_offline(session, containment::diff(before, after), print_diff);
  return {};
}

Done generations(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/generations"),
                            {{"NUMBER", "number"},
                             {"SINCE", "since", Show::time},
                             {"ACTOR", "actor"},
                             {"REVOKED", "revoked"},
                             {"CAUSE", "cause"},
                             {"DIGEST", "digest"}},
                            "no generation was ever in force");
}

void print_generation(Session& session, const codec::Json& generation) {
  session.print(
      make_list(generation, {{"number", "number"}, {"digest", "digest"}, {"revoked", "revoked"}}));
  print_routes(session, generation);
}

std::string generation_path(const Values& values) {
  return "/api/v1/generations/" + segment(values.text("generation"));
}

Done show_generation(Session& session, const Values& values) {
  return session.show(session.get(generation_path(values)), print_generation);
}

Done revoke_generation(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")}};
  return session.show(session.post(generation_path(values) + "/revoke", body), print_generation);
}

Done whoami(Session& session, const Values&) {
  return session.show(session.get("/api/v1/whoami"), print_person);
}

Done traffic(Session& session, const Values& values) {
  std::string target = "/api/v1/traffic?" + query("window", values.text_or("window", "60s"));
  for (const std::string_view key : {"route", "tenant"}) {
    if (const auto value = values.optional(key)) target += "&" + query(key, *value);
  }
  return session.show(session.get(target), print_traffic);
}

}  // namespace

std::vector<Command> state_commands() {
  const Parameter data = {Form::option, Presence::optional, "data", "DIR",
                          "read the data directory of a stopped server instead of asking one"};
  const Parameter generation = {Form::positional, Presence::required, "generation", "GENERATION",
                                "its number"};
  return {
      {.path = "state",
       .summary = "What is in force now, or was at a time: routes, modes, rulepacks, switches",
       .example = "state --at 2026-01-05T10:12:03Z",
       .parameters = {{Form::option, Presence::optional, "at", "TIME",
                       "RFC 3339, or the number of a generation"},
                      data},
       .run = state},
      {.path = "diff",
       .summary = "What differs between what was in force at two times",
       .example = "diff 2026-01-05T10:00:00Z 2026-01-05T11:00:00Z",
       .parameters = {{Form::positional, Presence::required, "from", "FROM",
                       "RFC 3339, or the number of a generation"},
                      {Form::positional, Presence::required, "to", "TO", "likewise"},
                      data},
       .run = diff},
      {.path = "generation list",
       .summary = "Every generation that was ever in force",
       .example = "generation list",
       .parameters = {},
       .run = generations},
      {.path = "generation show",
       .summary = "One of them",
       .example = "generation show 12",
       .parameters = {generation},
       .run = show_generation},
      {.path = "generation revoke",
       .summary = "Refuse every later rollback to it",
       .example = "generation revoke 12 --reason 'it leaks'",
       .parameters = {generation,
                      {Form::option, Presence::required, "reason", "TEXT", "why, for the record"}},
       .run = revoke_generation},
      {.path = "whoami",
       .summary = "Whose token this is, and its roles",
       .example = "whoami --token-file ~/.cordon-token",
       .parameters = {},
       .run = whoami},
      {.path = "traffic",
       .summary = "Live numbers over a window",
       .example = "traffic --window 5m --route support",
       .parameters = {{Form::option, Presence::optional, "window", "DURATION", "like 60s or 15m"},
                      {Form::option, Presence::optional, "route", "NAME", "one route only"},
                      {Form::option, Presence::optional, "tenant", "NAME", "one tenant only"}},
       .run = traffic},
  };
}

}  // namespace cordon::cli::internal
