// How a rulepack comes into force while the node runs: judged beside the control thread, decided
// in its turn, written down, and obeyed by every gateway thread before anybody is told.
#include "api/control_plane.h"
#include "api/internal/rulepack_judge.h"
#include "base/log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cordon::api {

using model::EntryKind;

namespace {

constexpr std::size_t kReasonBytesMax = 1'000;

std::string_view name_of(RulepackEvent event) noexcept {
  return event == RulepackEvent::rolled_back ? "roll_back_rulepack" : "publish_rulepack";
}

bool is_obeyed(const model::Generation& generation, std::string_view name) {
  const auto holds = [name](const std::vector<model::RulepackRef>& packs) {
    return std::any_of(packs.begin(), packs.end(),
                       [name](const auto& pack) { return pack.name == name; });
  };
  return std::any_of(generation.routes.begin(), generation.routes.end(), [&](const auto& route) {
    return holds(route.rulepacks) || (route.fallback_rulepacks && holds(*route.fallback_rulepacks));
  });
}

/// Whether some route would obey the very version.
bool obeys(const model::Generation& generation, const RulepackAnswer& answer) {
  const auto holds = [&answer](const std::vector<model::RulepackRef>& packs) {
    return std::any_of(packs.begin(), packs.end(), [&answer](const auto& pack) {
      return pack.name == answer.name && pack.digest == answer.digest;
    });
  };
  return std::any_of(generation.routes.begin(), generation.routes.end(), [&](const auto& route) {
    return holds(route.rulepacks) || (route.fallback_rulepacks && holds(*route.fallback_rulepacks));
  });
}

std::vector<std::string> failing(const std::vector<replay::Report>& reports) {
  std::vector<std::string> ids;
  for (const replay::Report& report : reports) {
    if (report.outcome() == replay::Outcome::fail) ids.push_back(report.id);
  }
  return ids;
}

/// What may be said about the words of an order, before anything is read.
Status check_words(const RulepackOrder& order) {
  if (order.act == RulepackAct::judge_only) return {};
  if (order.reason.empty()) {
    return fail(Errc::invalid, "no reason is given; say why this rulepack is to be in force");
  }
  for (const std::string* text : {&order.reason, &order.override_reason}) {
    if (text->size() > kReasonBytesMax) {
      return fail(Errc::invalid, fmt::format("a reason of {} bytes, at most {} are taken",
                                             text->size(), kReasonBytesMax));
    }
  }
  return {};
}

std::vector<std::string> second_person_for(const policy::PackDiff& diff,
                                           const std::vector<std::string>& failed) {
  std::vector<std::string> why;
  for (const std::string& rule : diff.rules_of(policy::Strength::weaker)) {
    why.push_back(fmt::format("rule {} protects less", rule));
  }
  for (const std::string& rule : diff.rules_of(policy::Strength::unknown)) {
    why.push_back(fmt::format("rule {} may protect less", rule));
  }
  for (const std::string& id : failed) why.push_back(fmt::format("replay test {} fails", id));
  return why;
}

std::vector<std::string> classes_of(const policy::PackDiff& diff) {
  std::vector<std::string> classes;
  for (const policy::RuleChange& change : diff.changes) {
    std::string name(model::to_string(change.incident_class));
    if (std::find(classes.begin(), classes.end(), name) == classes.end()) {
      classes.push_back(std::move(name));
    }
  }
  return classes;
}

/// What a second person is asked to say yes to. The digest names the very text.
containment::Asked wanted(const RulepackOrder& order, const RulepackAnswer& answer,
                          WallTime asked_at) {
  constexpr std::size_t kReasonsShown = 20;
  containment::Asked asked;
  asked.act = containment::Act::rulepack;
  asked.about = answer.name;
  asked.incident = order.incident;
  asked.what = fmt::format("{} rulepack {} {} ({})",
                           order.event == RulepackEvent::rolled_back ? "go back to" : "publish",
                           answer.name, answer.version, answer.digest.substr(0, 12));
  std::vector<std::string> why = answer.second_person;
  if (why.size() > kReasonsShown) {
    why.resize(kReasonsShown);
    why.push_back(fmt::format("and {} more", answer.second_person.size() - kReasonsShown));
  }
  asked.why = fmt::to_string(fmt::join(why, "; "));
  asked.reason = order.reason;
  asked.order = {
      {"event", to_string(order.event)}, {"version", answer.version}, {"digest", answer.digest}};
  if (!order.override_reason.empty()) asked.order["override"] = order.override_reason;
  asked.by = order.by.actor();
  asked.by_token = order.by.token;
  asked.at = asked_at;
  return asked;
}

}  // namespace

