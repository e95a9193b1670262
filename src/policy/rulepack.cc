#include "policy/rulepack.h"

#include "codec/yaml.h"
#include "crypto/sha256.h"
#include "policy/internal/matcher.h"
#include "policy/internal/view_text.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace cordon::policy {
namespace {

using codec::YamlNode;
using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, kPartCount> kParts = {"request", "response",
                                                             "tool_arguments", "reasoning"};
constexpr std::array<std::string_view, 2> kStates = {"live", "shadow"};
constexpr std::array<std::string_view, 2> kOnErrors = {"fail_closed", "fail_open"};
constexpr std::array<std::string_view, 3> kActions = {"warn", "redact", "block"};
constexpr std::array<std::string_view, 2> kHolds = {"window", "whole"};
constexpr std::array<std::string_view, 15> kValidators = {
    "none", "luhn", "iban",           "ssn", "entropy", "generated", "aba",     "nhs",
    "cpf",  "dni",  "codice_fiscale", "nir", "pesel",   "bsn",       "verhoeff"};
constexpr std::array<std::string_view, 4> kClasses = {"prompt_injection_bypass", "unsafe_output",
                                                      "data_leakage", "policy_drift"};
constexpr std::array<std::string_view, 4> kPackKeys = {"rulepack", "version", "description",
                                                       "rules"};
constexpr std::array<std::string_view, 14> kRuleKeys = {
    "id",     "class", "data_kind", "on",        "views",     "match", "state",
    "action", "hold",  "on_error",  "emergency", "rationale", "refs",  "tests"};
constexpr auto kViewNames = [] {
  std::array<std::string_view, kViewCount> names{};
  for (std::size_t i = 0; i < kViewCount; ++i) names[i] = to_string(static_cast<View>(i));
  return names;
}();
constexpr std::array<std::string_view, 9> kMatchKeys = {
    "tail", "pattern", "validate", "bits_min", "group", "holds", "allow", "dictionary", "canary"};
constexpr std::size_t kHeldBytesMin = 3;
constexpr std::array<std::string_view, 2> kTestKeys = {"match", "pass"};
constexpr std::array<std::string_view, 3> kReferenceKeys = {"scheme", "edition", "id"};

struct DataKind {
  std::string_view name;
  bool personal;
};
constexpr std::array<DataKind, 12> kDataKinds = {{{"payment_card", true},
                                                  {"iban", true},
                                                  {"email", true},
                                                  {"phone", true},
                                                  {"national_id", true},
                                                  {"address", true},
                                                  {"health", true},
                                                  {"secret", false},
                                                  {"private_key", false},
                                                  {"canary", false},
                                                  {"system_prompt", false},
                                                  {"url", false}}};
constexpr auto kDataKindNames = [] {
  std::array<std::string_view, kDataKinds.size()> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kDataKinds[i].name;
  return names;
}();

model::Action stricter(model::Action action) {
  return action == model::Action::block
             ? action
             : static_cast<model::Action>(static_cast<std::uint8_t>(action) + 1);
}

// A name that people type and evidence cites: lower-case letters, digits, dots and hyphens.
Result<std::string> name_of(const YamlNode& node) {
  constexpr std::size_t kNameBytesMax = 64;
  CORDON_TRY(auto name, node.as_nonempty_string());
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  };
  if (name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), fits)) return name;
  return tl::make_unexpected(
      node.expected("at most 64 lower-case letters, digits, dots and hyphens"));
}

Result<std::vector<std::string>> list_of(const YamlNode& node, std::size_t max) {
  CORDON_TRY(const auto items, node.sequence());
  if (items.empty()) return tl::make_unexpected(node.error("found an empty list"));
  if (items.size() > max) {
    return fail(Errc::exhausted,
                node.error("more than " + std::to_string(max) + " entries").detail);
  }
  std::vector<std::string> texts;
  for (const YamlNode& item : items) {
    CORDON_TRY(auto text, item.as_nonempty_string());
    texts.push_back(std::move(text));
  }
  return texts;
}

/// Reads one rule. Lives for one rule.
class RuleReader {
 public:
  RuleReader(const YamlNode& node, const RulepackLimits& limits) : node_(node), limits_(limits) {}

  Result<Rule> read() {
    CORDON_CHECK(node_.check_keys(kRuleKeys));
    CORDON_TRY(const YamlNode* id, node_.require("id"));
    CORDON_TRY(rule_.id, name_of(*id));
    rule_.line = static_cast<std::uint32_t>(node_.line());
    CORDON_CHECK(read_words());
    CORDON_CHECK(read_on());
    CORDON_CHECK(read_views());
    CORDON_CHECK(read_rationale());
    CORDON_CHECK(read_references());
    CORDON_TRY(const YamlNode* match, node_.require("match"));
    CORDON_CHECK(read_match(*match));
    CORDON_CHECK(read_tests());
    return std::move(rule_);
  }

