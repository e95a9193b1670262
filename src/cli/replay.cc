#include "cli/internal/session.h"
#include "policy/rulepack.h"
#include "replay/run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace cordon::cli::internal {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kEnding = ".replay.json";
constexpr std::size_t kFilesMax = 10'000;

Result<std::string> read_pack(const std::string& file) {
  return read_file(file, policy::RulepackLimits{}.text_bytes_max);
}

/// A test for itself, or every `*.replay.json` of a directory, by name.
Result<std::vector<fs::path>> files_of(const std::vector<std::string>& words) {
  std::vector<fs::path> files;
  for (const std::string& word : words) {
    std::error_code error;
    if (!fs::is_directory(word, error)) {
      files.emplace_back(word);
      continue;
    }
    std::vector<fs::path> inside;
    for (const auto& item : fs::directory_iterator(word, error)) {
      if (item.path().filename().string().ends_with(kEnding)) inside.push_back(item.path());
    }
    if (error) return fail(Errc::unavailable, fmt::format("{}: {}", word, error.message()));
    if (inside.empty()) {
      return fail(Errc::not_found, fmt::format("{}: holds no file *{}", word, kEnding));
    }
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  if (files.size() > kFilesMax) {
    return fail(Errc::exhausted, fmt::format("more than {} replay tests", kFilesMax));
  }
  return files;
}

Result<replay::Report> run_file(const fs::path& file, const replay::Candidates& candidates) {
  CORDON_TRY(const std::string bytes, read_file(file, replay::kTestBytesMax));
  const auto named = [&file](const Error& error) {
    return fail(error.code, fmt::format("{}: {}", file.string(), error.detail));
  };
  const auto test = replay::read(bytes);
  if (!test) return named(test.error());
  const auto engine = replay::compile(*test, candidates);
  if (!engine) return named(engine.error());
  return replay::run(*test, **engine);
}

void print_reports(Session& session, const codec::Json& items) {
  Table table({"REPLAY TEST", "CASE", "EXPECTED", "GOT", "SHOWN", "OUTCOME", "RULES"});
  for (const codec::Json& report : items) {
    const std::string id = show(report, "replay");
    if (report["cases"].empty()) {
      table.add({id, "-", "-", "-", "-", show(report, "outcome"), show(report, "missing")});
    }
    for (const codec::Json& one : report["cases"]) {
      table.add({id, show(one, "case"), show(one, "expected") + " or stronger", show(one, "got"),
                 show(one, "shown"), show(one, "outcome"), show(one, "rules")});
    }
  }
  session.print(table.text(session.width()));
}

/// The reports on standard output; a failing test is the exit code.
Done tell(Session& session, const codec::Json& items) {
  std::size_t failed = 0;
  for (const codec::Json& report : items) failed += show(report, "outcome") != "pass";
  if (session.json()) {
    session.print_line(codec::write_json({{"failed", failed}, {"items", items}}));
  } else {
    print_reports(session, items);
  }
  if (failed == 0) return {};
  return tl::make_unexpected(
      Failure{kExitRefused, fmt::format("{} of {} replay tests fail", failed, items.size())});
}

Done run_local(Session& session, const Values& values) {
  replay::Candidates candidates;
  for (const std::string& file : values.all("rulepack")) {
    CORDON_TRY(const std::string text, read_pack(file));
    auto pack = policy::Rulepack::parse(text, file);
    if (!pack) return fail(pack.error().code, printable(pack.error().detail));
    candidates.push_back(*std::move(pack));
  }
  CORDON_TRY(const std::vector<fs::path> files, files_of(values.all("test")));
  codec::Json items = codec::Json::array();
  for (const fs::path& file : files) {
    const auto report = run_file(file, candidates);
    if (!report) return fail(report.error().code, printable(report.error().detail));
    items.push_back(replay::to_json(*report));
  }
  return tell(session, items);
}

Done check(Session& session, const Values& values) {
  codec::Json body = codec::Json::object();
  if (!values.all("id").empty()) body["ids"] = values.all("id");
  if (const auto file = values.optional("rulepack")) {
    CORDON_TRY(body["rulepack"], read_pack(*file));
    body["file"] = *file;
  }
  CORDON_TRY(const Reply reply, session.post("/api/v1/replays/run", body));
  if (!reply.json.contains("items") || !reply.json["items"].is_array()) {
    return fail(Errc::corrupt, "the server's answer has no list 'items'");
  }
  if (reply.json["items"].empty()) session.note("no replay test is stored");
  return tell(session, reply.json["items"]);
}

const std::vector<Column> kColumns = {{"ID", "id"},
                                      {"INCIDENT", "incident"},
                                      {"CLASS", "class"},
                                      {"ROUTE", "route"},
                                      {"CASES", "cases"},
                                      {"CAPTURED", "from_capture"},
                                      {"BUILT", "built_at", Show::time},
                                      {"BY", "built_by"},
                                      {"SHA256", "digest"}};

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/replays"), kColumns, "no replay test was built");
}