containment::RulepackDigests ControlPlane::rulepack_digests() const {
  containment::RulepackDigests digests;
  for (const auto& [name, pack] : options_.rulepacks) {
    const RulepackChange* const change = shelf_.in_force(name);
    const bool holds = change != nullptr && !change->follows_file;
    digests[name] = holds ? change->digest : pack.digest;
  }
  return digests;
}

Result<std::string> ControlPlane::rulepack_text(std::string_view digest) const {
  // The file's version may never have been in force here, and then only the program has it.
  for (const auto& [name, pack] : options_.rulepacks) {
    if (pack.digest == digest) return pack.text;
  }
  return internal::blob_of(parts_.archive, digest);
}

net::Task<Result<std::shared_ptr<const policy::Rulepack>>> ControlPlane::read_rulepack(
    std::string digest) {
  auto text = rulepack_text(digest);
  if (!text) co_return tl::make_unexpected(text.error());
  const auto job = std::make_shared<internal::JudgeJob>(parts_.archive, parts_.vault);
  job->text = *std::move(text);
  job->file = std::move(digest);
  std::function<Status()> work = [job] { return job->read(); };
  const Status ran = co_await parts_.bench.run(std::move(work), internal::kBenchWait);
  if (!ran) co_return tl::make_unexpected(ran.error());
  co_return job->pack;
}

/// The one digest of the pack's past, or of its file, that begins so.
Result<std::string> ControlPlane::find_rulepack(const std::string& name,
                                                std::string_view digest) const {
  constexpr std::size_t kDigitsMin = 8;
  std::vector<std::string> known;
  for (const RulepackChange& change : shelf_.history(name)) {
    if (std::find(known.begin(), known.end(), change.digest) == known.end()) {
      known.push_back(change.digest);
    }
  }
  if (const auto file = options_.rulepacks.find(name); file != options_.rulepacks.end()) {
    if (std::find(known.begin(), known.end(), file->second.digest) == known.end()) {
      known.push_back(file->second.digest);
    }
  }
  std::vector<std::string> fits;
  for (const std::string& each : known) {
    if (digest.size() >= kDigitsMin && each.starts_with(digest)) fits.push_back(each);
  }
  if (fits.size() == 1) return fits.front();
  return fail(Errc::not_found,
              fmt::format("rulepack {} never had one version '{}' in force; it "
                          "had {}",
                          name.substr(0, 64), digest.substr(0, 64),
                          known.empty() ? "none" : fmt::to_string(fmt::join(known, ", "))));
}

net::Task<void> ControlPlane::refresh_measured() {
  const containment::RulepackDigests digests = rulepack_digests();
  if (digests == measured_for_) co_return;
  std::set<model::IncidentClass> classes;
  for (const auto& [name, digest] : digests) {
    if (!is_obeyed(*generation_, name)) continue;
    std::string wanted_digest = digest;
    const auto pack = co_await read_rulepack(std::move(wanted_digest));
    if (!pack) {
      log::error("rulepack_not_measured", {{"rulepack", name}, {"detail", pack.error().detail}});
      co_return;
    }
    for (const policy::Rule& rule : (*pack)->rules) {
      if (rule.state == policy::RuleState::live) classes.insert(rule.incident_class);
    }
  }
  measured_for_ = digests;
  options_.watch.desk.measured = classes;
  watch_.measure(std::move(classes));
}