 private:
  // The index of a key's word, or `otherwise` where the key is absent.
  Result<std::size_t> word(std::string_view key, Words words, std::size_t otherwise) const {
    const YamlNode* value = node_.find(key);
    return value == nullptr ? Result<std::size_t>(otherwise) : value->as_one_of(words);
  }

  Status read_words() {
    CORDON_TRY(const YamlNode* klass, node_.require("class"));
    CORDON_TRY(const std::size_t class_index, klass->as_one_of(kClasses));
    rule_.incident_class = static_cast<model::IncidentClass>(class_index);
    if (const YamlNode* kind = node_.find("data_kind")) {
      CORDON_TRY(const std::size_t index, kind->as_one_of(kDataKindNames));
      rule_.data_kind = kDataKindNames[index];
    }
    CORDON_TRY(const std::size_t state, word("state", kStates, 0));
    rule_.state = static_cast<RuleState>(state);
    CORDON_TRY(const YamlNode* action, node_.require("action"));
    CORDON_TRY(const std::size_t action_index, action->as_one_of(kActions));
    rule_.action = static_cast<model::Action>(action_index + 1);
    rule_.emergency = stricter(rule_.action);
    if (const YamlNode* emergency = node_.find("emergency")) {
      CORDON_TRY(const std::size_t index, emergency->as_one_of(kActions));
      rule_.emergency = static_cast<model::Action>(index + 1);
      if (rule_.emergency < rule_.action) {
        return tl::make_unexpected(emergency->expected("an action no weaker than `action`"));
      }
    }
    CORDON_TRY(const std::size_t on_error, word("on_error", kOnErrors, 0));
    rule_.on_error = static_cast<OnError>(on_error);
    CORDON_TRY(const std::size_t hold, word("hold", kHolds, 0));
    rule_.hold_whole = hold == 1;
    return {};
  }

  Status read_on() {
    CORDON_TRY(const YamlNode* on, node_.require("on"));
    CORDON_TRY(const auto parts, on->sequence());
    if (parts.empty()) return tl::make_unexpected(on->error("found an empty list"));
    for (const YamlNode& part : parts) {
      CORDON_TRY(const std::size_t index, part.as_one_of(kParts));
      rule_.on[index] = true;
    }
    return {};
  }

  // Words are sought however they are dressed up; numbers and keys only where a reader would still
  // copy them: letters that merely look alike, or that stand apart, make another number.
  Status read_views() {
    const bool words = rule_.incident_class != model::IncidentClass::data_leakage;
    constexpr ViewSet kForData =
        in(View::raw) | in(View::folded) | in(View::hidden) | in(View::decoded);
    rule_.views = rule_.hold_whole ? in(View::raw) : words ? kEveryView : kForData;
    const YamlNode* views = node_.find("views");
    if (views == nullptr) return {};
    CORDON_TRY(const auto names, views->sequence());
    if (names.empty()) return tl::make_unexpected(views->error("found an empty list"));
    rule_.views = 0;
    for (const YamlNode& name : names) {
      CORDON_TRY(const std::size_t index, name.as_one_of(kViewNames));
      rule_.views |= in(static_cast<View>(index));
    }
    if (!rule_.hold_whole || rule_.views == in(View::raw)) return {};
    return tl::make_unexpected(views->error("a rule that holds the whole text reads only raw"));
  }

  Status read_rationale() {
    const YamlNode* rationale = node_.find("rationale");
    if (rationale == nullptr) {
      return tl::make_unexpected(node_.error("rule " + rule_.id + " has no rationale"));
    }
    CORDON_TRY(rule_.rationale, rationale->as_nonempty_string());
    return {};
  }

  Status read_references() {
    const YamlNode* refs = node_.find("refs");
    if (refs == nullptr) return {};
    CORDON_TRY(const auto items, refs->sequence());
    for (const YamlNode& item : items) {
      CORDON_CHECK(item.check_keys(kReferenceKeys));
      Reference reference;
      const auto field = [&](std::string_view key, std::string& to) -> Status {
        CORDON_TRY(const YamlNode* value, item.require(key));
        CORDON_TRY(to, value->as_nonempty_string());
        return {};
      };
      CORDON_CHECK(field("scheme", reference.scheme));
      CORDON_CHECK(field("edition", reference.edition));
      CORDON_CHECK(field("id", reference.id));
      rule_.refs.push_back(std::move(reference));
    }
    return {};
  }

