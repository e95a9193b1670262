#include "policy/strength.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::policy {
namespace {

const Rule* find(Packs packs, std::string_view id) {
  for (const auto& pack : packs) {
    const auto found = std::find_if(pack->rules.begin(), pack->rules.end(),
                                    [&](const Rule& rule) { return rule.id == id; });
    if (found != pack->rules.end()) return &*found;
  }
  return nullptr;
}

bool reads_at_least(const Rule& rule, const Rule& other) {
  for (std::size_t part = 0; part < kPartCount; ++part) {
    if (rule.on[part] && !other.on[part]) return false;
  }
  return true;
}

bool finds_at_least(const Rule& rule, const Rule& other) {
  return std::all_of(rule.tests_match.begin(), rule.tests_match.end(), [&](const auto& text) {
    return std::find(other.tests_match.begin(), other.tests_match.end(), text) !=
           other.tests_match.end();
  });
}

/// Why `other` is no counterpart; empty if it is one.
std::string loss(const Rule& rule, const Rule* other) {
  if (other == nullptr) return fmt::format("rule {} is missing", rule.id);
  if (other->state != RuleState::live) return fmt::format("rule {} is only a shadow", rule.id);
  if (!reads_at_least(rule, *other)) return fmt::format("rule {} reads fewer parts", rule.id);
  if (other->action < rule.action || other->emergency < rule.emergency) {
    return fmt::format("rule {} acts less strictly", rule.id);
  }
  if (rule.on_error == OnError::fail_closed && other->on_error == OnError::fail_open) {
    return fmt::format("rule {} fails open", rule.id);
  }
  if (!finds_at_least(rule, *other)) return fmt::format("rule {} promises to find less", rule.id);
  return {};
}

}  // namespace

std::vector<std::string> losses(Packs own, Packs other) {
  std::vector<std::string> found;
  for (const auto& pack : own) {
    const bool same = std::any_of(other.begin(), other.end(),
                                  [&](const auto& each) { return each->digest == pack->digest; });
    if (same) continue;
    for (const Rule& rule : pack->rules) {
      if (rule.state != RuleState::live) continue;
      std::string lost = loss(rule, find(other, rule.id));
      if (!lost.empty()) found.push_back(std::move(lost));
    }
  }
  return found;
}

}  // namespace cordon::policy