net::Task<Result<internal::Judgement>> ControlPlane::judge(RulepackOrder order) {
  const Status words = check_words(order);
  if (!words) co_return tl::make_unexpected(words.error());
  if (order.event == RulepackEvent::rolled_back) {
    const auto digest = find_rulepack(order.name, order.digest);
    if (!digest) co_return tl::make_unexpected(digest.error());
    auto text = rulepack_text(*digest);
    if (!text) co_return tl::make_unexpected(text.error());
    order.text = *std::move(text);
    order.file = fmt::format("{}@{}", order.name, digest->substr(0, 12));
  }
  const auto job = std::make_shared<internal::JudgeJob>(parts_.archive, parts_.vault);
  job->text = order.text;
  job->file = order.file;
  std::function<Status()> read = [job] { return job->read(); };
  Status ran = co_await parts_.bench.run(std::move(read), internal::kBenchWait);
  if (!ran) co_return tl::make_unexpected(ran.error());
  const std::string name = job->pack->name;
  if (name == kCanaryPack) {
    co_return fail(Errc::invalid,
                   fmt::format("the rulepack {} is made from the canary detectors of the "
                               "configuration; change their tokens there",
                               name));
  }
  if (!is_obeyed(*generation_, name)) {
    std::vector<std::string> known;
    for (const auto& [each, digest] : rulepack_digests()) {
      if (is_obeyed(*generation_, each)) known.push_back(each);
    }
    co_return fail(Errc::invalid,
                   fmt::format("no route obeys a rulepack '{}', so it would do nothing; they obey "
                               "{}",
                               name, fmt::join(known, ", ")));
  }
  containment::RulepackDigests digests = rulepack_digests();
  job->before = digests[name];
  if (job->before == job->pack->digest) {
    co_return fail(Errc::conflict, fmt::format("rulepack {} with digest {} is in force already",
                                               name, job->before));
  }
  digests[name] = job->pack->digest;
  job->revision = shelf_.revision();
  job->tests_seen = replays_.size();
  auto next = next_generation(digests);
  if (!next) co_return tl::make_unexpected(next.error());
  auto engines = co_await parts_.gateways.prepare(*next, job->pack);
  if (!engines) co_return tl::make_unexpected(engines.error());
  job->add_tests(replays_, **next, *engines);
  std::function<Status()> compare = [job] { return job->compare(); };
  ran = co_await parts_.bench.run(std::move(compare), internal::kBenchWait);
  if (!ran) co_return tl::make_unexpected(ran.error());

  internal::Judgement judgement{job, {}};
  RulepackAnswer& answer = judgement.answer;
  answer.name = name;
  answer.version = job->pack->version;
  answer.digest = job->pack->digest;
  answer.before = job->before;
  answer.diff = job->diff;
  answer.replays = job->reports;
  if (const auto* rollback = measures_.rollback(); rollback != nullptr && !obeys(**next, answer)) {
    answer.after_rollback = rollback->id;
  }
  answer.second_person = second_person_for(answer.diff, failing(answer.replays));
  co_return judgement;
}

net::Task<Result<RulepackAnswer>> ControlPlane::order_rulepack(RulepackOrder order) {
  const WallTime asked_at = now();
  const model::Actor by = order.by.actor();
  auto judged = co_await judge(order);
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  if (judged && order.act == RulepackAct::judge_only) co_return judged->answer;
  Status allowed;
  if (judged) {
    allowed = may_take_effect(order, *judged);
  } else {
    allowed = tl::make_unexpected(judged.error());
  }
  if (!allowed) {
    co_await refuse(name_of(order.event), by, allowed.error());
    co_return tl::make_unexpected(allowed.error());
  }
  if (judged->answer.second_person.empty()) {
    RulepackChange change = change_of(order, *judged, asked_at);
    co_return co_await put_in_force(*std::move(judged), std::move(change));
  }
  const auto stored = parts_.archive.put(judged->job->text);
  if (!stored) co_return tl::make_unexpected(stored.error());
  containment::Asked order_asked = wanted(order, judged->answer, asked_at);
  auto asked = co_await ask(std::move(order_asked));
  if (!asked) co_return tl::make_unexpected(asked.error());
  judged->answer.asked = *std::move(asked);
  co_return std::move(judged->answer);
}

