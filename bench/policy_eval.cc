// Prints what the built-in rulepacks find in labelled texts: recall per label and slice, false
// positives on benign text, and the rules behind them.
//
// policy_eval TEXTS.jsonl [PACK.yaml...]: one JSON object a line with text, label, role and
// perhaps slice. With packs named, those are measured instead of the built-in ones.
// Texts are never printed; `--ids` after the file prints the ids of benign rows that were hit.
#include "codec/json.h"
#include "policy/engine.h"

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace cordon;

struct Count {
  std::size_t texts = 0;
  std::size_t hit = 0;
};

struct Tally {
  std::map<std::string, Count> labels;  // label, then label/role and label/slice
  std::map<std::string, std::map<std::string, std::size_t>> rules;  // rule, then label
  std::vector<std::string> benign_hits;
};

policy::Part part_of(const std::string& role) {
  return role == "assistant" ? policy::Part::response : policy::Part::request;
}

void count(Tally& tally, const policy::Engine& engine, const codec::Json& row) {
  const auto text = row.value("text", std::string());
  const auto label = row.value("label", std::string());
  const auto role = row.value("role", std::string());
  const auto decision = engine.scan(part_of(role), model::Mode::observe, text);
  std::set<std::string> rules;
  bool leak = false;
  bool injection = false;
  for (const auto& finding : decision.findings) {
    const policy::Rule& rule = engine.rule(finding.rule);
    rules.insert(rule.id);
    const bool is_leak = rule.incident_class == model::IncidentClass::data_leakage;
    (is_leak ? leak : injection) = true;
  }
  // A text counts as found when a rule of its own class fires; a benign one when any does.
  const bool leak_label = label == "secret" || label == "pii";
  const bool hit = label == "benign" ? leak || injection : leak_label ? leak : injection;
  std::vector<std::string> keys = {label, label + " / " + role};
  if (row.contains("slice")) keys.push_back(label + " : " + row.value("slice", std::string()));
  for (const auto& key : keys) {
    ++tally.labels[key].texts;
    tally.labels[key].hit += hit ? 1 : 0;
  }
  for (const auto& rule : rules) ++tally.rules[rule][label];
  if (label == "benign" && hit) {
    std::string line = row.value("id", std::string());
    for (const auto& rule : rules) line += " " + rule;
    tally.benign_hits.push_back(std::move(line));
  }
}

std::vector<std::shared_ptr<const policy::Rulepack>> packs_of(std::span<char*> files) {
  std::vector<std::shared_ptr<const policy::Rulepack>> packs;
  const auto add = [&](std::string_view text, std::string_view file) {
    auto pack = policy::Rulepack::parse(text, file);
    if (!pack) {
      std::fprintf(stderr, "%s\n", pack.error().detail.c_str());
      std::exit(2);
    }
    packs.push_back(*std::move(pack));
  };
  for (const char* file : files) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    add(text.str(), file);
  }
  if (packs.empty()) {
    for (const auto& pack : policy::builtin_packs()) add(pack.text, pack.file);
  }
  return packs;
}

void print(const Tally& tally, bool ids) {
  std::printf("%-34s %7s %7s %7s\n", "label", "texts", "hit", "share");
  for (const auto& [label, counted] : tally.labels) {
    std::printf("%-34s %7zu %7zu %6.2f%%\n", label.c_str(), counted.texts, counted.hit,
                100.0 * static_cast<double>(counted.hit) / static_cast<double>(counted.texts));
  }
  std::printf("\n%-34s hits by label\n", "rule");
  for (const auto& [rule, labels] : tally.rules) {
    std::printf("%-34s", rule.c_str());
    for (const auto& [label, hits] : labels) std::printf(" %s=%zu", label.c_str(), hits);
    std::printf("\n");
  }
  if (!ids) return;
  for (const auto& line : tally.benign_hits) std::printf("%s\n", line.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: policy_eval TEXTS.jsonl [--ids] [PACK.yaml...]\n");
    return 2;
  }
  int first = 2;
  const bool ids = argc > 2 && std::string_view(argv[2]) == "--ids";
  if (ids) ++first;
  const auto packs = packs_of(std::span<char*>(argv, static_cast<std::size_t>(argc))
                                  .subspan(static_cast<std::size_t>(first)));
  const auto engine = policy::Engine::compile(packs);
  if (!engine) {
    std::fprintf(stderr, "%s %s: %s\n", engine.error().rulepack.c_str(),
                 engine.error().rule_id.c_str(), engine.error().reason.c_str());
    return 2;
  }
  Tally tally;
  std::ifstream in(argv[1]);
  for (std::string line; std::getline(in, line);) {
    const auto row = codec::parse_json(line);
    if (row) count(tally, **engine, *row);
  }
  print(tally, ids);
  return 0;
}
