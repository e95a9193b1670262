#include "policy/rulepack.h"

#include "cli/internal/session.h"
#include "crypto/sha256.h"
#include "policy/diff.h"

#include <filesystem>

namespace cordon::cli::internal {
namespace {

std::size_t tests_of(const policy::Rulepack& pack) {
  std::size_t tests = 0;
  for (const policy::Rule& rule : pack.rules) {
    tests += rule.tests_match.size() + rule.tests_pass.size();
  }
  return tests;
}

Result<std::shared_ptr<const policy::Rulepack>> load(const std::string& file) {
  CORDON_TRY(const std::string text, read_file(file, policy::RulepackLimits{}.text_bytes_max));
  return policy::Rulepack::parse(text, file);
}

/// Every file is looked at, so that one run names all that is wrong; the exit code is the first's.
Done check(Session& session, const Values& values) {
  std::vector<Error> errors;
  for (const std::string& file : values.all("file")) {
    const auto pack = load(file);
    if (!pack) {
      if (!errors.empty()) session.note("cordon: " + printable(pack.error().detail));
      errors.push_back(pack.error());
      continue;
    }
    session.print_line(fmt::format("{}: good: {} {}, {} rules, {} tests passed, sha256 {}", file,
                                   (*pack)->name, (*pack)->version, (*pack)->rules.size(),
                                   tests_of(**pack), (*pack)->digest));
  }
  if (errors.empty()) return {};
  return fail(errors.front().code, printable(errors.front().detail));
}

Done builtin(Session& session, const Values&) {
  Table table({"RULEPACK", "VERSION", "RULES", "SHA256"});
  for (const policy::BuiltinPack& each : policy::builtin_packs()) {
    CORDON_TRY(const auto pack, policy::Rulepack::parse(each.text, each.file));
    table.add({pack->name, pack->version, fmt::format("{}", pack->rules.size()), pack->digest});
  }
  session.print(table.text(session.width()));
  return {};
}

std::string path_of(std::string_view name, std::string_view act) {
  return fmt::format("/api/v1/rulepacks/{}{}", segment(name), act);
}

const std::vector<Column> kColumns = {
    {"RULEPACK", "name"},      {"VERSION", "version"}, {"SINCE", "at", Show::time},
    {"BY", "event"},           {"WHO", "actor"},       {"TTPU MS", "ttpu_ms"},
    {"WAITING", "waiting.id"}, {"SHA256", "digest"}};

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/rulepacks"), kColumns, "no rulepack is loaded");
}

void print_pack(Session& session, const codec::Json& pack) {
  session.print(make_list(pack, {{"rulepack", "name"},
                                 {"version", "version"},
                                 {"sha256", "digest"},
                                 {"in force since", "at", Show::time},
                                 {"came by", "event"},
                                 {"who", "actor"},
                                 {"approved by", "approved_by"},
                                 {"reason", "reason"},
                                 {"routes", "routes"},
                                 {"time to update, ms", "ttpu_ms"},
                                 {"sha256 of the file", "file_digest"},
                                 {"follows the file", "follows_file"},
                                 {"approval that waits", "waiting.id"},
                                 {"asks to", "waiting.what"},
                                 {"asked by", "waiting.asked_by"},
                                 {"two people because", "waiting.why"}}));
  session.print_line("");
  session.print(make_table(pack["rules"], {{"RULE", "id"},
                                           {"CLASS", "class"},
                                           {"STATE", "state"},
                                           {"ON", "on"},
                                           {"ACTION", "action"},
                                           {"EMERGENCY", "emergency"}})
                    .text(session.width()));
  session.print_line("");
  session.print(make_table(pack["history"], {{"AT", "at", Show::time},
                                             {"VERSION", "version"},
                                             {"EVENT", "event"},
                                             {"WHO", "actor"},
                                             {"APPROVED BY", "approved_by"},
                                             {"TTPU MS", "ttpu_ms"},
                                             {"SHA256", "digest"}})
                    .text(session.width()));
}

Done show_one(Session& session, const Values& values) {
  return session.show(session.get(path_of(values.text("name"), "")), print_pack);
}

/// One side of a diff: a file, or NAME or NAME@DIGEST as the server has it.
struct DiffSide {
  std::string text;
  std::shared_ptr<const policy::Rulepack> pack;
};

Answer<DiffSide> side_of(Session& session, const std::string& word) {
  DiffSide side;
  std::error_code ignored;
  if (std::filesystem::exists(word, ignored)) {
    CORDON_TRY(side.text, read_file(word, policy::RulepackLimits{}.text_bytes_max));
  } else {
    const std::size_t at = word.find('@');
    std::string target = path_of(word.substr(0, at), "/text");
    if (at != word.npos) target += "?" + query("digest", word.substr(at + 1));
    CORDON_TRY(Reply reply, session.get(target));
    side.text = std::move(reply.body);
  }
  auto pack = policy::Rulepack::parse(side.text, word);
  if (!pack) return tl::make_unexpected(Failure(std::move(pack).error()));
  side.pack = *std::move(pack);
  return side;
}

codec::Json to_json(const policy::PackDiff& diff) {
  codec::Json changes = codec::Json::array();
  for (const policy::RuleChange& change : diff.changes) {
    codec::Json fields = codec::Json::array();
    for (const policy::FieldChange& field : change.fields) {
      fields.push_back({{"key", field.key},
                        {"before", field.before},
                        {"after", field.after},
                        {"strength", policy::to_string(field.strength)}});
    }
    changes.push_back({{"rule", change.rule},
                       {"change", policy::to_string(change.fate)},
                       {"class", model::to_string(change.incident_class)},
                       {"strength", policy::to_string(change.strength)},
                       {"fields", std::move(fields)}});
  }
  return {{"strength", policy::to_string(diff.strength())}, {"changes", std::move(changes)}};
}

void print_changes(Session& session, const codec::Json& diff) {
  if (diff["changes"].empty()) {
    session.print_line("no rule differs");
    return;
  }
  Table table({"RULE", "CHANGE", "PROTECTS", "KEY", "BEFORE", "AFTER"});
  for (const codec::Json& change : diff["changes"]) {
    const std::string rule = show(change, "rule");
    const std::string fate = show(change, "change");
    if (change["fields"].empty()) {
      table.add({rule, fate, show(change, "strength"), "", "", ""});
    }
    for (const codec::Json& field : change["fields"]) {
      table.add({rule, fate, show(field, "strength"), show(field, "key"), show(field, "before"),
                 show(field, "after")});
    }
  }
  session.print(table.text(session.width()));
}

Done diff(Session& session, const Values& values) {
  CORDON_TRY(const DiffSide before, side_of(session, values.text("a")));
  CORDON_TRY(const DiffSide after, side_of(session, values.text("b")));
  CORDON_TRY(const policy::PackDiff found,
             policy::diff({*before.pack, before.text}, {*after.pack, after.text}));
  const codec::Json json = to_json(found);
  if (session.json()) {
    session.print_line(codec::write_json(json));
    return {};
  }
  print_changes(session, json);
  const policy::Strength strength = found.strength();
  session.print_line(strength == policy::Strength::weaker    ? "B is weaker than A"
                     : strength == policy::Strength::unknown ? "B may be weaker than A: nobody can "
                                                               "tell without running it"
                     : strength == policy::Strength::stronger ? "A is weaker than B"
                                                              : "neither is weaker");
  return {};
}

void print_replays(Session& session, const codec::Json& replays) {
  if (replays.empty()) return;
  session.print(make_table(replays, {{"REPLAY TEST", "replay"},
                                     {"INCIDENT", "incident"},
                                     {"OUTCOME", "outcome"},
                                     {"MISSING", "missing"}})
                    .text(session.width()));
}

}  // namespace

