// How a policy is pinned, and how drift from it becomes a signal.
#include "api/control_plane.h"
#include "base/hex.h"
#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;
using model::EntryKind;

namespace {

constexpr std::chrono::seconds kParseWait{60};
constexpr std::size_t kPacksMax = 200;

Result<crypto::Digest> digest_of(const std::string& hex) {
  CORDON_TRY(const std::vector<std::byte> raw, from_hex(hex));
  crypto::Digest digest;
  if (raw.size() != digest.size()) return fail(Errc::corrupt, "a digest that is not SHA-256");
  std::copy(raw.begin(), raw.end(), digest.begin());
  return digest;
}

/// On the worker's thread: rulepacks by digest, from their texts by digest.
Result<RulesByPack> parse_all(const std::map<std::string, std::string>& texts) {
  RulesByPack packs;
  for (const auto& [digest, text] : texts) {
    CORDON_TRY(detect::RulesInForce rules, rules_of(text));
    packs.emplace(digest, std::move(rules));
  }
  return packs;
}

}  // namespace

void ControlPlane::note_baseline(const model::Entry& entry) {
  Baseline baseline;
  baseline.generation = entry.body.value("generation", std::uint64_t{0});
  baseline.digest = entry.body.value("digest", "");
  baseline.policy_digest = entry.body.value("policy", "");
  baseline.reason = entry.body.value("reason", "");
  baseline.actor = entry.body.value("actor", "");
  baseline.at = entry.recorded;
  if (const auto digest = digest_of(baseline.policy_digest)) {
    const auto blob = parts_.archive.get(*digest);
    const auto json = blob ? codec::parse_json(*blob) : Result<Json>(Json());
    if (json) {
      if (auto policy = detect::PolicyInForce::from_json(*json)) {
        baseline.policy = *std::move(policy);
      }
    }
  }
  if (!baseline.policy) log::error("baseline_unreadable", {{"policy", baseline.policy_digest}});
  baseline_ = std::move(baseline);
}

net::Task<Result<detect::PolicyInForce>> ControlPlane::policy_in_force(
    std::shared_ptr<const model::Generation> generation) {
  std::map<std::string, std::string> texts;
  for (const model::Route& route : generation->routes) {
    for (const model::RulepackRef& pack : route.rulepacks) {
      if (rules_by_pack_.contains(pack.digest) || texts.contains(pack.digest)) continue;
      CORDON_CO_TRY(const crypto::Digest digest, digest_of(pack.digest));
      CORDON_CO_TRY(std::string text, parts_.archive.get(digest));
      texts.emplace(pack.digest, std::move(text));
    }
  }
  if (!texts.empty()) {
    // Reading a rulepack runs its tests; nothing else waits for them.
    std::function<Result<RulesByPack>()> job = [texts = std::move(texts)] {
      return parse_all(texts);
    };
    auto parsed = co_await parts_.worker.run<RulesByPack>(std::move(job), kParseWait);
    if (!parsed) co_return tl::make_unexpected(parsed.error());
    if (rules_by_pack_.size() > kPacksMax) rules_by_pack_.clear();
    rules_by_pack_.merge(*parsed);
  }
  co_return policy_of(*generation, rules_by_pack_);
}

net::Task<Result<Baseline>> ControlPlane::pin_baseline(std::string reason, model::Actor by) {
  if (reason.empty() || reason.size() > incident::kTextBytesMax) {
    Error error{Errc::invalid,
                fmt::format("a baseline needs a reason of 1 to {} bytes", incident::kTextBytesMax)};
    co_await refuse("pin_baseline", std::move(by), error);
    co_return tl::make_unexpected(std::move(error));
  }
  const auto generation = generation_;
  const auto policy = co_await policy_in_force(generation);
  if (!policy) co_return tl::make_unexpected(policy.error());
  const std::string blob = codec::write_json(policy->to_json());
  const auto stored = parts_.archive.put(blob);
  if (!stored) co_return tl::make_unexpected(stored.error());
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  Draft draft{EntryKind::baseline,
              {{"generation", generation->number},
               {"digest", generation->digest},
               {"policy", crypto::hex(*stored)},
               {"reason", std::move(reason)},
               {"actor", by.text()}}};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return *baseline_;
}

net::Task<Result<BaselineDiff>> ControlPlane::diff_baseline() {
  if (!baseline_) {
    co_return fail(Errc::not_found,
                   "cannot assess drift: no baseline is pinned; pin one with "
                   "cordon baseline pin");
  }
  if (!baseline_->policy) {
    co_return fail(Errc::corrupt, "cannot assess drift: the pinned policy cannot be read");
  }
  const auto generation = generation_;
  const auto now_in_force = co_await policy_in_force(generation);
  if (!now_in_force) {
    Error error = now_in_force.error();
    error.detail = "cannot assess drift: " + error.detail;
    co_return tl::make_unexpected(std::move(error));
  }
  BaselineDiff diff{*baseline_, generation->number, {}};
  diff.drift = detect::compare(*diff.baseline.policy, *now_in_force);
  co_return diff;
}

bool ControlPlane::is_known_drift(const detect::Signal& signal) const {
  const std::string findings = signal.numbers.value("findings", "");
  const std::string generation = signal.numbers.value("generation_digest", "");
  for (const detect::Signal& earlier : watch_.desk().signals()) {
    const bool same = earlier.detector == signal.detector && earlier.scope == signal.scope &&
                      earlier.numbers.value("findings", "") == findings;
    if (!same) continue;
    const std::string id = watch_.desk().incident_of(earlier.id);
    const auto* incident = watch_.desk().find(id);
    if (incident == nullptr || incident::is_open(incident->state)) return true;
    if (earlier.numbers.value("generation_digest", "") == generation) return true;
  }
  return false;
}

net::Task<void> ControlPlane::watch_drift() {
  if (!baseline_ || generation_->number == 0) co_return;
  const auto generation = generation_;
  std::string compared = generation->digest + baseline_->policy_digest;
  if (compared == compared_) co_return;
  const auto diff = co_await diff_baseline();
  compared_ = std::move(compared);
  if (!diff) {
    log::error("drift_not_assessed", {{"detail", diff.error().detail}});
    co_return;
  }
  auto turn = co_await ledger_.take_turn();
  if (!turn) {
    compared_.clear();
    co_return;
  }
  for (const std::string& route : diff->drift.routes()) {
    const detect::Signal signal = signal_of(*diff, *generation, route, now());
    if (is_known_drift(signal)) continue;
    Draft draft{EntryKind::signal, detect::to_body(signal)};
    const auto written = co_await ledger_.record(std::move(draft));
    if (!written) log::error("drift_not_recorded", {{"detail", written.error().detail}});
  }
}

}  // namespace cordon::api