net::Task<Result<internal::Judgement>> ControlPlane::judge_again(containment::Asked asked,
                                                                 RulepackOrder& order) {
  const bool back = asked.order.value("event", "") == to_string(RulepackEvent::rolled_back);
  order.event = back ? RulepackEvent::rolled_back : RulepackEvent::published;
  order.name = asked.about;
  order.digest = asked.order.value("digest", "");
  auto text = rulepack_text(order.digest);
  if (!text) co_return tl::make_unexpected(text.error());
  order.text = *std::move(text);
  order.file = asked.about;
  order.reason = asked.reason;
  order.incident = asked.incident;
  order.override_reason = asked.order.value("override", "");
  order.by = {asked.by_token, asked.by.name, {}};
  co_return co_await judge(order);
}

Status ControlPlane::may_take_effect(const RulepackOrder& order,
                                     const internal::Judgement& judged) const {
  if (judged.job->revision != shelf_.revision() || judged.job->tests_seen != replays_.size()) {
    return fail(Errc::conflict, "another rulepack or replay test came in meanwhile; try again");
  }
  if (!order.incident.empty() && watch_.desk().find(order.incident) == nullptr) {
    return fail(Errc::not_found, fmt::format("no incident {}", order.incident.substr(0, 64)));
  }
  const std::vector<std::string> failed = failing(judged.answer.replays);
  if (!failed.empty() && order.override_reason.empty()) {
    return fail(Errc::conflict,
                fmt::format("replay tests fail on {} {}: {}; mend it, or override with a reason "
                            "and a second person",
                            judged.answer.name, judged.answer.version, fmt::join(failed, ", ")));
  }
  return {};
}

RulepackChange ControlPlane::change_of(const RulepackOrder& order,
                                       const internal::Judgement& judged, WallTime asked_at) const {
  const RulepackAnswer& answer = judged.answer;
  RulepackChange change;
  change.name = answer.name;
  change.version = answer.version;
  change.digest = answer.digest;
  change.event = order.event;
  change.actor = order.by.actor();
  change.token = order.by.token;
  change.before = answer.before;
  change.reason = order.reason;
  change.incident = order.incident;
  change.weaker = answer.diff.rules_of(policy::Strength::weaker);
  const auto unknown = answer.diff.rules_of(policy::Strength::unknown);
  change.weaker.insert(change.weaker.end(), unknown.begin(), unknown.end());
  change.classes = classes_of(answer.diff);
  change.failing = failing(answer.replays);
  if (!change.failing.empty()) change.override_reason = order.override_reason;
  change.asked_at = asked_at;
  const auto file = options_.rulepacks.find(answer.name);
  change.follows_file = order.event == RulepackEvent::rolled_back &&
                        file != options_.rulepacks.end() && file->second.digest == answer.digest;
  return change;
}

net::Task<Result<RulepackAnswer>> ControlPlane::put_in_force(internal::Judgement judged,
                                                             RulepackChange change) {
  auto stored = parts_.archive.put(judged.job->text);
  if (!stored) co_return tl::make_unexpected(stored.error());
  containment::RulepackDigests digests = rulepack_digests();
  digests[change.name] = change.digest;
  auto next = next_generation(digests);
  if (!next) co_return tl::make_unexpected(next.error());
  CORDON_CO_CHECK(archive(parts_.archive, **next));

  // Both go out in one commit: what changed, and what everybody obeys from now on.
  const Draft changed{EntryKind::rulepack_change, to_body(change)};
  auto first = ledger_.append(changed);
  if (!first) co_return tl::make_unexpected(first.error());
  const Draft obeyed{EntryKind::generation_change,
                     containment::generation_change_body(**next, first->id, change.actor)};
  auto written = ledger_.append(obeyed);
  if (!written) co_return tl::make_unexpected(written.error());
  const Status applied = co_await ledger_.applied(*written);
  if (!applied) co_return tl::make_unexpected(applied.error());

  auto configured = configure(digests);
  if (!configured) co_return tl::make_unexpected(configured.error());
  configured_ = *std::move(configured);
  auto receipt = co_await publish(*next, first->id);
  if (!receipt) co_return tl::make_unexpected(receipt.error());
  judged.answer.change = *shelf_.in_force(change.name);
  judged.answer.receipt = *std::move(receipt);
  co_return std::move(judged.answer);
}

}  // namespace cordon::api