void print_rulepack_answer(Session& session, const codec::Json& answer) {
  print_changes(session, answer["diff"]);
  print_replays(session, answer["replays"]);
  const std::string state = show(answer, "state");
  const std::string what = fmt::format("{} {} ({})", show(answer, "name"), show(answer, "version"),
                                       show(answer, "digest"));
  if (state == "in_force") {
    session.print_line(fmt::format(
        "{} is in force in generation {}, acknowledged by every node: {}, {} ms after the order",
        what, show(answer, "receipt.generation"),
        show(answer, "receipt.partial") == "no" ? "yes" : "NO", show(answer, "ttpu_ms")));
    return;
  }
  if (answer.contains("after_rollback")) {
    session.print_line(fmt::format("{} changes routes only once the rollback {} has ended", what,
                                   show(answer, "after_rollback")));
    if (state == "in_force_after_rollback") return;
  }
  if (answer.contains("waiting")) {
    print_asked(session, answer["waiting"]);
    return;
  }
  session.print_line(fmt::format("{} was judged; nothing changed", what));
  for (const codec::Json& why : answer["second_person"]) {
    session.print_line("  second person: " + printable(why.get<std::string>()));
  }
}

namespace {

codec::Json common_body(const Values& values) {
  codec::Json body = {{"reason", values.text_or("reason", "")}};
  if (const auto incident = values.optional("incident")) body["incident"] = *incident;
  if (const auto why = values.optional("override")) body["override"] = *why;
  if (values.flag("dry-run")) body["dry_run"] = true;
  return body;
}

Done publish(Session& session, const Values& values) {
  const std::string& file = values.text("file");
  codec::Json body = common_body(values);
  CORDON_TRY(body["text"], read_file(file, policy::RulepackLimits{}.text_bytes_max));
  body["file"] = file;
  return session.show(session.post("/api/v1/rulepacks", body), print_rulepack_answer);
}

Done roll_back(Session& session, const Values& values) {
  codec::Json body = common_body(values);
  body["digest"] = values.text("digest");
  return session.show(session.post(path_of(values.text("name"), "/rollback"), body),
                      print_rulepack_answer);
}

constexpr Parameter name() {
  return {Form::positional, Presence::required, "name", "NAME", "of the rulepack"};
}

std::vector<Parameter> order(std::vector<Parameter> parameters) {
  parameters.push_back(
      {Form::option, Presence::optional, "reason", "TEXT", "why; required unless --dry-run"});
  parameters.push_back(
      {Form::option, Presence::optional, "incident", "ID", "the incident that it answers"});
  parameters.push_back({Form::option, Presence::optional, "override", "TEXT",
                        "why it should come into force although replay tests fail; takes a second "
                        "person"});
  parameters.push_back({Form::flag, Presence::optional, "dry-run", "",
                        "judge it, run the replay tests, change nothing"});
  return parameters;
}

}  // namespace

