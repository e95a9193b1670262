// How an incident becomes a replay test, and how stored tests are run and handed out.
#include "api/control_plane.h"
#include "api/internal/flight_job.h"
#include "api/internal/rulepack_judge.h"
#include "base/log.h"
#include "codec/base64.h"
#include "crypto/sha256.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace cordon::api {

using model::EntryKind;

namespace {

/// Each is run before a rulepack comes into force.
constexpr std::size_t kReplaysMax = 1'000;

/// INC-2026-00017 and its second test: RT-2026-00017-02.
std::string replay_id(const std::string& incident, std::size_t number) {
  return fmt::format("RT-{}-{:02}", incident.substr(incident.find('-') + 1), number);
}

std::string value_of(const std::string& scope, std::string_view dimension) {
  const std::string key = fmt::format("{}=", dimension);
  std::size_t at = scope.starts_with(key) ? 0 : scope.find("," + key);
  if (at == std::string::npos) return {};
  at = scope.find('=', at) + 1;
  return scope.substr(at, scope.find(',', at) - at);
}

/// The one route that an incident is about, or the one that was asked for.
Result<std::string> route_of(const incident::Incident& incident, const std::string& asked) {
  if (!asked.empty()) return asked;
  std::set<std::string> routes;
  for (const model::Scope& scope : incident.scopes) {
    const std::string route = value_of(scope.text(), "route");
    if (!route.empty() && route != "*") routes.insert(route);
  }
  if (routes.size() == 1) return *routes.begin();
  if (routes.empty()) {
    return fail(Errc::invalid,
                fmt::format("{} names no route; say which one it was with 'route'", incident.id));
  }
  return fail(Errc::invalid, fmt::format("{} is about the routes {}; say which one with 'route'",
                                         incident.id, fmt::join(routes, ", ")));
}

/// Work of the bench: gathers what was captured and settles what is expected.
struct BuildJob {
  BuildJob(const store::FlightReader& ring_in, const store::Vault& vault_in)
      : ring(ring_in), vault(vault_in) {}

  const store::FlightReader& ring;
  const store::Vault& vault;
  internal::FlightScope scope;
  std::vector<std::string> named;
  std::optional<model::Action> expect;
  replay::ReplayTest test;
  replay::Report report;

  Status run() {
    CORDON_TRY(const auto engine, replay::compile(test, {}));
    CORDON_TRY(const auto captured, internal::gather(scope, ring, vault));
    replay::ReplayTest one = test;
    for (replay::Case& each : internal::cases_of(captured, test, *engine, named)) {
      if (test.cases.size() >= replay::kCasesMax) break;
      // One that was stopped then, or that no rule would treat otherwise, shows nothing.
      each.expect = expect.value_or(model::Action::allow);
      one.cases = {std::move(each)};
      if (replay::settle(one, *engine)) test.cases.push_back(std::move(one.cases.front()));
    }
    if (test.cases.empty()) {
      return fail(Errc::not_found,
                  fmt::format("{}: there is no text to replay. Missing: captured exchanges in its "
                              "scope (the route's `capture` is off, they are past the flight "
                              "recorder's bounds, or the rulepacks in force then already act as "
                              "is expected), and samples. Give a redacted text with --sample",
                              test.incident));
    }
    for (std::size_t i = 0; i < test.cases.size(); ++i) {
      test.cases[i].name = fmt::format("{}", i + 1);
    }
    CORDON_CHECK(replay::settle(test, *engine));
    report = replay::run(test, *engine);
    return {};
  }
};

}  // namespace

std::string ControlPlane::next_replay_id(const std::string& incident) const {
  const auto earlier =
      std::count_if(replays_.begin(), replays_.end(),
                    [&](const ReplayRecord& record) { return record.incident == incident; });
  return replay_id(incident, static_cast<std::size_t>(earlier) + 1);
}

