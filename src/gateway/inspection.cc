#include "gateway/internal/inspection.h"

#include "gateway/internal/joined_text.h"

#include <algorithm>

namespace cordon::gateway {
namespace {

using model::Action;

/// The hit of a rule, made when it is first found. Few rules ever match, so the search is short.
model::Hit& hit_of(Inspection& into, const policy::Rule& rule, model::Role role) {
  const auto found = std::find_if(into.hits.begin(), into.hits.end(),
                                  [&](const model::Hit& hit) { return hit.rule == rule.id; });
  if (found != into.hits.end()) return *found;
  model::Hit& hit = into.hits.emplace_back();
  hit.rule = rule.id;
  hit.of_class = rule.incident_class;
  hit.data_kind = rule.data_kind;
  hit.personal = policy::is_personal_data(rule.data_kind);
  hit.live = rule.state == policy::RuleState::live;
  hit.role = role;
  if (role != model::Role::none) hit.side = model::Side::request;
  return hit;
}

void commit_match(model::Hit& hit, const policy::Finding& finding, const DecidedText& decided,
                  const CommitContext& commit) {
  const std::uint64_t end = decided.text_begin + decided.text.size();
  if (!hit.commit.empty() || finding.begin < decided.text_begin || finding.end > end) return;
  const std::string_view span =
      decided.text.substr(finding.begin - decided.text_begin, finding.end - finding.begin);
  if (finding.view != policy::View::raw) hit.view = policy::to_string(finding.view);
  hit.commit = commit.commitment->of(*commit.key, commit.exchange, hit.rule, span);
}

/// A whole text decided. `redacted` is what may stand in its place where the action is redact.
policy::Decision decide(const policy::Engine& engine, policy::Part part, model::Mode mode,
                        const dialect::TextValue& value, std::string& redacted) {
  redacted.clear();
  policy::Decision decision = engine.scan(part, mode, value.text(), &redacted);
  if (decision.action != Action::redact || may_stand_for(value, redacted)) return decision;
  return without_redaction(std::move(decision));
}

/// The text that goes on with the one at `at`, past what else its own block holds and, of the parts
/// of messages, past other items; the end of the texts if none does.
std::size_t find_next(std::span<const dialect::SlotText> texts, std::size_t at) {
  if (texts[at].whole) return texts.size();
  const dialect::Slot& slot = texts[at].slot;
  for (std::size_t next = at + 1; next < texts.size(); ++next) {
    if (goes_on(slot, texts[next].slot)) return next;
    const bool beside = (texts[next].slot.index == slot.index && texts[next].whole) ||
                        slot.field == dialect::Field::part_text;
    if (!beside) break;
  }
  return texts.size();
}

/// Texts that are one text to whoever reads them: pieces of one content, or neighbouring blocks.
/// What stands for a match across a seam stands where it begins.
void inspect_run(Inspection& into, const policy::Engine& engine, model::Mode mode,
                 std::span<const dialect::SlotText* const> run, std::vector<codec::Splice>& splices,
                 const CommitContext& commit) {
  const policy::Part part = part_of(run.front()->slot.field);
  std::string all;
  for (const dialect::SlotText* const text : run) all += text->text();
  policy::Scanner scanner = engine.open(part, mode);
  std::vector<std::string> left(run.size());
  std::string settled;
  std::size_t fed = 0;
  std::size_t from = 0;  // what `settled` stands for begins here
  std::size_t at = 0;    // the first text whose end is not settled
  std::size_t end = run.front()->text().size();
  for (std::size_t i = 0; i < run.size(); ++i) {
    scanner.feed(run[i]->text(), settled);
    fed += run[i]->text().size();
    if (i + 1 == run.size()) scanner.finish(settled);
    const std::size_t until = fed - static_cast<std::size_t>(scanner.held_bytes());
    while (at < run.size() && end <= until) {
      const std::string_view source = std::string_view(all).substr(from, end - from);
      const std::size_t cut =
          end == until ? settled.size()
                       : bytes_before_seam(settled, source, source.size(), scanner.decision());
      left[at].append(settled, 0, cut);
      settled.erase(0, cut);
      from = end;
      if (++at < run.size()) end += run[at]->text().size();
    }
    if (at < run.size()) left[at] += settled;
    settled.clear();
    from = std::max(from, until);
  }
  commit.keep(part, all);
  add_decision(into, {engine, scanner.decision(), all}, kEverything, commit);
  if (scanner.decision().action != Action::redact) return;
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (left[i] != run[i]->text()) splices.push_back(run[i]->replaced_by(left[i]));
  }
}

}  // namespace

policy::Part part_of(dialect::Field field) noexcept {
  switch (dialect::kind_of(field)) {
    case dialect::TextKind::reasoning:
      return policy::Part::reasoning;
    case dialect::TextKind::tool_arguments:
      return policy::Part::tool_arguments;
    case dialect::TextKind::answer:
      break;
  }
  return policy::Part::response;
}

