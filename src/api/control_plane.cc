#include "api/control_plane.h"

#include "base/log.h"
#include "base/uuid.h"

#include <fmt/format.h>

namespace cordon::api {

using codec::Json;
using model::EntryKind;

namespace {

const model::Actor kCordon{model::ActorKind::service, "cordon"};

constexpr std::size_t kRefusalsMax = 1'000;

/// By name alone: a sender of alerts is a person to the server and a service to what it ingests.
std::string refusal_key(const model::Actor& actor, const Error& error) {
  return actor.name + '\n' + error.detail;
}

/// Leaves the moment before it is needed to whoever reads a log at night.
void log_recovery(const Recovered& recovered) {
  log::info("recovered", {{"entries", recovered.entries}, {"took_ms", recovered.took.count()}});
}

}  // namespace

ControlPlane::ControlPlane(Parts parts, ControlOptions options)
    : parts_(parts),
      options_(std::move(options)),
      ledger_(parts.loop, parts.journal, parts.writer,
              [this](std::uint64_t sequence, std::string_view bytes) {
                return apply(sequence, bytes);
              }),
      past_(history_, parts.archive),
      watch_(options_.watch, parts.writer.random(), parts.writer.clock()),
      generation_(std::make_shared<const model::Generation>()),
      configured_(generation_) {
  // What was loaded was measured by whoever loaded it.
  for (const auto& [name, pack] : options_.rulepacks) measured_for_->emplace(name, pack.digest);
}

ControlPlane::~ControlPlane() = default;

Result<Recovered> ControlPlane::recover() {
  const MonoTime begin = parts_.writer.clock().mono();
  CORDON_CHECK(ledger_.catch_up());
  recovering_ = false;
  Recovered recovered{ledger_.next(), std::chrono::duration_cast<std::chrono::milliseconds>(
                                          parts_.writer.clock().mono() - begin)};
  log_recovery(recovered);
  return recovered;
}

void ControlPlane::on_durable() {
  if (!ledger_.catch_up()) healthy_ = false;
}

Status ControlPlane::apply(std::uint64_t sequence, std::string_view bytes) {
  CORDON_CHECK(parts_.log.integrate(sequence, bytes));
  CORDON_TRY(const EntryKind kind, model::peek_kind(bytes));
  CORDON_CHECK(history_.observe(sequence, bytes));
  if (sequence % kMarkEvery == 0) {
    CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
    marks_.emplace_back(entry.recorded, sequence);
  }
  if (kind == EntryKind::decision || kind == EntryKind::response_end) {
    return note_exchange(sequence, kind, bytes);
  }
  CORDON_CHECK(watch_.observe(sequence, bytes));
  return apply_entry(kind, bytes);
}

Status ControlPlane::apply_entry(EntryKind kind, std::string_view bytes) {
  switch (kind) {
    case EntryKind::containment: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(const containment::Event event, containment::parse_event(entry.body));
      measures_.evolve(event);
      settle(entry);
      note_page(entry);
      return {};
    }
    case EntryKind::approval: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(const auto event, containment::parse_approval_event(entry.body));
      approvals_.evolve(event);
      return {};
    }
    case EntryKind::incident_event: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      settle(entry);
      note_page(entry);
      return {};
    }
    case EntryKind::page: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      return pages_.observe(entry.body, entry.recorded);
    }
    case EntryKind::token_change: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(const containment::TokenEvent event, containment::parse_token_event(entry.body));
      tokens_.evolve(event);
      return {};
    }
    case EntryKind::key_change: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(const containment::KeyEvent event, containment::parse_key_event(entry.body));
      keys_.evolve(event);
      return {};
    }
    case EntryKind::receipt: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(containment::Receipt receipt, containment::Receipt::from_json(entry.body));
      std::string id = receipt.containment;
      receipts_.insert_or_assign(std::move(id), std::move(receipt));
      return {};
    }
    case EntryKind::generation_change: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      last_generation_ = entry.body.value("number", std::uint64_t{0});
      last_digest_ = entry.body.value("digest", "");
      return {};
    }
    case EntryKind::rulepack_change: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(RulepackChange change, parse_rulepack_change(entry.body));
      change.entry = entry.id;
      change.at = entry.recorded;
      settle(entry);
      shelf_.evolve(std::move(change));
      return {};
    }
    case EntryKind::config_change: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      settle(entry);
      return {};
    }
    case EntryKind::replay_test: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      CORDON_TRY(ReplayRecord record, parse_replay_record(entry.body));
      record.entry = entry.id;
      record.at = entry.recorded;
      replays_.push_back(std::move(record));
      return {};
    }
    case EntryKind::baseline: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      note_baseline(entry);
      return {};
    }
    case EntryKind::custody: {
      CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
      note_custody(entry);
      return {};
    }
    default:
      return {};
  }
}