Result<replay::ReplayTest> ControlPlane::draft_replay(const BuildReplay& command) const {
  const incident::Incident* const found = watch_.desk().find(command.incident);
  if (found == nullptr) {
    return fail(Errc::not_found, fmt::format("no incident {}", command.incident.substr(0, 64)));
  }
  CORDON_TRY(const std::string name, route_of(*found, command.route));
  const auto route = std::find_if(generation_->routes.begin(), generation_->routes.end(),
                                  [&](const auto& each) { return each.name == name; });
  if (route == generation_->routes.end()) {
    return fail(Errc::not_found, fmt::format("no route '{}'", name.substr(0, 64)));
  }
  if (replays_.size() >= kReplaysMax) {
    return fail(Errc::exhausted, fmt::format("{} replay tests are kept, no more", kReplaysMax));
  }
  replay::ReplayTest test;
  test.id = next_replay_id(found->id);
  std::array<std::byte, 16> salt{};
  parts_.writer.random().fill(salt);
  test.salt = codec::to_base64url(salt);
  test.incident = found->id;
  test.incident_class = found->of_class;
  test.route = name;
  test.mode_then = route->mode;
  test.built_at = now();
  test.built_by = command.by;
  for (const model::RulepackRef& ref : route->rulepacks) {
    const RulepackChange* const then = shelf_.in_force_at(ref.name, found->t0);
    if (then == nullptr) continue;  // the route has it since
    auto text = rulepack_text(then->digest);
    if (!text) {
      return fail(text.error().code,
                  fmt::format("replay is impossible: the rulepack {} that was in "
                              "force then is missing ({})",
                              ref.name, text.error().detail));
    }
    test.packs.push_back({then->name, then->version, then->digest, *std::move(text)});
  }
  if (test.packs.empty()) {
    return fail(Errc::not_found, fmt::format("replay is impossible: route {} obeyed no rulepack "
                                             "when {} opened",
                                             name, found->id));
  }
  for (const ReplaySample& sample : command.samples) {
    replay::Case one;
    one.source = replay::Source::sample;
    one.part = sample.part;
    one.text = sample.text;
    one.hide = sample.hide;
    one.expect = command.expect.value_or(model::Action::allow);
    test.cases.push_back(std::move(one));
  }
  return test;
}

internal::FlightScope ControlPlane::flight_scope(const incident::Incident& incident) const {
  return {incident.id, incident.scopes, incident.impact_start - kBeforeImpact};
}

/// What the flight recorder has of an incident is kept from the moment it opens.
net::Task<void> ControlPlane::freeze_flights() {
  const bool captures =
      std::any_of(generation_->routes.begin(), generation_->routes.end(),
                  [](const auto& route) { return route.capture == model::Capture::on; });
  if (!captures) co_return;
  std::vector<internal::FlightScope> due;
  for (const incident::Incident* each : watch_.desk().incidents()) {
    if (!incident::is_open(each->state)) continue;
    if (flights_frozen_.insert(each->id).second) due.push_back(flight_scope(*each));
  }
  for (const internal::FlightScope& scope : due) {
    const store::FlightReader* const ring = &parts_.flight;
    store::Vault* const vault = &parts_.vault;
    std::function<Result<std::uint64_t>()> work = [scope, ring, vault] {
      return internal::freeze_flight(scope, *ring, *vault);
    };
    const auto frozen = co_await parts_.bench.run(std::move(work), internal::kBenchWait);
    if (!frozen) {
      log::error("flight_not_frozen",
                 {{"incident", scope.incident}, {"detail", frozen.error().detail}});
      continue;
    }
    auto turn = co_await ledger_.take_turn();
    if (!turn) co_return;
    Draft draft{EntryKind::custody,
                {{"evidence", internal::frozen_name(scope.incident)},
                 {"incident", scope.incident},
                 {"act", "frozen"},
                 {"actor", "service:cordon"},
                 {"purpose", "the flight recorder, when the incident opened"},
                 {"exchanges", *frozen}}};
    const auto written = co_await ledger_.record(std::move(draft));
    if (!written) co_return;
  }
}