  Status read_match(const YamlNode& match) {
    CORDON_CHECK(match.check_keys(kMatchKeys));
    const YamlNode* pattern = match.find("pattern");
    const YamlNode* dictionary = match.find("dictionary");
    const YamlNode* canary = match.find("canary");
    const int kinds = (pattern != nullptr) + (dictionary != nullptr) + (canary != nullptr);
    if (kinds != 1) {
      return tl::make_unexpected(
          match.error("expected exactly one of pattern, dictionary, canary"));
    }
    if (pattern != nullptr) return read_pattern(match, *pattern);
    for (const std::string_view key : {"validate", "bits_min", "group", "holds", "allow", "tail"}) {
      const YamlNode* value = match.find(key);
      if (value == nullptr) continue;
      return tl::make_unexpected(value->error("'" + std::string(key) + "' goes with a pattern"));
    }
    return read_list(dictionary != nullptr ? *dictionary : *canary,
                     dictionary != nullptr ? MatchKind::dictionary : MatchKind::canary);
  }

  Status read_list(const YamlNode& list, MatchKind kind) {
    CORDON_TRY(const auto entries, list_of(list, limits_.words_max));
    rule_.kind = kind;
    rule_.price = {.width_min = UINT32_MAX, .width_max = 0, .literal_bytes = 0};
    for (const auto& entry : entries) {
      const auto size =
          static_cast<std::uint32_t>(std::min<std::size_t>(entry.size(), Price::kUnbounded - 1));
      rule_.price.width_min = std::min(rule_.price.width_min, size);
      rule_.price.width_max = std::max(rule_.price.width_max, size);
    }
    rule_.price.literal_bytes = rule_.price.width_min;
    constexpr std::uint32_t kTokenBytesMin = 8;
    if (kind == MatchKind::canary && rule_.price.width_min < kTokenBytesMin) {
      return tl::make_unexpected(list.error("a canary token needs at least 8 bytes"));
    }
    rule_.matcher =
        kind == MatchKind::dictionary ? dictionary_matcher(entries) : canary_matcher(entries);
    return check_width(list);
  }

  Status read_pattern(const YamlNode& match, const YamlNode& node) {
    CORDON_TRY(const auto pattern, node.as_nonempty_string());
    if (pattern.size() > limits_.pattern_bytes_max) {
      return fail(Errc::exhausted, node.error("a pattern longer than " +
                                              std::to_string(limits_.pattern_bytes_max) + " bytes")
                                       .detail);
    }
    CORDON_TRY(Conditions conditions, read_conditions(match));
    const auto refused = [&](const Error& error) {
      return fail(error.code, node.error("pattern refused: " + error.detail).detail);
    };
    const auto expression = analyse_pattern(pattern);
    if (!expression) return refused(expression.error());
    rule_.price = expression->price;
    if (!conditions.holds.empty()) {
      const auto shorter = [](const auto& a, const auto& b) { return a.size() < b.size(); };
      const auto& words = conditions.holds;
      rule_.price.literal_bytes =
          static_cast<std::uint32_t>(std::min_element(words.begin(), words.end(), shorter)->size());
    }
    CORDON_CHECK(check_width(node));
    auto matcher = pattern_matcher(pattern, *expression, std::move(conditions));
    if (!matcher) return refused(matcher.error());
    rule_.matcher = *std::move(matcher);
    if (const YamlNode* tail = match.find("tail")) {
      CORDON_TRY(const auto text, tail->as_nonempty_string());
      const auto bytes = parse_byte_class(text);
      if (!bytes) return tl::make_unexpected(tail->error(bytes.error().detail));
      rule_.tail = *bytes;
    }
    return {};
  }

  Result<Conditions> read_conditions(const YamlNode& match) const {
    constexpr std::size_t kAllowedMax = 1000;
    Conditions conditions;
    if (const YamlNode* validate = match.find("validate")) {
      CORDON_TRY(const std::size_t index, validate->as_one_of(kValidators));
      conditions.validator = static_cast<Validator>(index);
    }
    if (const YamlNode* group = match.find("group")) {
      CORDON_TRY(conditions.group, group->as_nonempty_string());
    }
    const YamlNode* bits = match.find("bits_min");
    if (bits != nullptr) {
      CORDON_TRY(conditions.bits_min, bits->as_double(0, 8));
    } else if (conditions.validator == Validator::entropy) {
      return tl::make_unexpected(match.error("validate: entropy needs bits_min"));
    }
    if (const YamlNode* words = match.find("holds")) {
      CORDON_TRY(conditions.holds, list_of(*words, kAllowedMax));
      const bool fit = std::all_of(conditions.holds.begin(), conditions.holds.end(),
                                   [](const auto& each) { return each.size() >= kHeldBytesMin; });
      if (!fit) {
        return tl::make_unexpected(words->error("a text of `holds` needs at least 3 bytes"));
      }
    }
    if (const YamlNode* allow = match.find("allow")) {
      CORDON_TRY(conditions.allow, list_of(*allow, kAllowedMax));
    }
    return conditions;
  }