Status ControlPlane::note_exchange(std::uint64_t sequence, EntryKind kind, std::string_view bytes) {
  if (kind == EntryKind::response_end) {
    // Most of what a busy node writes: read once for everybody.
    CORDON_TRY(const auto end, exchange_reader_.response_end(bytes));
    watch_.observe(sequence, end);
    recent_.observe(end.record, end.recorded);
    usage_.observe(end.record, end.recorded);
    if (recovering_) open_exchanges_.erase(end.record.head.exchange);
  } else if (recovering_) {
    CORDON_TRY(auto read, exchange_reader_.decision(bytes));
    std::string exchange = read.record.head.exchange;
    open_exchanges_.insert_or_assign(std::move(exchange), std::move(read.record.head));
  }
  return {};
}

net::Task<Status> ControlPlane::close_open_exchanges() {
  std::optional<std::uint64_t> last;
  for (const auto& [exchange, head] : open_exchanges_) {
    model::EndRecord end;
    end.head = head;
    end.end = model::End::end_unknown;
    std::string bytes;
    model::append_entry(parts_.writer, end, bytes);
    const auto sequence = parts_.journal.append(bytes, journal::Urgency::eager);
    if (!sequence) co_return tl::make_unexpected(sequence.error());
    last = *sequence;
  }
  if (!open_exchanges_.empty()) {
    log::warn("exchanges_found_open", {{"count", open_exchanges_.size()}});
    open_exchanges_.clear();
  }
  if (!last) co_return Status{};
  const Ledger::Written written{"", *last};
  const Status done = co_await ledger_.applied(written);
  co_return done;
}

void ControlPlane::note_custody(const model::Entry& entry) {
  const std::string id = entry.body.value("evidence", "");
  const std::string act = entry.body.value("act", "");
  if (act == "frozen") flights_frozen_.insert(entry.body.value("incident", ""));
  if (act == "collected") {
    evidence_.push_back({id, entry.body.value("incident", ""), entry.body.value("sha256", ""),
                         entry.body.value("tree_size", std::uint64_t{0}),
                         entry.body.value("records", std::uint64_t{0}), false});
    return;
  }
  for (EvidenceRecord& record : evidence_) {
    if (record.id == id && act == "verified") record.verified = entry.body.value("ok", false);
  }
}

tl::expected<containment::Identity, containment::TokenRefusal> ControlPlane::authorise(
    std::string_view secret, containment::Role role) const {
  return tokens_.require(secret, role, now());
}

std::string ControlPlane::make_id() const {
  return make_uuid7(parts_.writer.clock(), parts_.writer.random());
}

net::Task<void> ControlPlane::note_refused(std::string command, model::Actor actor, Error error) {
  const auto known = refusals_.find(refusal_key(actor, error));
  if (known != refusals_.end()) {
    refusals_.erase(known);
    co_return;
  }
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return;
  co_await refuse(command, actor, error);
  const auto mine = refusals_.find(refusal_key(actor, error));
  if (mine != refusals_.end()) refusals_.erase(mine);
}

net::Task<void> ControlPlane::refuse(std::string_view command, model::Actor actor, Error error) {
  // Calls that never ask, like those of the clock, leave theirs behind.
  if (refusals_.size() >= kRefusalsMax) refusals_.clear();
  refusals_.insert(refusal_key(actor, error));
  Draft draft{EntryKind::refusal,
              {{"command", command},
               {"actor", actor.text()},
               {"code", to_string(error.code)},
               {"reason", error.detail}}};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) log::error("refusal_not_recorded", {{"detail", written.error().detail}});
}