net::Task<Result<BuiltReplay>> ControlPlane::build_replay(BuildReplay command) {
  const auto job = std::make_shared<BuildJob>(parts_.flight, parts_.vault);
  auto draft = draft_replay(command);
  Status ran;
  if (draft) {
    job->test = *std::move(draft);
    job->named = command.exchanges;
    job->expect = command.expect;
    job->scope = flight_scope(*watch_.desk().find(command.incident));
    std::function<Status()> work = [job] { return job->run(); };
    ran = co_await parts_.bench.run(std::move(work), internal::kBenchWait);
  } else {
    ran = tl::make_unexpected(std::move(draft).error());
  }
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  if (!ran) {
    co_await refuse("build_replay", command.by, ran.error());
    co_return tl::make_unexpected(ran.error());
  }
  job->test.id = next_replay_id(job->test.incident);
  job->report.id = job->test.id;
  const std::string bytes = replay::write(job->test);
  if (bytes.size() > replay::kTestBytesMax) {
    Error large{Errc::exhausted, fmt::format("a replay test of {} bytes, at most {} are kept",
                                             bytes.size(), replay::kTestBytesMax)};
    co_await refuse("build_replay", command.by, large);
    co_return tl::make_unexpected(std::move(large));
  }
  BuiltReplay built;
  built.then = job->report;
  ReplayRecord& record = built.record;
  record.id = job->test.id;
  record.digest = crypto::hex(crypto::sha256(bytes));
  record.incident = job->test.incident;
  record.incident_class = job->test.incident_class;
  record.route = job->test.route;
  for (const replay::PackThen& pack : job->test.packs) {
    record.packs.push_back({pack.name, pack.digest});
  }
  for (const replay::Case& one : job->test.cases) {
    ++(one.source == replay::Source::capture ? record.from_capture : record.from_samples);
  }
  record.by = command.by;
  const Status kept = parts_.vault.put(record.digest, bytes);
  if (!kept) co_return tl::make_unexpected(kept.error());
  Draft entry{EntryKind::replay_test, to_body(record)};
  const auto written = co_await ledger_.record(std::move(entry));
  if (!written) co_return tl::make_unexpected(written.error());
  record = replays_.back();
  co_return built;
}

net::Task<Result<std::vector<replay::Report>>> ControlPlane::run_replays(RunReplays command) {
  std::vector<ReplayRecord> chosen;
  for (const ReplayRecord& record : replays_) {
    const bool named =
        std::find(command.ids.begin(), command.ids.end(), record.id) != command.ids.end();
    if (command.ids.empty() || named) chosen.push_back(record);
  }
  if (chosen.size() < command.ids.size()) {
    co_return fail(Errc::not_found, "no replay test of that name; see `cordon replay list`");
  }
  const auto job = std::make_shared<internal::JudgeJob>(parts_.archive, parts_.vault);
  if (!command.candidate.empty()) {
    job->text = std::move(command.candidate);
    job->file = std::move(command.file);
    std::function<Status()> work = [job] { return job->read(); };
    const Status ran = co_await parts_.bench.run(std::move(work), internal::kBenchWait);
    if (!ran) co_return tl::make_unexpected(ran.error());
  }
  containment::RulepackDigests digests = rulepack_digests();
  if (job->pack && digests.contains(job->pack->name)) digests[job->pack->name] = job->pack->digest;
  auto next = next_generation(digests);
  if (!next) co_return tl::make_unexpected(next.error());
  const auto engines = co_await parts_.gateways.prepare(*next, job->pack);
  if (!engines) co_return tl::make_unexpected(engines.error());
  using Reports = std::vector<replay::Report>;
  std::function<Result<Reports>()> work = [job, chosen, by_route = engines->routes] {
    Reports reports;
    replay::Candidates candidates;
    if (job->pack) candidates.push_back(job->pack);
    for (const ReplayRecord& record : chosen) {
      const auto engine = by_route.find(record.route);
      reports.push_back(
          job->run_test(record, engine == by_route.end() ? nullptr : engine->second, candidates));
    }
    return Result<Reports>(std::move(reports));
  };
  co_return co_await parts_.bench.run(std::move(work), internal::kBenchWait);
}

net::Task<Result<std::string>> ControlPlane::export_replay(std::string id, std::string purpose,
                                                           model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  const auto record = std::find_if(replays_.begin(), replays_.end(),
                                   [&id](const ReplayRecord& each) { return each.id == id; });
  Result<std::string> bytes =
      fail(Errc::not_found, fmt::format("no replay test {}", id.substr(0, 64)));
  if (purpose.empty()) {
    bytes = fail(Errc::invalid, "no purpose is given; say what the texts are taken for");
  } else if (record != replays_.end()) {
    bytes = parts_.vault.get(record->digest);
    if (bytes && crypto::hex(crypto::sha256(*bytes)) != record->digest) {
      bytes = fail(Errc::corrupt, fmt::format("{} does not have the digest of its entry", id));
    }
  }
  if (!bytes) {
    co_await refuse("export_replay", by, bytes.error());
    co_return bytes;
  }
  Draft draft{EntryKind::custody,
              {{"evidence", record->id},
               {"incident", record->incident},
               {"act", "accessed"},
               {"actor", by.text()},
               {"purpose", purpose},
               {"sha256", record->digest}}};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return bytes;
}

}  // namespace cordon::api
