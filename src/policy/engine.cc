#include "policy/engine.h"

#include "policy/internal/engine_core.h"
#include "policy/internal/matcher.h"
#include "policy/internal/scan_state.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace cordon::policy {
namespace {

constexpr std::array<model::Mode, kModeCount> kModes = {
    model::Mode::observe, model::Mode::standard, model::Mode::emergency, model::Mode::lockdown};

CompileError refused(const EngineCore& core, std::uint32_t number, std::string reason) {
  return {core.pack_of[number]->name, core.rules[number]->id, std::move(reason)};
}

tl::expected<void, CompileError> number_rules(
    EngineCore& core, std::span<const std::shared_ptr<const Rulepack>> packs) {
  std::unordered_map<std::string_view, std::string_view> seen;
  for (const auto& pack : packs) {
    core.packs.push_back(pack);
    core.digests.push_back({pack->name, pack->version, pack->digest});
    for (const Rule& rule : pack->rules) {
      const auto [first, fresh] = seen.emplace(rule.id, pack->name);
      if (!fresh) {
        return tl::make_unexpected(
            CompileError{pack->name, rule.id,
                         "this rule id is also used by rulepack " + std::string(first->second)});
      }
      core.rules.push_back(&rule);
      core.pack_of.push_back(pack.get());
      core.tokens.push_back(redaction_token(rule));
      core.first_branch.push_back(static_cast<std::uint32_t>(core.branches.size()));
      const auto number = static_cast<std::uint32_t>(core.rules.size() - 1);
      for (const Branch& branch : rule.matcher->branches()) {
        core.branches.push_back({number, branch.width_max, branch.clauses, rule.views});
      }
    }
  }
  if (core.rules.size() <= core.limits.rules_max) return {};
  return tl::make_unexpected(
      CompileError{"", "", "more than " + std::to_string(core.limits.rules_max) + " rules in all"});
}

Plan plan_of(const PartRules& part, model::Mode mode) {
  Plan plan;
  for (const auto& [number, rule] : part.rules) {
    const std::uint64_t far = std::uint64_t{rule->price.width_max} + kContextBytes;
    if (!acts(*rule, mode)) {
      if (!rule->hold_whole) plan.watching = std::max(plan.watching, far);
      continue;
    }
    plan.acting = std::max(plan.acting, rule->hold_whole ? kAtTheEnd : far);
    if (!rule->hold_whole) plan.acting_bounded = std::max(plan.acting_bounded, far);
  }
  return plan;
}

// Which numbers two parts read; equal sets share a database.
bool same_rules(const PartRules& a, const PartRules& b) {
  return std::equal(a.rules.begin(), a.rules.end(), b.rules.begin(), b.rules.end(),
                    [](const auto& x, const auto& y) { return x.number == y.number; });
}

tl::expected<void, CompileError> compile_parts(EngineCore& core) {
  for (std::size_t index = 0; index < kPartCount; ++index) {
    PartRules& part = core.parts[index];
    for (std::uint32_t number = 0; number < core.rules.size(); ++number) {
      const Rule& rule = *core.rules[number];
      if (!rule.on[index]) continue;
      part.rules.push_back({number, &rule});
      part.may_hold_whole = part.may_hold_whole || rule.hold_whole;
      part.views |= rule.views;
      const std::uint64_t far = std::uint64_t{rule.price.width_max} + kContextBytes;
      if (!rule.hold_whole) part.reach = std::max(part.reach, far);
    }
    if (part.rules.empty()) continue;
    // Skeleton goes on from what folded shows.
    if ((part.views & in(View::skeleton)) != 0) part.views |= in(View::folded);
    for (const model::Mode mode : kModes) {
      part.plans[static_cast<std::size_t>(mode)] = plan_of(part, mode);
    }
    const PartRules* same = nullptr;
    for (std::size_t earlier = 0; earlier < index && same == nullptr; ++earlier) {
      if (same_rules(part, core.parts[earlier])) same = &core.parts[earlier];
    }
    if (same != nullptr) {
      part.database = same->database;
      part.at_end = same->at_end;
      continue;
    }
    for (const bool whole : {false, true}) {
      std::vector<NumberedRule> rules;
      std::copy_if(part.rules.begin(), part.rules.end(), std::back_inserter(rules),
                   [&](const NumberedRule& each) { return each.rule->hold_whole == whole; });
      if (rules.empty()) continue;
      auto database = Database::compile(rules);
      if (!database) return tl::make_unexpected(std::move(database).error());
      (whole ? part.at_end : part.database) =
          std::make_shared<const Database>(*std::move(database));
    }
  }
  return {};
}

// The tests have passed against the matcher; here they pass through the whole path.
tl::expected<void, CompileError> run_tests(const Engine& engine, const EngineCore& core) {
  for (std::uint32_t number = 0; number < core.rules.size(); ++number) {
    const Rule& rule = *core.rules[number];
    const auto on = std::find(rule.on.begin(), rule.on.end(), true);
    const auto part = static_cast<Part>(on - rule.on.begin());
    const auto finds = [&](const std::string& text) {
      const Decision decision = engine.scan(part, model::Mode::observe, text);
      return decision.findings_total > core.limits.findings_kept_max ||
             std::any_of(decision.findings.begin(), decision.findings.end(),
                         [&](const Finding& finding) { return finding.rule == number; });
    };
    for (const auto& text : rule.tests_match) {
      if (finds(text)) continue;
      return tl::make_unexpected(refused(core, number, "a test is not found when streamed"));
    }
  }
  return {};
}

}  // namespace