std::vector<Command> rulepack_commands() {
  return {
      {.path = "rulepack check",
       .summary = "Load rulepacks and run their own tests; errors give file:line:col",
       .example = "rulepack check my-leaks.yaml",
       .reach = Reach::local,
       .parameters = {{Form::positional, Presence::many, "file", "FILE", "one rulepack or more"}},
       .run = check},
      {.path = "rulepack builtin",
       .summary = "The rulepacks inside this program",
       .example = "rulepack builtin",
       .reach = Reach::local,
       .parameters = {},
       .run = builtin},
      {.path = "rulepack list",
       .summary = "The rulepacks in force, since when and by whom",
       .example = "rulepack list",
       .parameters = {},
       .run = list},
      {.path = "rulepack show",
       .summary = "One rulepack: its rules, its earlier versions, what waits for a second person",
       .example = "rulepack show core-leakage",
       .parameters = {name()},
       .run = show_one},
      {.path = "rulepack diff",
       .summary = "What B does differently from A, rule by rule, and which protects less",
       .example = "rulepack diff core-leakage candidate.yaml",
       .parameters = {{Form::positional, Presence::required, "a", "A",
                       "a file, NAME (in force), or NAME@DIGEST (an earlier version)"},
                      {Form::positional, Presence::required, "b", "B", "the same"}},
       .run = diff},
      {.path = "rulepack publish",
       .summary = "Put a version in force on every node; a weaker one takes a second person",
       .example = "rulepack publish candidate.yaml --reason 'blocks keys' --incident "
                  "INC-2026-00001",
       .parameters = order({{Form::positional, Presence::required, "file", "FILE", "a rulepack"}}),
       .run = publish},
      {.path = "rulepack rollback",
       .summary = "Put an earlier version in force again",
       .example = "rulepack rollback core-leakage 3f1c9a02 --reason 'too many false positives'",
       .parameters = order({name(),
                            {Form::positional, Presence::required, "digest", "DIGEST",
                             "at least 8 of its digits"}}),
       .run = roll_back},
  };
}

}  // namespace cordon::cli::internal
