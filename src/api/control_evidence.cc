// How an incident is frozen into a bundle: what belongs to it, and the custody entries.
#include "api/control_plane.h"
#include "base/hex.h"
#include "base/log.h"
#include "evidence/journal_entries.h"
#include "evidence/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace cordon::api {

using codec::Json;
using model::EntryKind;

namespace {

bool is_exchange(EntryKind kind) {
  return kind == EntryKind::decision || kind == EntryKind::response_end;
}

/// Everything a freeze needs, taken in one turn. What happens afterwards does not change it, and
/// the worker that carries it out touches nothing of the control thread's.
struct FreezePlan {
  std::string id;
  std::vector<model::Scope> scopes;
  evidence::BundleRequest request;  ///< `sequences` holds those of the timeline
  std::uint64_t search_from = 0;    ///< where exchanges in scope may begin
  evidence::Tree tree;
  evidence::VerifierKey log;
  const crypto::SigningKey& key;
  journal::Reader records;
  journal::Reader proofs;
  std::filesystem::path out;
};

struct FrozenAndVerified {
  evidence::Frozen frozen;
  bool ok = false;
  std::string fault;  ///< why not
};

bool in_scope(const std::vector<model::Scope>& scopes, const Json& body) {
  const auto text = [&body](const char* key) {
    const auto found = body.find(key);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string route = text("route");
  const std::string model = text("model");
  const std::string provider = text("provider");
  const std::string tenant = text("tenant");
  const std::string use_case = text("use_case");
  const model::Place place{route, model, provider, tenant, use_case, {}};
  return std::any_of(scopes.begin(), scopes.end(),
                     [&place](const model::Scope& scope) { return scope.covers(place); });
}

/// Adds the exchanges in scope to those of the timeline.
Status choose_records(FreezePlan& plan) {
  std::set<std::uint64_t> chosen(plan.request.sequences.begin(), plan.request.sequences.end());
  plan.records.seek(plan.search_from);
  while (plan.records.position() < plan.tree.size()) {
    CORDON_TRY(const auto read, plan.records.next());
    if (!read) return fail(Errc::corrupt, "an entry of the tree is not in the journal");
    CORDON_TRY(const EntryKind kind, model::peek_kind(read->bytes));
    if (!is_exchange(kind)) continue;
    CORDON_TRY(const model::Entry entry, model::parse_entry(read->bytes));
    if (entry.recorded < plan.request.from || !in_scope(plan.scopes, entry.body)) continue;
    if (chosen.size() >= kBundleEntriesMax) {
      return fail(Errc::exhausted,
                  fmt::format("more than {} entries in scope; narrow the incident's scope",
                              kBundleEntriesMax));
    }
    chosen.insert(read->sequence);
  }
  plan.request.sequences.assign(chosen.begin(), chosen.end());
  return {};
}

/// On the worker's thread: writes the bundle and verifies it the way a stranger would, from the
/// file, with nothing but the pinned key.
Result<FrozenAndVerified> carry_out(FreezePlan& plan) {
  CORDON_CHECK(choose_records(plan));
  evidence::JournalEntries entries(std::move(plan.records));
  evidence::JournalEntries proof_entries(std::move(plan.proofs));
  evidence::Prover prover(std::move(plan.tree), proof_entries);
  std::error_code error;
  std::filesystem::create_directories(plan.out, error);
  if (error) {
    return fail(Errc::unavailable, fmt::format("{}: {}", plan.out.string(), error.message()));
  }
  FrozenAndVerified done;
  CORDON_TRY(done.frozen,
             evidence::freeze(plan.request, prover, entries, plan.log, plan.key, plan.out));
  const auto report = evidence::verify_bundle(done.frozen.tar, {plan.log, std::nullopt});
  done.ok = report && report->ok;
  if (!done.ok) done.fault = report ? evidence::describe(*report) : report.error().detail;
  return done;
}

/// INC-2026-00017 and the third bundle: EV-2026-00017-03.
std::string evidence_id(const std::string& incident, std::size_t number) {
  return fmt::format("EV-{}-{:02}", incident.substr(incident.find('-') + 1), number);
}

Result<crypto::Digest> digest_of(const std::string& hex) {
  CORDON_TRY(const std::vector<std::byte> raw, from_hex(hex));
  crypto::Digest digest;
  if (raw.size() != digest.size()) return fail(Errc::corrupt, "a digest that is not SHA-256");
  std::copy(raw.begin(), raw.end(), digest.begin());
  return digest;
}

}  // namespace

std::filesystem::path ControlPlane::bundle_path(const EvidenceRecord& record) const {
  return options_.evidence_dir / record.id / record.incident;
}

Status ControlPlane::add_blobs(const incident::Incident& incident,
                               evidence::BundleRequest& request) {
  std::set<std::string> generations{generation_->digest};
  for (const incident::TimelineItem& item : watch_.desk().timeline(incident)) {
    if (item.kind == EntryKind::generation_change) {
      generations.insert(item.fields.value("digest", ""));
    }
  }
  for (const std::string& hex : generations) {
    CORDON_TRY(const crypto::Digest digest, digest_of(hex));
    CORDON_TRY(std::string blob, parts_.archive.get(digest));
    request.configs.push_back(std::move(blob));
  }
  for (const auto& [name, history] : shelf_.all()) {
    if (name == kCanaryPack) continue;  // whoever reads the bundle would learn the tokens
    CORDON_TRY(const crypto::Digest digest, digest_of(history.back().digest));
    CORDON_TRY(std::string blob, parts_.archive.get(digest));
    request.rulepacks.push_back(std::move(blob));
  }
  for (const auto& standing : watch_.desk().standing(incident).containments) {
    if (!standing.receipt) continue;
    request.receipts.push_back({fmt::format("{}.json", standing.containment.id),
                                codec::write_json(standing.receipt->to_json()) + "\n"});
  }
  return {};
}

/// The next free number: neither in the journal nor on disk, where a crash may have left one.
std::string ControlPlane::next_evidence_id(const std::string& incident) const {
  std::size_t number = 1;
  std::error_code error;
  while (true) {
    std::string id = evidence_id(incident, number++);
    const bool known = std::any_of(evidence_.begin(), evidence_.end(),
                                   [&id](const EvidenceRecord& record) { return record.id == id; });
    if (!known && !freezing_.contains(id) &&
        !std::filesystem::exists(options_.evidence_dir / id, error)) {
      return id;
    }
  }
}

Result<evidence::BundleRequest> ControlPlane::plan_bundle(const incident::Incident& incident) {
  evidence::BundleRequest request;
  request.incident = incident.id;
  request.as_of = now();
  request.from = incident.impact_start - kBeforeImpact;
  request.until = request.as_of;
  const incident::Standing& standing = watch_.desk().standing(incident);
  request.incident_json =
      codec::write_json(incident::to_json(incident, standing, request.as_of)) + "\n";
  const auto timeline = watch_.desk().timeline(incident);
  request.timeline_jsonl = incident::to_lines(timeline);
  for (const incident::TimelineItem& item : timeline) request.sequences.push_back(item.sequence);
  CORDON_CHECK(add_blobs(incident, request));
  CORDON_TRY(request.checkpoint, parts_.log.checkpoint());
  return request;
}

/// Where to begin looking for entries recorded at `from` or later.
std::uint64_t ControlPlane::mark_before(WallTime from) const {
  const auto mark =
      std::lower_bound(marks_.begin(), marks_.end(), from,
                       [](const auto& known, WallTime wanted) { return known.first < wanted; });
  return mark == marks_.begin() ? 0 : std::prev(mark)->second;
}

struct ControlPlane::Custody {
  std::string id;
  std::string incident;
  model::Actor by;
  std::string purpose;
  evidence::Frozen frozen;
  bool ok = false;  ///< it verified
};

net::Task<Result<EvidenceRecord>> ControlPlane::freeze(std::string incident, model::Actor by,
                                                       std::string purpose) {
  std::optional<Result<Ledger::Turn>> turn(co_await ledger_.take_turn());
  if (!*turn) co_return tl::make_unexpected(turn->error());
  const incident::Incident* const found = watch_.desk().find(incident);
  if (found == nullptr) {
    Error missing{Errc::not_found, fmt::format("no incident {}", incident.substr(0, 64))};
    co_await refuse("freeze", by, missing);
    co_return tl::make_unexpected(std::move(missing));
  }
  const std::string incident_id = found->id;
  const std::string id = next_evidence_id(incident_id);
  auto request = plan_bundle(*found);
  if (!request) {
    co_await refuse("freeze", by, request.error());
    co_return tl::make_unexpected(request.error());
  }
  const std::uint64_t search_from = mark_before(request->from);
  const auto plan = std::make_shared<FreezePlan>(
      FreezePlan{id, found->scopes, *std::move(request), search_from, parts_.log.tree(),
                 parts_.log.verifier(), parts_.log.key(), parts_.journal.reader(search_from),
                 parts_.journal.reader(0), options_.evidence_dir / id});
  freezing_.insert(id);
  // Kills and everything else go on while the worker reads and writes.
  turn.reset();
  std::function<Result<FrozenAndVerified>()> job = [plan] { return carry_out(*plan); };
  auto done = co_await parts_.worker.run<FrozenAndVerified>(std::move(job), kFreezeWait);
  freezing_.erase(id);
  turn.emplace(co_await ledger_.take_turn());
  if (!*turn) co_return tl::make_unexpected(turn->error());
  if (!done) {
    log::error("freeze_failed", {{"incident", incident_id}, {"detail", done.error().detail}});
    co_await refuse("freeze", by, done.error());
    co_return tl::make_unexpected(done.error());
  }
  Custody custody{id, incident_id, std::move(by), std::move(purpose), done->frozen, done->ok};
  const Status recorded = co_await record_freeze(std::move(custody));
  if (!recorded) co_return tl::make_unexpected(recorded.error());
  if (!done->ok) {
    co_return fail(Errc::corrupt, fmt::format("{} does not verify: {}", id, done->fault));
  }
  const auto record = std::find_if(evidence_.begin(), evidence_.end(),
                                   [&id](const EvidenceRecord& known) { return known.id == id; });
  co_return *record;
}

/// Custody: collected, then verified or not.
net::Task<Status> ControlPlane::record_freeze(Custody custody) {
  Draft collected{EntryKind::custody,
                  {{"evidence", custody.id},
                   {"incident", custody.incident},
                   {"act", "collected"},
                   {"actor", custody.by.text()},
                   {"purpose", custody.purpose},
                   {"sha256", crypto::hex(custody.frozen.tar_sha256)},
                   {"bytes", custody.frozen.tar_bytes},
                   {"tree_size", custody.frozen.tree_size},
                   {"records", custody.frozen.records}}};
  auto written = co_await ledger_.record(std::move(collected));
  if (!written) co_return tl::make_unexpected(written.error());
  Draft verified{EntryKind::custody,
                 {{"evidence", custody.id},
                  {"incident", custody.incident},
                  {"act", "verified"},
                  {"actor", model::Actor{model::ActorKind::service, "cordon"}.text()},
                  {"purpose", "check after freezing"},
                  {"sha256", crypto::hex(custody.frozen.tar_sha256)},
                  {"ok", custody.ok}}};
  written = co_await ledger_.record(std::move(verified));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return Status{};
}

/// Reads the log back a little at a time, so that the next signed head is never far behind and
/// nobody waits for it.
net::Task<void> ControlPlane::keep_log(net::Scope& scope) {
  constexpr std::uint64_t kEntriesATurn = 2'000;
  constexpr std::chrono::milliseconds kBusy{1};
  constexpr std::chrono::milliseconds kIdle{500};
  while (!scope.stopping()) {
    const auto behind = parts_.log.rederive_some(kEntriesATurn);
    if (!behind) {
      // Every checkpoint will say the same; nothing is signed until somebody looks.
      log::error("log_not_read_back", {{"detail", behind.error().detail}});
      break;
    }
    const Status slept = co_await net::sleep(scope, *behind > 0 ? kBusy : kIdle);
    if (!slept) break;
  }
}

}  // namespace cordon::api
