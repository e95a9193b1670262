// The configuration, read again while the node runs: judged whole, written down, and obeyed by
// every gateway thread before anybody is told. What is refused leaves the last good one in force.
#include "api/control_plane.h"
#include "base/log.h"
#include "containment/reload.h"
#include "model/config_reload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;
using model::EntryKind;

namespace {

constexpr std::chrono::seconds kReadWait{60};
constexpr std::size_t kReasonBytesMax = 1'000;
constexpr std::size_t kListedMax = 100;
constexpr std::string_view kCommand = "reload_config";

std::vector<std::string> cut(std::vector<std::string> list) {
  if (list.size() <= kListedMax) return list;
  const std::size_t more = list.size() - kListedMax;
  list.resize(kListedMax);
  list.push_back(fmt::format("and {} more", more));
  return list;
}

/// A file that can be obeyed, with what it would make.
struct Plan {
  std::shared_ptr<const Reread> read;
  std::vector<RulepackChange> packs;  ///< that were not loaded before
  std::shared_ptr<const model::Generation> configured;
  std::shared_ptr<const model::Generation> next;
  std::vector<std::string> changed;
  std::vector<std::string> weaker;
};

Json change_body(const ReloadOrder& order, const Plan& plan) {
  Json body{{"digest", plan.read->digest}, {"outcome", "in_force"}};
  if (!order.reason.empty()) body["reason"] = order.reason;
  body["changed"] = cut(plan.changed);
  if (!plan.weaker.empty()) body["weaker"] = cut(plan.weaker);
  if (!order.token.empty()) body["token"] = order.token;
  containment::put_approval(body, order.approval);
  body["actor"] = order.by.text();
  return body;
}

}  // namespace

namespace internal {

/// One reload, for the time that it takes. The control plane outlives it.
class Reload {
 public:
  Reload(ControlPlane& control, ReloadOrder order) : of_(control), order_(std::move(order)) {}
  [[nodiscard]] net::Task<Result<ReloadAnswer>> run();

 private:
  /// Reads, judges and compiles, which takes long: no turn is held.
  [[nodiscard]] net::Task<Result<Plan>> prepare();
  /// What `read` comes to under the state as it is. Refuses what takes a restart.
  [[nodiscard]] Result<Plan> plan(std::shared_ptr<const Reread> read) const;
  [[nodiscard]] Status load_new_packs(const Reread& read, Plan& plan,
                                      containment::RulepackDigests& digests) const;
  /// That a second person's yes still holds, and is for this very file.
  [[nodiscard]] Status check_approval(const Plan& plan) const;
  [[nodiscard]] Status keep_texts(const Plan& plan);
  [[nodiscard]] net::Task<Result<ReloadAnswer>> ask(ReloadAnswer answer);
  /// Appends what is ordered, what comes with it and what everybody obeys from then on; answers
  /// with the first entry's id once all are durable.
  [[nodiscard]] net::Task<Result<std::string>> record(const Plan& plan);
  [[nodiscard]] net::Task<Result<ReloadAnswer>> obey(const Plan& plan, ReloadAnswer answer);

