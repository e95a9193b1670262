#include "api/review_facts.h"

#include "base/hex.h"
#include "incident/deltas.h"
#include "incident/generation_diff.h"
#include "model/generation.h"
#include "policy/rulepack.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cordon::api {

using incident::ControlFact;
using incident::ControlFinding;
using model::EntryKind;

namespace {

/// Controls are judged from this much before the impact is known to have begun.
constexpr std::chrono::minutes kBeforeHarm{5};

/// One rule over all exchanges in scope.
struct RuleCount {
  std::uint64_t matched = 0;    ///< exchanges
  std::uint64_t delivered = 0;  ///< exchanges in which a match reached the client
  std::uint64_t observed = 0;   ///< of these, in mode observe
  std::uint64_t shadow = 0;     ///< of those matched, while the rule was in shadow
  std::string example;          ///< entry that shows it best
};

/// A generation as the journal names it.
struct GenerationAt {
  std::uint64_t number = 0;
  std::string digest;
  std::string entry;
  std::uint64_t sequence = 0;
  WallTime recorded{};
};

/// What one walk over the journal finds.
struct Walk {
  explicit Walk(incident::Deltas spans) : deltas(std::move(spans)) {}
  incident::Deltas deltas;
  std::map<std::string, RuleCount, std::less<>> rules;
  std::vector<GenerationAt> generations;
  std::uint64_t exchanges = 0;
  std::uint64_t unscanned = 0;  ///< released text that no rule looked at
  std::string unscanned_example;
};

bool in_scope(const ReviewPlan& plan, const model::ExchangeHead& head) {
  const model::Place place{head.route, head.model, head.provider, head.tenant, head.use_case, {}};
  return std::any_of(plan.scopes.begin(), plan.scopes.end(),
                     [&place](const model::Scope& scope) { return scope.covers(place); });
}

Result<std::string> id_of(std::string_view bytes) {
  CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
  return entry.id;
}

Status count_end(Walk& walk, const ReviewPlan& plan, const model::EndRecord& end,
                 std::string_view bytes) {
  ++walk.exchanges;
  if (end.released_bytes > 0 && end.scanned.parts == 0) {
    ++walk.unscanned;
    if (walk.unscanned_example.empty()) {
      CORDON_TRY(walk.unscanned_example, id_of(bytes));
    }
  }
  for (const model::Hit& hit : end.hits) {
    if (hit.of_class != plan.of_class || hit.count == 0) continue;
    RuleCount& rule = walk.rules[hit.rule];
    const bool better = rule.example.empty() || (hit.delivered > 0 && rule.delivered == 0);
    ++rule.matched;
    if (!hit.live) ++rule.shadow;
    if (hit.delivered > 0) ++rule.delivered;
    if (hit.delivered > 0 && end.head.mode == model::Mode::observe) ++rule.observed;
    if (better) {
      CORDON_TRY(rule.example, id_of(bytes));
    }
  }
  return {};
}

Status take(Walk& walk, model::ExchangeReader& reader, const ReviewPlan& plan,
            std::uint64_t sequence, std::string_view bytes) {
  CORDON_TRY(const EntryKind kind, model::peek_kind(bytes));
  if (kind == EntryKind::generation_change) {
    CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
    walk.generations.push_back({entry.body.value("number", std::uint64_t{0}),
                                entry.body.value("digest", ""), entry.id, sequence,
                                entry.recorded});
  } else if (kind == EntryKind::response_end) {
    CORDON_TRY(const auto read, reader.response_end(bytes));
    const bool baseline = read.recorded >= plan.impact_start - incident::kBaseline;
    if (!baseline || !in_scope(plan, read.record.head)) return {};
    walk.deltas.add(read.record, read.recorded);
    if (read.recorded < plan.impact_start - kBeforeHarm) return {};
    return count_end(walk, plan, read.record, bytes);
  }
  return {};
}

Result<Walk> walk_journal(ReviewPlan& plan) {
  Walk walk(incident::Deltas(plan.impact_start, plan.contained_at));
  model::ExchangeReader reader;
  while (plan.records.position() < plan.end) {
    CORDON_TRY(const auto read, plan.records.next());
    if (!read) break;
    CORDON_CHECK(take(walk, reader, plan, read->sequence, read->bytes));
  }
  return walk;
}

/// The routes that the incident is about: those its scopes name, or all.
bool concerns(const ReviewPlan& plan, const std::string& route) {
  return std::any_of(plan.scopes.begin(), plan.scopes.end(), [&route](const model::Scope& scope) {
    const auto& named = scope.named(model::Dimension::route);
    return !named || *named == "*" || *named == route;
  });
}

ControlFact finding_for(const policy::Rule& rule, const RuleCount* count) {
  ControlFact fact;
  fact.control.name = rule.id;
  const bool shadow = rule.state == policy::RuleState::shadow;
  if (count == nullptr) {
    fact.control.finding =
        shadow ? ControlFinding::disabled : ControlFinding::present_not_triggered;
    fact.control.detail = shadow ? "in shadow, and matched nothing" : "live, and matched nothing";
    return fact;
  }
  fact.entries.push_back(count->example);
  fact.control.detail =
      fmt::format("matched in {} exchanges, delivered in {}", count->matched, count->delivered);
  if (count->shadow == count->matched) {
    fact.control.finding = ControlFinding::disabled;
    fact.control.detail += ", in shadow all the time";
  } else if (count->delivered == 0) {
    fact.control.finding = ControlFinding::held;
  } else if (count->observed == count->delivered) {
    fact.control.finding = ControlFinding::disabled;
    fact.control.detail += ", each time in mode observe";
  } else {
    fact.control.finding = ControlFinding::triggered_not_effective;
    fact.control.detail += fmt::format(", action {}", model::to_string(rule.action));
  }
  return fact;
}

/// Every rule of the incident's class that was in force on its routes.
Result<std::vector<ControlFact>> judge_controls(const ReviewPlan& plan, const Walk& walk,
                                                const model::Generation& generation) {
  std::vector<ControlFact> facts;
  std::set<std::string> seen;
  for (const model::Route& route : generation.routes) {
    if (!concerns(plan, route.name)) continue;
    bool any = false;
    for (const model::RulepackRef& ref : route.rulepacks) {
      CORDON_TRY(const std::string text, load_blob(*plan.archive, ref.digest));
      CORDON_TRY(const auto pack, policy::Rulepack::parse(text, ref.name));
      for (const policy::Rule& rule : pack->rules) {
        if (rule.incident_class != plan.of_class) continue;
        any = true;
        if (!seen.insert(rule.id).second) continue;
        const auto count = walk.rules.find(rule.id);
        facts.push_back(finding_for(rule, count == walk.rules.end() ? nullptr : &count->second));
        facts.back().control.detail += fmt::format(", {} {}", ref.name, ref.digest.substr(0, 12));
      }
    }
    if (!any) {
      facts.push_back({{fmt::format("{} on {}", model::to_string(plan.of_class), route.name),
                        ControlFinding::absent, "no rule for this class was in force"},
                       {}});
    }
  }
  if (walk.unscanned > 0) {
    facts.push_back({{"scanning of answers", ControlFinding::bypassed,
                      fmt::format("{} of {} exchanges released text that no rule looked at",
                                  walk.unscanned, walk.exchanges)},
                     {walk.unscanned_example}});
  }
  return facts;
}

const GenerationAt* last_before(const std::vector<GenerationAt>& all, auto before) {
  const GenerationAt* found = nullptr;
  for (const GenerationAt& one : all) {
    if (before(one)) found = &one;
  }
  return found;
}

/// In force when the first measure was set, or when it opened.
const GenerationAt* generation_before(const Walk& walk, const ReviewPlan& plan) {
  if (plan.contained_by) {
    return last_before(walk.generations, [&plan](const GenerationAt& one) {
      return one.sequence < *plan.contained_by;
    });
  }
  return last_before(walk.generations,
                     [&plan](const GenerationAt& one) { return one.recorded <= plan.t0; });
}

Result<codec::Json> load(const ReviewPlan& plan, const GenerationAt& generation) {
  CORDON_TRY(const std::string text, load_blob(*plan.archive, generation.digest));
  return codec::parse_json(text);
}

incident::Recovery compare(const ReviewPlan& plan, const Walk& walk, const GenerationAt* before) {
  incident::Recovery recovery;
  if (before == nullptr) {
    recovery.unknown = "the journal names no generation from before the containment";
    return recovery;
  }
  recovery.entries.push_back(before->entry);
  if (!plan.stable_at) {
    recovery.unknown = fmt::format(
        "it has not been stable yet, and generation {} was in force "
        "before the containment",
        before->number);
    return recovery;
  }
  const GenerationAt* const after = last_before(walk.generations, [&plan](const GenerationAt& one) {
    return one.recorded <= *plan.stable_at;
  });
  if (after == nullptr) {
    recovery.unknown = "the journal names no generation from when it was stable";
    return recovery;
  }
  recovery.entries.push_back(after->entry);
  const auto from = load(plan, *before);
  const auto to = load(plan, *after);
  if (!from || !to) {
    recovery.unknown =
        fmt::format("generation {} is not in the archive", from ? after->number : before->number);
    return recovery;
  }
  recovery.lines.push_back(fmt::format("generation {} became {}", before->number, after->number));
  for (std::string& line : incident::diff_generations(*from, *to)) {
    recovery.lines.push_back(std::move(line));
  }
  return recovery;
}

}  // namespace

Result<std::string> load_blob(const store::Archive& archive, const std::string& digest) {
  CORDON_TRY(const std::vector<std::byte> raw, from_hex(digest));
  crypto::Digest key;
  if (raw.size() != key.size()) return fail(Errc::corrupt, "a digest that is not SHA-256");
  std::copy(raw.begin(), raw.end(), key.begin());
  return archive.get(key);
}

Result<ReviewMaterial> gather_review(ReviewPlan& plan) {
  CORDON_TRY(const Walk walk, walk_journal(plan));
  ReviewMaterial material;
  material.citable = plan.citable;
  const GenerationAt* const before = generation_before(walk, plan);
  if (before != nullptr) {
    CORDON_TRY(const codec::Json json, load(plan, *before));
    CORDON_TRY(const model::Generation generation, model::Generation::from_json(json));
    CORDON_TRY(material.controls, judge_controls(plan, walk, generation));
  }
  material.service = walk.deltas.lines();
  material.recovery = compare(plan, walk, before);
  for (const ControlFact& fact : material.controls) {
    material.citable.insert(fact.entries.begin(), fact.entries.end());
  }
  material.citable.insert(material.recovery.entries.begin(), material.recovery.entries.end());
  return material;
}

}  // namespace cordon::api