/// A new file that only its owner may read: it holds what must not spread.
Status write_private(const fs::path& path, std::string_view text) {
  std::error_code error;
  if (fs::exists(path, error)) {
    return fail(Errc::conflict, fmt::format("{}: is there already", path.string()));
  }
  const fs::path part = path.string() + ".part";
  {
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    fs::permissions(part, fs::perms::owner_read | fs::perms::owner_write, error);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    file.close();
    if (!file || error) {
      return fail(Errc::unavailable, fmt::format("{}: cannot be written", part.string()));
    }
  }
  fs::rename(part, path, error);
  if (error) return fail(Errc::unavailable, fmt::format("{}: {}", path.string(), error.message()));
  return {};
}

Answer<std::string> fetch_test(Session& session, const std::string& id,
                               const std::string& purpose) {
  const codec::Json body = {{"purpose", purpose}};
  CORDON_TRY(Reply reply, session.post("/api/v1/replays/" + segment(id) + "/export", body));
  return std::move(reply.body);
}

Done export_test(Session& session, const Values& values) {
  const std::string& id = values.text("id");
  CORDON_TRY(const std::string text, fetch_test(session, id, values.text("reason")));
  if (session.json()) {
    session.print(text);
    return {};
  }
  const fs::path out = values.text_or("out", id + std::string(kEnding));
  CORDON_CHECK(write_private(out, text));
  session.print_line(
      fmt::format("{}: it holds texts of the incident; the log says that you took "
                  "it",
                  out.string()));
  return {};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Answer<codec::Json> samples_of(const Values& values) {
  codec::Json samples = codec::Json::array();
  std::vector<std::string> hidden;
  if (const auto file = values.optional("hide")) {
    CORDON_TRY(const std::string text, read_file(*file, replay::kCaseBytesMax));
    hidden = lines_of(text);
  }
  for (const std::string& file : values.all("sample")) {
    CORDON_TRY(std::string text, read_file(file, replay::kCaseBytesMax));
    codec::Json hide = codec::Json::array();
    for (const std::string& each : hidden) {
      if (text.find(each) != std::string::npos) hide.push_back(each);
    }
    samples.push_back({{"part", values.text_or("part", "response")},
                       {"text", std::move(text)},
                       {"hide", std::move(hide)}});
  }
  return samples;
}

void print_built(Session& session, const codec::Json& built) {
  session.print(make_list(built, {{"replay test", "id"},
                                  {"incident", "incident"},
                                  {"class", "class"},
                                  {"route", "route"},
                                  {"cases", "cases"},
                                  {"captured", "from_capture"},
                                  {"samples", "from_samples"},
                                  {"sha256", "digest"}}));
  session.print_line("under the rulepacks in force then:");
  print_reports(session, codec::Json::array({built["then"]}));
}

Done build(Session& session, const Values& values) {
  CORDON_TRY(codec::Json samples, samples_of(values));
  codec::Json body = {{"samples", std::move(samples)}};
  if (const auto route = values.optional("route")) body["route"] = *route;
  if (const auto expect = values.optional("expect")) body["expect"] = *expect;
  if (!values.all("exchange").empty()) body["exchanges"] = values.all("exchange");
  const std::string path = "/api/v1/incidents/" + segment(values.text("incident")) + "/replays";
  const auto reply = session.post(path, body);
  const Done shown = session.show(reply, print_built);
  const auto out = values.optional("out");
  if (!shown || !out) return shown;
  CORDON_TRY(const std::string text, fetch_test(session, show(reply->json, "id"), "replay build"));
  CORDON_CHECK(write_private(*out, text));
  return {};
}

constexpr Parameter candidate(Presence presence) {
  return {Form::option, presence, "rulepack", "FILE",
          "a candidate, in place of the rulepack of its name"};
}

}  // namespace