  // A rule that could hold a stream for longer than the limit must say that it holds it whole.
  [[nodiscard]] Status check_width(const YamlNode& node) const {
    if (rule_.hold_whole || rule_.price.width_max <= limits_.match_bytes_max) return {};
    const bool unbounded = rule_.price.width_max == Price::kUnbounded;
    const std::string width =
        unbounded ? "without a widest form" : std::to_string(rule_.price.width_max) + " bytes wide";
    return tl::make_unexpected(node.error("a match may be " + width + ", expected at most " +
                                          std::to_string(limits_.match_bytes_max) +
                                          " bytes, or `hold: whole`"));
  }

  Status read_tests() {
    const YamlNode* tests = node_.find("tests");
    if (tests == nullptr) {
      return tl::make_unexpected(node_.error("rule " + rule_.id + " has no tests"));
    }
    CORDON_CHECK(tests->check_keys(kTestKeys));
    CORDON_CHECK(run_tests(*tests, "match", rule_.tests_match));
    CORDON_CHECK(run_tests(*tests, "pass", rule_.tests_pass));
    return {};
  }

  // The first thing the rule finds in any of its views.
  [[nodiscard]] Found find_in_views(std::string_view text) const {
    Found found;
    for (std::size_t i = 0; i < kViewCount && found.kind == Found::Kind::nothing; ++i) {
      const auto view = static_cast<View>(i);
      if ((rule_.views & in(view)) == 0) continue;
      const std::string seen = whole_view(view, text);
      found = rule_.matcher->find(seen, 0, seen.size());
    }
    return found;
  }

  Status run_tests(const YamlNode& tests, std::string_view key, std::vector<std::string>& into) {
    constexpr std::size_t kTestsMax = 200;
    CORDON_TRY(const YamlNode* list, tests.require(key));
    CORDON_TRY(into, list_of(*list, kTestsMax));
    for (std::size_t i = 0; i < into.size(); ++i) {
      const Found found = find_in_views(into[i]);
      const bool matches = found.kind == Found::Kind::match;
      if (found.kind != Found::Kind::error && matches == (key == "match")) continue;
      const std::string what = found.kind == Found::Kind::error ? "cannot be evaluated"
                               : matches                        ? "is found by the rule"
                                                                : "is not found by the rule";
      return tl::make_unexpected(list->items()[i].error("test of rule " + rule_.id +
                                                        " failed: " + std::string(key) + " " +
                                                        std::to_string(i + 1) + " " + what));
    }
    return {};
  }

  const YamlNode& node_;
  const RulepackLimits& limits_;
  Rule rule_;
};

}  // namespace

std::string_view to_string(Part part) noexcept {
  return kParts[static_cast<std::size_t>(part)];
}

std::string_view to_string(RuleState state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}

bool is_personal_data(std::string_view data_kind) noexcept {
  return std::any_of(kDataKinds.begin(), kDataKinds.end(),
                     [&](const DataKind& kind) { return kind.personal && kind.name == data_kind; });
}

std::span<const std::string_view> data_kinds() noexcept {
  return kDataKindNames;
}

Result<std::shared_ptr<const Rulepack>> Rulepack::parse(std::string_view text,
                                                        std::string_view file,
                                                        const RulepackLimits& limits) {
  CORDON_TRY(const YamlNode root,
             codec::parse_yaml(text, file, {.text_bytes_max = limits.text_bytes_max}));
  CORDON_CHECK(root.check_keys(kPackKeys));
  auto pack = std::make_shared<Rulepack>();
  CORDON_TRY(const YamlNode* name, root.require("rulepack"));
  CORDON_TRY(pack->name, name_of(*name));
  CORDON_TRY(const YamlNode* version, root.require("version"));
  CORDON_TRY(pack->version, name_of(*version));
  CORDON_TRY(const YamlNode* rules, root.require("rules"));
  CORDON_TRY(const auto items, rules->sequence());
  if (items.empty()) return tl::make_unexpected(rules->error("found an empty list"));
  if (items.size() > limits.rules_max) {
    return fail(Errc::exhausted,
                rules->error("more than " + std::to_string(limits.rules_max) + " rules").detail);
  }
  std::unordered_map<std::string, std::uint32_t> lines;
  for (const YamlNode& item : items) {
    CORDON_TRY(Rule rule, RuleReader(item, limits).read());
    const auto [first, fresh] = lines.emplace(rule.id, rule.line);
    if (!fresh) {
      return tl::make_unexpected(item.error("found the rule id " + rule.id +
                                            " a second time (the first is on line " +
                                            std::to_string(first->second) + ")"));
    }
    pack->rules.push_back(std::move(rule));
  }
  pack->digest = crypto::hex(crypto::sha256(text));
  return pack;
}

}  // namespace cordon::policy