model::Action verdict_of(const Rule& rule, model::Mode mode) noexcept {
  return mode >= model::Mode::emergency ? rule.emergency : rule.action;
}

model::Action action_of(const Rule& rule, model::Mode mode) noexcept {
  const bool may_act = rule.state == RuleState::live && mode != model::Mode::observe;
  return may_act ? verdict_of(rule, mode) : model::Action::allow;
}

std::string redaction_token(const Rule& rule) {
  return "[redacted:" + (rule.data_kind.empty() ? rule.id : rule.data_kind) + "]";
}

Scanner::Scanner(std::unique_ptr<ScanState> state) noexcept : state_(std::move(state)) {}
Scanner::Scanner(Scanner&&) noexcept = default;
Scanner& Scanner::operator=(Scanner&&) noexcept = default;
Scanner::~Scanner() = default;

void Scanner::feed(std::string_view chunk, std::string& out) {
  state_->feed(chunk, out);
}
void Scanner::finish(std::string& out) {
  state_->finish(out);
}
const Decision& Scanner::decision() const noexcept {
  return state_->decision();
}
std::uint64_t Scanner::held_bytes() const noexcept {
  return state_->held_bytes();
}
Scanner::Recent Scanner::recent() const noexcept {
  return state_->recent();
}
void Scanner::forget() {
  state_->forget();
}

Engine::Engine(std::unique_ptr<const EngineCore> core) noexcept : core_(std::move(core)) {}
Engine::~Engine() = default;

Engine::Compiled Engine::compile(std::span<const std::shared_ptr<const Rulepack>> packs,
                                 const Limits& limits) {
  auto core = std::make_unique<EngineCore>();
  core->limits = limits;
  if (auto numbered = number_rules(*core, packs); !numbered) {
    return tl::make_unexpected(std::move(numbered).error());
  }
  if (auto compiled = compile_parts(*core); !compiled) {
    return tl::make_unexpected(std::move(compiled).error());
  }
  struct Made final : Engine {
    explicit Made(std::unique_ptr<const EngineCore> made) noexcept : Engine(std::move(made)) {}
  };
  auto engine = std::make_shared<const Made>(std::move(core));
  if (auto tested = run_tests(*engine, *engine->core_); !tested) {
    return tl::make_unexpected(std::move(tested).error());
  }
  return engine;
}

Scanner Engine::open(Part part, model::Mode mode) const {
  return Scanner(std::make_unique<ScanState>(shared_from_this(), *core_, part, mode));
}

Decision Engine::scan(Part part, model::Mode mode, std::string_view text,
                      std::string* redacted) const {
  ScanState state(nullptr, *core_, part, mode);
  state.run_whole(text, redacted);
  return state.take_decision();
}

std::uint32_t Engine::hold_bytes(Part part, model::Mode mode) const noexcept {
  const std::uint64_t far = core_->part(part).plans[static_cast<std::size_t>(mode)].acting;
  return far == kAtTheEnd ? kHoldsWhole : static_cast<std::uint32_t>(far);
}

std::size_t Engine::rule_count() const noexcept {
  return core_->rules.size();
}

const Rule& Engine::rule(std::uint32_t index) const noexcept {
  return *core_->rules[index];
}

const Rulepack& Engine::rulepack_of(std::uint32_t index) const noexcept {
  return *core_->pack_of[index];
}

std::span<const PackDigest> Engine::digests() const noexcept {
  return core_->digests;
}

std::size_t Engine::database_bytes() const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kPartCount; ++i) {
    const PartRules& part = core_->parts[i];
    const auto* first = core_->parts.data();
    const bool counted = std::any_of(
        first, first + i, [&](const PartRules& earlier) { return same_rules(earlier, part); });
    if (counted) continue;
    bytes += part.database ? part.database->bytes() : 0;
    bytes += part.at_end ? part.at_end->bytes() : 0;
  }
  return bytes;
}

}  // namespace cordon::policy