/// The files' versions come into force unless a version was published, or gone back to, since.
net::Task<Status> ControlPlane::record_loaded() {
  for (const auto& [name, pack] : options_.rulepacks) {
    const RulepackChange* const last = shelf_.in_force(name);
    if (last != nullptr && (!last->follows_file || last->digest == pack.digest)) continue;
    const auto stored = parts_.archive.put(pack.text);
    if (!stored) co_return tl::make_unexpected(stored.error());
    RulepackChange change;
    change.name = name;
    change.version = pack.version;
    change.digest = pack.digest;
    change.actor = kCordon;
    Draft draft{EntryKind::rulepack_change, to_body(change)};
    const auto written = co_await ledger_.record(std::move(draft));
    if (!written) co_return tl::make_unexpected(written.error());
  }
  co_return Status{};
}

Result<std::shared_ptr<const model::Generation>> ControlPlane::configure(
    const containment::RulepackDigests& digests) const {
  CORDON_TRY(const auto made,
             containment::make_generation(last_generation_, options_.config, measures_, digests));
  return containment::seal(containment::with_keys(*made, keys_, now()));
}

Result<std::shared_ptr<const model::Generation>> ControlPlane::next_generation(
    const containment::RulepackDigests& digests) const {
  CORDON_TRY(const auto configured, configure(digests));
  const containment::Containment* const rollback = measures_.rollback();
  CORDON_TRY(const model::Generation from,
             origin(*configured, rollback == nullptr ? std::nullopt : rollback->to));
  return containment::with_measures(from, generation_->number + 1, measures_);
}

net::Task<Result<std::string>> ControlPlane::begin() {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  const Status closed = co_await close_open_exchanges();
  if (!closed) co_return tl::make_unexpected(closed.error());
  const Status loaded = co_await record_loaded();
  if (!loaded) co_return tl::make_unexpected(loaded.error());
  const Status archived =
      restore(parts_.archive, past_, {last_generation_, last_digest_}, measures_);
  if (!archived) {
    // What is in force is known all the same; only that one generation cannot be shown.
    log::error("generation_not_archived", {{"detail", archived.error().detail}});
  }

  const containment::RulepackDigests digests = rulepack_digests();
  auto configured = configure(digests);
  if (!configured) co_return tl::make_unexpected(configured.error());
  configured_ = *std::move(configured);
  const containment::Containment* const rollback = measures_.rollback();
  const auto from = origin(*configured_, rollback == nullptr ? std::nullopt : rollback->to);
  if (!from) co_return tl::make_unexpected(from.error());
  auto next = containment::with_measures(*from, last_generation_, measures_);
  if (last_generation_ == 0 || next->digest != last_digest_) {
    next = containment::with_measures(*from, last_generation_ + 1, measures_);
    CORDON_CO_CHECK(archive(parts_.archive, *next));
    Draft draft{EntryKind::generation_change,
                containment::generation_change_body(*next, "start", kCordon)};
    const auto written = co_await ledger_.record(std::move(draft));
    if (!written) co_return tl::make_unexpected(written.error());
  }
  generation_ = next;
  // Nobody is served yet, so a machine that is slow to start its threads is waited for.
  constexpr int kStartRounds = 12;
  bool adopted = false;
  for (int round = 0; round < kStartRounds && !adopted; ++round) {
    const auto nodes = co_await parts_.gateways.adopt(next);
    adopted = std::all_of(nodes.begin(), nodes.end(),
                          [](const containment::NodeReceipt& node) { return node.acked; });
  }
  if (!adopted) co_return fail(Errc::unavailable, "a gateway thread did not start in time");

  if (!tokens_.all().empty()) co_return std::string();
  const containment::MintToken first{
      "admin", {containment::Role::admin}, now() + std::chrono::hours(24 * 365), kCordon};
  auto minted = tokens_.mint(first, now(), parts_.writer.random());
  if (!minted) co_return tl::make_unexpected(minted.error());
  Draft draft{EntryKind::token_change,
              containment::to_body(containment::TokenEvent(minted->event))};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return std::move(minted->secret);
}

