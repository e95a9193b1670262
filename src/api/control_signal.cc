// How signals of others come in: alerts of another system, and what customers report.
#include "api/control_plane.h"
#include "base/hex.h"
#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::api {

using codec::Json;
using model::EntryKind;

namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::size_t kReportersMax = 10'000;
constexpr std::chrono::minutes kReportWindow{1};

/// All refused alerts of one notification in one sentence that stays short.
std::string say(const std::vector<detect::RefusedAlert>& refused, std::size_t taken) {
  std::string text = fmt::format("{} alerts were refused and {} taken", refused.size(), taken);
  const std::size_t shown = std::min<std::size_t>(refused.size(), 3);
  for (std::size_t i = 0; i < shown; ++i) {
    text += fmt::format("; {} {}: {}", refused[i].name.empty() ? "an alert" : refused[i].name,
                        refused[i].fingerprint, refused[i].reason);
  }
  if (refused.size() > shown) text += fmt::format("; and {} more", refused.size() - shown);
  return text;
}

}  // namespace

net::Task<Result<Ingested>> ControlPlane::ingest(detect::AlertBatch batch, model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  Ingested done;
  std::optional<Ledger::Written> last;
  const WallTime at = now();
  for (detect::Signal& signal : batch.signals) {
    signal.recorded = at;
    const auto draft = watch_.desk().report(signal);
    if (!draft) {
      ++done.repeated;
      continue;
    }
    const Draft entry{draft->kind, draft->body};
    auto written = ledger_.append(entry);
    if (!written) co_return tl::make_unexpected(written.error());
    done.taken.push_back(written->id);
    last = *std::move(written);
  }
  for (const detect::SignalEnd& end : batch.ends) {
    const auto draft = watch_.desk().report(end);
    if (!draft) {
      ++done.repeated;
      continue;
    }
    const Draft entry{draft->kind, draft->body};
    auto written = ledger_.append(entry);
    if (!written) co_return tl::make_unexpected(written.error());
    ++done.ended;
    last = *std::move(written);
  }
  if (last) {
    // What the sender is told is taken must survive a crash of ours.
    const Status applied = co_await ledger_.applied(*last);
    if (!applied) co_return tl::make_unexpected(applied.error());
  }
  if (!batch.refused.empty()) {
    done.refusal = say(batch.refused, done.taken.size() + done.repeated + done.ended);
    Error error{Errc::invalid, done.refusal};
    co_await refuse("ingest_alertmanager", std::move(by), std::move(error));
  }
  if (batch.truncated > 0) log::warn("alerts_left_out", {{"count", batch.truncated}});
  ingest_counts_.taken += done.taken.size();
  ingest_counts_.repeated += done.repeated;
  ingest_counts_.ended += done.ended;
  ingest_counts_.refused += batch.refused.size();
  ingest_counts_.left_out += batch.truncated;
  co_return done;
}

Status ControlPlane::admit_report(const std::string& token) {
  const MonoTime since = parts_.writer.clock().mono() - MonoTime(kReportWindow);
  for (auto item = report_times_.begin(); item != report_times_.end();) {
    auto& times = item->second;
    while (!times.empty() && times.front() <= since) times.pop_front();
    item = times.empty() ? report_times_.erase(item) : std::next(item);
  }
  const std::uint32_t most = options_.config.ingest.reports_per_minute;
  if (report_times_.size() >= kReportersMax && !report_times_.contains(token)) {
    return fail(Errc::exhausted, "too many senders of reports in the last minute");
  }
  auto& times = report_times_[token];
  if (times.size() >= most) {
    return fail(Errc::exhausted,
                fmt::format("more than {} reports in a minute from one token; wait, or raise "
                            "ingest.reports_per_minute",
                            most));
  }
  times.push_back(parts_.writer.clock().mono());
  return {};
}

net::Task<Result<detect::Signal>> ControlPlane::report_text(detect::Signal signal,
                                                            std::string text) {
  // Salted, so that the digest in the log confirms no guess at the text.
  std::array<std::byte, 16> salt{};
  parts_.writer.random().fill(salt);
  const std::string blob =
      codec::write_json({{"v", 1}, {"salt", to_hex(salt)}, {"text", std::move(text)}});
  const auto stored = parts_.archive.put(blob);
  if (!stored) co_return tl::make_unexpected(stored.error());
  signal.evidence = std::string(kSha256) + crypto::hex(*stored);
  co_return co_await report(std::move(signal));
}

net::Task<Result<std::string>> ControlPlane::read_report(std::string id, model::Actor by,
                                                         std::string purpose) {
  std::string evidence;
  for (const detect::Signal& signal : watch_.desk().signals()) {
    const bool one = signal.id == id && signal.source == detect::SignalSource::customer_report;
    if (one) evidence = signal.evidence;
  }
  if (!evidence.starts_with(kSha256)) {
    co_return fail(Errc::not_found, fmt::format("no customer report '{}'", id.substr(0, 64)));
  }
  const std::string digest = evidence.substr(kSha256.size());
  CORDON_CO_TRY(const auto bytes, from_hex(digest));
  crypto::Digest wanted{};
  if (bytes.size() != wanted.size()) co_return fail(Errc::corrupt, "a report without a digest");
  std::copy(bytes.begin(), bytes.end(), wanted.begin());
  CORDON_CO_TRY(const std::string blob, parts_.archive.get(wanted));
  CORDON_CO_TRY(const Json json, codec::parse_json(blob));
  // Who read what a customer wrote is itself on record, before it is shown.
  Draft draft{EntryKind::custody,
              {{"evidence", "report:" + id},
               {"act", "accessed"},
               {"actor", by.text()},
               {"purpose", std::move(purpose)},
               {"sha256", digest}}};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return json.value("text", "");
}

Status ControlPlane::check_known(const std::string& person) const {
  std::set<std::string> known;
  for (const auto& [id, token] : tokens_.all()) {
    const bool valid = !token.revoked_at && (!token.expires_at || *token.expires_at > now()) &&
                       token.roles.allows(containment::Role::responder);
    if (!valid) continue;
    if (token.person == person) return {};
    if (known.size() < 10) known.insert(token.person);
  }
  return fail(Errc::invalid,
              fmt::format("'{}' is no person who holds a token with the role responder; a team is "
                          "not one. Known: {}",
                          person.substr(0, 64), fmt::join(known, ", ")));
}

}  // namespace cordon::api