std::vector<Command> replay_commands() {
  return {
      {.path = "replay build",
       .summary = "Make an incident a test that fails on the rulepacks in force then",
       .example = "replay build INC-2026-00001 --sample redacted.txt --expect block",
       .parameters = {{Form::positional, Presence::required, "incident", "ID",
                       "like INC-2026-00001"},
                      {Form::option, Presence::optional, "route", "NAME",
                       "needed when the incident is about several, or none"},
                      {Form::option, Presence::any, "sample", "FILE",
                       "a text to replay, redacted or made up: the test keeps it"},
                      {Form::option,
                       Presence::optional,
                       "part",
                       "PART",
                       "what the samples are; response unless given",
                       {"request", "response", "tool_arguments", "reasoning"}},
                      {Form::option, Presence::optional, "hide", "FILE",
                       "texts that must not be released, one a line"},
                      {Form::option, Presence::any, "exchange", "UUID",
                       "a captured exchange to take besides those whose hits tell"},
                      {Form::option,
                       Presence::optional,
                       "expect",
                       "ACTION",
                       "this or stronger; unless given, one step stricter than what was decided",
                       {"warn", "redact", "block"}},
                      {Form::option, Presence::optional, "out", "FILE",
                       "take the test out as well, as `replay export` does"}},
       .run = build},
      {.path = "replay list",
       .summary = "The replay tests that guard publishing",
       .example = "replay list",
       .parameters = {},
       .run = list},
      {.path = "replay check",
       .summary = "Run stored tests where they lie; exit code 1 when one fails",
       .example = "replay check --rulepack candidate.yaml",
       .parameters = {{Form::positional, Presence::any, "id", "ID", "like RT-2026-00001-01"},
                      candidate(Presence::optional)},
       .run = check},
      {.path = "replay export",
       .summary = "Take a test out of the vault; the log says who did, and what for",
       .example = "replay export RT-2026-00001-01 --reason 'nightly run'",
       .parameters = {{Form::positional, Presence::required, "id", "ID", "like RT-2026-00001-01"},
                      {Form::option, Presence::required, "reason", "TEXT", "what it is for"},
                      {Form::option, Presence::optional, "out", "FILE",
                       "ID.replay.json unless given; must not exist"}},
       .run = export_test},
      {.path = "replay run",
       .summary = "Run tests from files: no server, no network; exit code 1 when one fails",
       .example = "replay run RT-2026-00001-01.replay.json --rulepack candidate.yaml",
       .reach = Reach::local,
       .parameters = {{Form::positional, Presence::many, "test", "FILE|DIR",
                       "a test, or a directory of *.replay.json"},
                      candidate(Presence::any),
                      {Form::flag, Presence::optional, "json", "", "print the reports as JSON"}},
       .run = run_local},
  };
}

}  // namespace cordon::cli::internal