  ControlPlane& of_;
  ReloadOrder order_;
};

net::Task<Result<Plan>> Reload::prepare() {
  if (!of_.options_.source) {
    co_return fail(Errc::conflict, "this node reads no configuration file");
  }
  std::function<Result<Reread>()> work = [source = of_.options_.source] { return source->read(); };
  auto read = co_await of_.parts_.bench.run(std::move(work), kReadWait);
  if (!read) co_return tl::make_unexpected(read.error());
  auto made = plan(std::make_shared<const Reread>(*std::move(read)));
  if (!made) co_return made;
  CORDON_CO_CHECK(keep_texts(*made));
  const auto ready = co_await of_.parts_.gateways.prepare(made->next, nullptr);
  if (!ready) co_return tl::make_unexpected(ready.error());
  co_return made;
}

Status Reload::load_new_packs(const Reread& read, Plan& plan,
                              containment::RulepackDigests& digests) const {
  for (const auto& [name, pack] : read.rulepacks) {
    const RulepackChange* const last = of_.shelf_.in_force(name);
    digests[name] = last == nullptr ? pack.digest : last->digest;
    if (last == nullptr) {
      RulepackChange& change = plan.packs.emplace_back();
      change.name = name;
      change.version = pack.version;
      change.digest = pack.digest;
      change.actor = order_.by;
    } else if (last->follows_file && last->digest != pack.digest) {
      return fail(Errc::conflict,
                  fmt::format("the file of rulepack {} holds another version, {}; put it in force "
                              "with 'cordon rulepack publish'. Nothing was changed",
                              name, pack.version));
    }
  }
  return {};
}

Result<Plan> Reload::plan(std::shared_ptr<const Reread> read) const {
  Plan plan;
  const auto restart = model::keys_for_restart(of_.options_.config, read->config);
  if (!restart.empty()) {
    return fail(Errc::conflict, fmt::format("{} cannot change while the node runs; restart it, or "
                                            "put the old value back. Nothing was changed",
                                            fmt::join(restart, ", ")));
  }
  containment::RulepackDigests digests;
  CORDON_CHECK(load_new_packs(*read, plan, digests));
  const std::uint64_t number = of_.generation_->number + 1;
  CORDON_TRY(const auto made,
             containment::make_generation(number, read->config, of_.measures_, digests));
  plan.configured = containment::seal(containment::with_keys(*made, of_.keys_, of_.now()));
  const containment::Containment* const rollback = of_.measures_.rollback();
  CORDON_TRY(const model::Generation from,
             of_.origin(*plan.configured, rollback == nullptr ? std::nullopt : rollback->to));
  plan.next = containment::with_measures(from, number, of_.measures_);
  CORDON_CHECK(containment::check_reload(*of_.configured_, *plan.configured, *plan.next));
  containment::ReloadDiff diff = containment::diff_reload(*of_.configured_, *plan.configured);
  plan.changed = std::move(diff.changed);
  plan.weaker = std::move(diff.weaker);
  for (const auto key : model::keys_beside_generation(of_.options_.config, read->config)) {
    plan.changed.push_back(fmt::format("{} changed", key));
  }
  for (std::string& line : of_.parts_.gateways.differing(*read->secrets)) {
    plan.changed.push_back(std::move(line));
  }
  plan.read = std::move(read);
  return plan;
}

Status Reload::check_approval(const Plan& plan) const {
  if (!order_.approval) return {};
  CORDON_CHECK(of_.approvals_.give(order_.approval->id, *order_.approval, of_.tokens_, of_.now()));
  if (order_.digest == plan.read->digest) return {};
  return fail(Errc::conflict, "the file is another than the one that was asked for");
}

Status Reload::keep_texts(const Plan& plan) {
  for (const RulepackChange& change : plan.packs) {
    const auto found = plan.read->rulepacks.find(change.name);
    CORDON_CHECK(of_.parts_.archive.put(found->second.text));
  }
  return {};
}

net::Task<Result<ReloadAnswer>> Reload::ask(ReloadAnswer answer) {
  const std::string why = fmt::to_string(fmt::join(cut(answer.weaker), "; "));
  if (order_.token.empty()) {
    Error error{Errc::conflict,
                fmt::format("the file protects less: {}. Order it with 'cordon config reload', "
                            "which a second person says yes to",
                            why)};
    co_await of_.refuse(kCommand, order_.by, error);
    co_return tl::make_unexpected(std::move(error));
  }
  containment::Asked wanted;
  wanted.act = containment::Act::reload;
  wanted.about = answer.digest;
  wanted.what = fmt::format("obey the configuration {}", answer.digest.substr(0, 12));
  wanted.why = why;
  wanted.reason = order_.reason.empty() ? "reload" : order_.reason;
  wanted.order = {{"digest", answer.digest}};
  wanted.by = order_.by;
  wanted.by_token = order_.token;
  wanted.at = of_.now();
  auto asked = co_await of_.ask(std::move(wanted));
  if (!asked) co_return tl::make_unexpected(asked.error());
  answer.asked = *std::move(asked);
  co_return answer;
}

net::Task<Result<std::string>> Reload::record(const Plan& plan) {
  const Draft ordered{EntryKind::config_change, change_body(order_, plan)};
  auto first = of_.ledger_.append(ordered);
  if (!first) co_return tl::make_unexpected(first.error());
  for (const RulepackChange& change : plan.packs) {
    const Draft loaded{EntryKind::rulepack_change, to_body(change)};
    const auto appended = of_.ledger_.append(loaded);
    if (!appended) co_return tl::make_unexpected(appended.error());
  }
  const Draft obeyed{EntryKind::generation_change,
                     containment::generation_change_body(*plan.next, first->id, order_.by)};
  auto written = of_.ledger_.append(obeyed);
  if (!written) co_return tl::make_unexpected(written.error());
  const Status applied = co_await of_.ledger_.applied(*written);
  if (!applied) co_return tl::make_unexpected(applied.error());
  co_return std::move(first->id);
}

net::Task<Result<ReloadAnswer>> Reload::obey(const Plan& plan, ReloadAnswer answer) {
  CORDON_CO_CHECK(archive(of_.parts_.archive, *plan.next));
  auto entry = co_await record(plan);
  if (!entry) co_return tl::make_unexpected(entry.error());
  of_.options_.config = plan.read->config;
  of_.options_.rulepacks = plan.read->rulepacks;
  of_.configured_ = plan.configured;
  of_.measured_for_.reset();
  of_.parts_.gateways.use(plan.read->secrets);
  answer.entry = *entry;
  auto receipt = co_await of_.publish(plan.next, *std::move(entry));
  if (!receipt) co_return tl::make_unexpected(receipt.error());
  answer.receipt = *std::move(receipt);
  co_return answer;
}

net::Task<Result<ReloadAnswer>> Reload::run() {
  if (order_.reason.size() > kReasonBytesMax) {
    co_return fail(Errc::invalid, fmt::format("a reason of {} bytes, at most {} are taken",
                                              order_.reason.size(), kReasonBytesMax));
  }
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    const auto seen = of_.configured_;
    auto made = co_await prepare();
    auto turn = co_await of_.ledger_.take_turn();
    if (!turn) co_return tl::make_unexpected(turn.error());
    // Another file or rulepack came into force since: what was compiled is not what is needed.
    if (seen != of_.configured_) continue;
    if (made) made = plan(made->read);  // a measure may have come into force
    if (made) {
      if (const Status allowed = check_approval(*made); !allowed) {
        made = tl::make_unexpected(allowed.error());
      }
    }
    if (!made) {
      co_await of_.refuse(kCommand, order_.by, made.error());
      co_return tl::make_unexpected(made.error());
    }
    ReloadAnswer answer;
    answer.digest = made->read->digest;
    answer.changed = made->changed;
    answer.weaker = made->weaker;
    if (made->changed.empty()) co_return answer;
    if (!made->weaker.empty() && !order_.approval) co_return co_await ask(std::move(answer));
    co_return co_await obey(*made, std::move(answer));
  }
  co_return fail(Errc::conflict, "other changes came in meanwhile; try again");
}

}  // namespace internal

net::Task<Result<ReloadAnswer>> ControlPlane::reload(ReloadOrder order) {
  internal::Reload reload(*this, std::move(order));
  co_return co_await reload.run();
}

}  // namespace cordon::api