net::Task<void> ControlPlane::keep_time(net::Scope& scope) {
  constexpr std::chrono::milliseconds kEvery{500};
  while (!scope.stopping()) {
    co_await mark_overdue();
    co_await refresh_measured();
    co_await watch_drift();
    co_await follow_up();
    co_await freeze_flights();
    const Status slept = co_await net::sleep(scope, kEvery);
    if (!slept) break;
  }
}

net::Task<void> ControlPlane::follow_up() {
  // What follows may have followers of its own; the bound is far above any real chain.
  for (int round = 0; round < 16; ++round) {
    auto turn = co_await ledger_.take_turn();
    if (!turn) co_return;
    std::vector<incident::Draft> drafts = watch_.step(now());
    if (drafts.empty()) co_return;
    for (incident::Draft& next : drafts) {
      if (!next.blob.empty()) {
        const auto kept = parts_.archive.put(next.blob);
        if (!kept) {
          log::error("follow_up_not_kept", {{"detail", kept.error().detail}});
          co_return;
        }
      }
      Draft draft{next.kind, std::move(next.body)};
      const auto written = co_await ledger_.record(std::move(draft));
      if (!written) {
        log::error("follow_up_not_recorded", {{"detail", written.error().detail}});
        co_return;
      }
    }
  }
}

net::Task<Result<detect::Signal>> ControlPlane::report(detect::Signal signal) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  signal.recorded = now();
  auto draft = watch_.desk().report(signal);
  if (!draft) {
    co_await refuse("report", signal.reporter, draft.error());
    co_return tl::make_unexpected(draft.error());
  }
  Draft entry{draft->kind, std::move(draft->body)};
  auto written = co_await ledger_.record(std::move(entry));
  if (!written) co_return tl::make_unexpected(written.error());
  signal.id = written->id;
  co_return signal;
}

Result<std::vector<incident::Draft>> ControlPlane::decide(const std::string& incident,
                                                          const model::Actor& actor,
                                                          const incident::Command& command,
                                                          WallTime at, std::string* needs) const {
  const auto* commander = std::get_if<incident::ProposeCommander>(&command);
  const auto* role = std::get_if<incident::ProposeRole>(&command);
  if (commander != nullptr) CORDON_CHECK(check_known(commander->person));
  if (role != nullptr) CORDON_CHECK(check_known(role->person));
  return watch_.desk().decide(incident, actor, command, at, at, needs);
}

net::Task<Status> ControlPlane::command(std::string incident, model::Actor actor,
                                        incident::Command command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  auto drafts = decide(incident, actor, command, now(), nullptr);
  if (!drafts) {
    co_await refuse(incident::name_of(command), actor, drafts.error());
    co_return tl::make_unexpected(drafts.error());
  }
  co_return co_await record_all(*std::move(drafts));
}

net::Task<Status> ControlPlane::record_all(std::vector<incident::Draft> drafts) {
  for (incident::Draft& next : drafts) {
    Draft draft{next.kind, std::move(next.body)};
    const auto written = co_await ledger_.record(std::move(draft));
    if (!written) co_return tl::make_unexpected(written.error());
  }
  co_return Status{};
}

net::Task<Result<containment::Minted>> ControlPlane::mint(containment::MintToken command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  auto minted = tokens_.mint(command, now(), parts_.writer.random());
  if (!minted) {
    co_await refuse("mint_token", command.by, minted.error());
    co_return tl::make_unexpected(minted.error());
  }
  Draft draft{EntryKind::token_change,
              containment::to_body(containment::TokenEvent(minted->event))};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return std::move(*minted);
}

net::Task<Status> ControlPlane::revoke(std::string id, model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  const auto event = tokens_.revoke(id, by, now());
  if (!event) {
    co_await refuse("revoke_token", by, event.error());
    co_return tl::make_unexpected(event.error());
  }
  Draft draft{EntryKind::token_change, containment::to_body(containment::TokenEvent(*event))};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return Status{};
}

}  // namespace cordon::api
