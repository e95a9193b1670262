#include "policy/diff.h"

#include "codec/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace cordon::policy {
namespace {

using codec::YamlNode;

constexpr std::array<std::string_view, 4> kStrengths = {"same", "stronger", "unknown", "weaker"};
constexpr std::array<std::string_view, 3> kFates = {"added", "removed", "changed"};

/// Keys that people read and no exchange feels.
constexpr std::array<std::string_view, 4> kForPeople = {"rationale", "refs", "tests", "hold"};

/// One rule on one side: what it means, and how it is written.
struct Side {
  const Rule* rule = nullptr;
  const YamlNode* node = nullptr;
};
using Sides = std::map<std::string, Side, std::less<>>;

// One text for one meaning: keys of maps sorted, every scalar in quotes.
void write_node(const YamlNode& node, std::string& out) {
  if (node.is_sequence()) {
    out += '[';
    for (const YamlNode& item : node.items()) {
      if (out.back() != '[') out += ", ";
      write_node(item, out);
    }
    out += ']';
  } else if (node.is_mapping()) {
    std::map<std::string_view, const YamlNode*> sorted;
    for (const auto& entry : node.entries()) sorted[entry.key.text()] = &entry.value;
    out += '{';
    for (const auto& [key, value] : sorted) {
      if (out.back() != '{') out += ", ";
      out += key;
      out += ": ";
      write_node(*value, out);
    }
    out += '}';
  } else {
    out += '\'';
    out += node.text();
    out += '\'';
  }
}

std::string text_of(const YamlNode* node) {
  std::string text;
  if (node == nullptr) return text;
  if (node->is_scalar()) return std::string(node->text());
  write_node(*node, text);
  return text;
}

/// At most the bound, ending between two characters.
std::string cut(std::string text) {
  if (text.size() <= kDiffTextBytesMax) return text;
  std::size_t end = kDiffTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

template <class T>
Strength ranked(T before, T after) {
  if (before == after) return Strength::same;
  return after < before ? Strength::weaker : Strength::stronger;
}

std::set<std::string, std::less<>> words_of(const YamlNode* list) {
  std::set<std::string, std::less<>> words;
  if (list == nullptr) return words;
  for (const YamlNode& item : list->items()) words.emplace(item.text());
  return words;
}

/// What it means that a list of things to find grew or shrank.
Strength grown(const std::set<std::string, std::less<>>& before,
               const std::set<std::string, std::less<>>& after) {
  if (!std::includes(after.begin(), after.end(), before.begin(), before.end())) {
    return Strength::weaker;
  }
  return after.size() > before.size() ? Strength::stronger : Strength::same;
}

/// Lists can be compared; what another pattern finds cannot be told without running it.
Strength match_strength(const YamlNode& before, const YamlNode& after) {
  for (const std::string_view key : {"dictionary", "canary"}) {
    const YamlNode* const old = before.find(key);
    const YamlNode* const now = after.find(key);
    const bool only = before.entries().size() == 1 && after.entries().size() == 1;
    if (old != nullptr && now != nullptr && only) return grown(words_of(old), words_of(now));
  }
  std::set<std::string_view> keys;
  for (const auto& entry : before.entries()) keys.insert(entry.key.text());
  for (const auto& entry : after.entries()) keys.insert(entry.key.text());
  for (const std::string_view key : keys) {
    if (key != "allow" && text_of(before.find(key)) != text_of(after.find(key))) {
      return Strength::unknown;
    }
  }
  // What is allowed to pass is the other way round.
  const auto was = words_of(before.find("allow"));
  const auto is = words_of(after.find("allow"));
  if (!std::includes(was.begin(), was.end(), is.begin(), is.end())) return Strength::weaker;
  return was.size() > is.size() ? Strength::stronger : Strength::same;
}

Strength parts_strength(const Rule& before, const Rule& after) {
  Strength strength = Strength::same;
  for (std::size_t part = 0; part < kPartCount; ++part) {
    strength = std::max(strength, ranked(before.on[part], after.on[part]));
  }
  return strength;
}

Strength kind_strength(const Rule& before, const Rule& after) {
  const bool personal = is_personal_data(before.data_kind);
  const bool stays = is_personal_data(after.data_kind);
  return personal == stays ? Strength::unknown : ranked(personal, stays);
}

Strength strength_of(std::string_view key, const Side& before, const Side& after) {
  if (std::find(kForPeople.begin(), kForPeople.end(), key) != kForPeople.end()) {
    return Strength::same;
  }
  if (key == "action") return ranked(before.rule->action, after.rule->action);
  if (key == "emergency") return ranked(before.rule->emergency, after.rule->emergency);
  if (key == "state") return ranked(after.rule->state, before.rule->state);
  if (key == "on_error") return ranked(after.rule->on_error, before.rule->on_error);
  if (key == "on") return parts_strength(*before.rule, *after.rule);
  if (key == "data_kind") return kind_strength(*before.rule, *after.rule);
  const YamlNode* const old = before.node->find(key);
  const YamlNode* const now = after.node->find(key);
  if (key == "match" && old != nullptr && now != nullptr) return match_strength(*old, *now);
  return Strength::unknown;
}

/// What a key says once its default is filled in, where the rule knows better than the text.
std::string said(std::string_view key, const Side& side) {
  if (key == "emergency") return std::string(to_string(side.rule->emergency));
  if (key == "state") return std::string(to_string(side.rule->state));
  if (key == "on_error") {
    return side.rule->on_error == OnError::fail_closed ? "fail_closed" : "fail_open";
  }
  if (key == "hold") return side.rule->hold_whole ? "whole" : "window";
  if (key == "on") {
    std::string parts;
    for (std::size_t part = 0; part < kPartCount; ++part) {
      if (!side.rule->on[part]) continue;
      if (!parts.empty()) parts += ", ";
      parts += to_string(static_cast<Part>(part));
    }
    return parts;
  }
  return text_of(side.node->find(key));
}

RuleChange compare(const std::string& id, const Side& before, const Side& after) {
  RuleChange change{id, RuleFate::changed, after.rule->incident_class, {}, Strength::same};
  std::set<std::string, std::less<>> keys{"emergency", "state", "on_error", "hold", "on"};
  for (const Side* side : {&before, &after}) {
    for (const auto& entry : side->node->entries()) keys.emplace(entry.key.text());
  }
  for (const std::string& key : keys) {
    std::string old = said(key, before);
    std::string now = said(key, after);
    if (old == now) continue;
    const Strength strength = strength_of(key, before, after);
    change.strength = std::max(change.strength, strength);
    change.fields.push_back({key, cut(std::move(old)), cut(std::move(now)), strength});
  }
  // A rule that was in shadow and stays there lets pass what it let pass.
  const bool shadow =
      before.rule->state == RuleState::shadow && after.rule->state == RuleState::shadow;
  if (shadow) change.strength = Strength::same;
  return change;
}

Result<Sides> sides_of(const PackText& side, const YamlNode& root) {
  Sides sides;
  const YamlNode* const rules = root.find("rules");
  if (rules == nullptr || rules->items().size() != side.pack.rules.size()) {
    return fail(Errc::corrupt, fmt::format("rulepack {}: the text has other rules than were read "
                                           "from it",
                                           side.pack.name));
  }
  for (std::size_t i = 0; i < side.pack.rules.size(); ++i) {
    sides[side.pack.rules[i].id] = {&side.pack.rules[i], &rules->items()[i]};
  }
  return sides;
}

}  // namespace

std::string_view to_string(Strength strength) noexcept {
  return kStrengths[static_cast<std::size_t>(strength)];
}

std::string_view to_string(RuleFate fate) noexcept {
  return kFates[static_cast<std::size_t>(fate)];
}

Strength PackDiff::strength() const noexcept {
  Strength strength = Strength::same;
  for (const RuleChange& change : changes) strength = std::max(strength, change.strength);
  return strength;
}

std::vector<std::string> PackDiff::rules_of(Strength strength) const {
  std::vector<std::string> rules;
  for (const RuleChange& change : changes) {
    if (change.strength == strength) rules.push_back(change.rule);
  }
  return rules;
}

Result<PackDiff> diff(const PackText& before, const PackText& after) {
  CORDON_TRY(const YamlNode old_root, codec::parse_yaml(before.text, before.pack.name));
  CORDON_TRY(const YamlNode new_root, codec::parse_yaml(after.text, after.pack.name));
  CORDON_TRY(const Sides old, sides_of(before, old_root));
  CORDON_TRY(const Sides now, sides_of(after, new_root));
  PackDiff diff;
  std::set<std::string_view> ids;
  for (const auto& [id, side] : old) ids.insert(id);
  for (const auto& [id, side] : now) ids.insert(id);
  for (const std::string_view id : ids) {
    const auto was = old.find(id);
    const auto is = now.find(id);
    if (was != old.end() && is != now.end()) {
      RuleChange change = compare(was->first, was->second, is->second);
      if (!change.fields.empty()) diff.changes.push_back(std::move(change));
      continue;
    }
    const Rule& rule = was == old.end() ? *is->second.rule : *was->second.rule;
    const bool live = rule.state == RuleState::live;
    const bool added = was == old.end();
    const Strength strength = !live   ? Strength::same
                              : added ? Strength::stronger
                                      : Strength::weaker;
    diff.changes.push_back(
        {rule.id, added ? RuleFate::added : RuleFate::removed, rule.incident_class, {}, strength});
  }
  return diff;
}

}  // namespace cordon::policy