policy::Decision without_redaction(policy::Decision decision) {
  for (policy::Finding& finding : decision.findings) {
    if (finding.action == Action::redact) finding.action = Action::block;
  }
  if (decision.action == Action::redact) decision.action = Action::block;
  return decision;
}

std::size_t bytes_before_seam(std::string_view settled, std::string_view source, std::size_t bytes,
                              const policy::Decision& decision) {
  const bool same =
      decision.action < Action::redact || (source.size() == bytes && settled.starts_with(source));
  return same ? std::min(settled.size(), bytes) : settled.size();
}

bool may_stand_for(const dialect::TextValue& value, std::string_view text) {
  if (value.written == dialect::Written::string) return true;
  codec::JsonIndex index;
  return index.parse(text).has_value();
}

void note_matches(Inspection& into, const DecidedText& decided, const CommitContext& commit) {
  for (const policy::Finding& finding : decided.decision.findings) {
    commit_match(hit_of(into, decided.engine.rule(finding.rule), decided.role), finding, decided,
                 commit);
  }
}

void add_decision(Inspection& into, const DecidedText& decided, Passed passed,
                  const CommitContext& commit) {
  const policy::Decision& decision = decided.decision;
  into.verdict = std::max(into.verdict, decision.verdict);
  into.action = std::max(into.action, decision.action);
  into.scanned.bytes += decision.bytes_scanned;
  ++into.scanned.parts;
  for (const policy::Finding& finding : decision.findings) {
    const policy::Rule& rule = decided.engine.rule(finding.rule);
    model::Hit& hit = hit_of(into, rule, decided.role);
    ++hit.count;
    hit.verdict = std::max(hit.verdict, finding.verdict);
    hit.action = std::max(hit.action, finding.action);
    if (finding.action < Action::redact && finding.end <= passed.bytes) ++hit.delivered;
    commit_match(hit, finding, decided, commit);
    if (finding.action == Action::block && into.blocked.rule.empty()) {
      into.blocked = {rule.id, decided.engine.rulepack_of(finding.rule).digest};
    }
  }
}

void inspect_request(Inspection& into, const policy::Engine& engine, model::Mode mode,
                     std::span<const dialect::RequestText> texts,
                     std::vector<codec::Splice>& splices, const CommitContext& commit) {
  std::string redacted;
  for (std::size_t at = 0; at < texts.size() && !into.is_blocked();) {
    std::size_t end = at + 1;
    while (end < texts.size() && texts[end].group == texts[at].group) ++end;
    if (end == at + 1) {
      const dialect::RequestText& text = texts[at];
      policy::Decision decision = decide(engine, policy::Part::request, mode, text, redacted);
      if (text.sealed) decision = without_redaction(std::move(decision));
      commit.keep(policy::Part::request, text.text());
      add_decision(into, {engine, decision, text.text(), 0, text.role}, kEverything, commit);
      if (decision.action == Action::redact) splices.push_back(text.replaced_by(redacted));
    } else {
      const auto parts = texts.subspan(at, end - at);
      internal::JoinedText joined(engine, mode, parts);
      commit.keep(policy::Part::request, joined.text());
      const bool sealed = parts.front().sealed;
      const policy::Decision kept =
          sealed ? without_redaction(joined.decision()) : policy::Decision{};
      const policy::Decision& decision = sealed ? kept : joined.decision();
      add_decision(into, {engine, decision, joined.text(), 0, parts.front().role}, kEverything,
                   commit);
      if (decision.action == Action::redact) joined.append_splices(splices);
    }
    at = end;
  }
  codec::sort_splices(splices);
}

void inspect_answer(Inspection& into, const policy::Engine& engine, model::Mode mode,
                    std::span<const dialect::SlotText> texts, std::vector<codec::Splice>& splices,
                    const CommitContext& commit) {
  std::string passed;
  std::vector<const dialect::SlotText*> run;
  std::vector<bool> taken;  // into a run that began before
  for (std::size_t at = 0; at < texts.size(); ++at) {
    const dialect::SlotText& text = texts[at];
    if (at < taken.size() && taken[at]) continue;
    const policy::Part part = part_of(text.slot.field);
    const std::size_t next = find_next(texts, at);
    if (next == texts.size()) {
      policy::Decision decision = decide(engine, part, mode, text, passed);
      if (text.sealed || is_sealed(text.slot.field))
        decision = without_redaction(std::move(decision));
      commit.keep(part, text.text());
      add_decision(into, {engine, decision, text.text()}, kEverything, commit);
      if (decision.action == Action::redact) splices.push_back(text.replaced_by(passed));
      continue;
    }
    run.assign({&text});
    taken.resize(texts.size());
    for (std::size_t i = next; i < texts.size(); i = find_next(texts, i)) {
      run.push_back(&texts[i]);
      taken[i] = true;
    }
    inspect_run(into, engine, mode, run, splices, commit);
  }
  if (into.is_blocked()) {
    for (model::Hit& hit : into.hits) hit.delivered = 0;
  }
}

}  // namespace cordon::gateway
