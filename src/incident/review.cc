#include "incident/review.h"

#include "base/uuid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace cordon::incident {
namespace {

constexpr std::array<std::string_view, 6> kFindings = {
    "absent", "present_not_triggered", "triggered_not_effective", "bypassed", "disabled", "held"};
constexpr std::array<std::string_view, 4> kStates = {"draft", "in_review", "reviewed", "closed"};
constexpr std::string_view kAssertion = " *(assertion)*";
constexpr std::string_view kControlsTitle = "why controls did not prevent it";
constexpr std::size_t kUuidBytes = 36;

// Words that begin or carry a cause, and wording that is a judgement by itself.
constexpr std::string_view kCausal[] = {
    "because",       "due to",  "caused by", "fault of",   "blame",
    "failed to",     "forgot",  "neglected", "overlooked", "should have",
    "could have",    "didn't",  "did not",   "mistakenly", "wrongly",
    "misconfigured", "ignored", "error by",  "mistake by", "responsible for"};
constexpr std::string_view kRoles[] = {
    "engineer", "developer", "operator", "on-call", "oncall",    "administrator",
    "admin",    "commander", "reviewer", "analyst", "manager",   "somebody",
    "someone",  "team",      "employee", "intern",  "contractor"};
constexpr std::string_view kJudgements[] = {"human error", "operator error", "user error",
                                            "careless",    "negligen",       "incompeten",
                                            "reckless",    "sloppy",         "lazy"};

template <std::size_t N>
Result<std::size_t> index_in(const std::array<std::string_view, N>& words, std::string_view text,
                             std::string_view what) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    return fail(Errc::invalid, fmt::format("unknown {} '{}', expected one of {}", what,
                                           text.substr(0, 40), fmt::join(words, ", ")));
  }
  return static_cast<std::size_t>(found - words.begin());
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

/// Whether `word` stands in `text` with no letter before it, and none after it unless `stem`.
bool has_word(std::string_view text, std::string_view word, std::string_view suffixes) {
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if (at > 0 && is_word_char(text[at - 1])) continue;
    std::size_t end = at + word.size();
    if (end < text.size() && suffixes.find(text[end]) != suffixes.npos) ++end;
    if (end >= text.size() || !is_word_char(text[end])) return true;
  }
  return false;
}

bool has_stem(std::string_view text, std::string_view stem) {
  const std::size_t at = text.find(stem);
  return at != text.npos && (at == 0 || !is_word_char(text[at - 1]));
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

/// Sentences of one line: cut after `. `, `! ` and `? `.
std::vector<std::string_view> sentences_of(std::string_view line) {
  std::vector<std::string_view> all;
  std::size_t begin = 0;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const bool ends = line[i] == '.' || line[i] == '!' || line[i] == '?';
    if (!ends || line[i + 1] != ' ') continue;
    // What follows in brackets still belongs to the sentence before it.
    if (line.substr(i + 2).starts_with("[")) continue;
    all.push_back(line.substr(begin, i + 1 - begin));
    begin = i + 2;
  }
  if (begin < line.size()) all.push_back(line.substr(begin));
  return all;
}

/// Whether a line says something: no title, rule, table or fence.
bool is_claim(std::string_view line) {
  const std::string_view text = trim(line);
  if (text.empty() || text.front() == '#' || text.front() == '|' || text.starts_with("---") ||
      text.starts_with("```") || text.starts_with("<!--")) {
    return false;
  }
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; });
}

/// The ids in `[...]`, one or several with commas.
std::vector<std::string_view> citations_of(std::string_view text) {
  std::vector<std::string_view> ids;
  for (std::size_t at = text.find('['); at != text.npos; at = text.find('[', at + 1)) {
    const std::size_t end = text.find(']', at);
    if (end == text.npos) break;
    std::string_view inside = text.substr(at + 1, end - at - 1);
    while (!inside.empty()) {
      const std::size_t comma = inside.find(',');
      const std::string_view id = trim(inside.substr(0, comma));
      if (id.size() == kUuidBytes && is_uuid(id)) ids.push_back(id);
      if (comma == inside.npos) break;
      inside.remove_prefix(comma + 1);
    }
  }
  return ids;
}

/// A line that the draft took from the log: what somebody wrote then is not the review's wording.
bool is_logged(std::string_view line) {
  return trim(line).starts_with("- `2") && !citations_of(line).empty();
}

/// As it was before it was marked, so that marking twice changes nothing.
std::string without_marks(std::string_view text) {
  std::string out(text);
  for (std::size_t at = out.find(kAssertion); at != out.npos; at = out.find(kAssertion, at)) {
    out.erase(at, kAssertion.size());
  }
  return out;
}

/// `- NAME: finding. detail`, as the draft writes it; the name may stand in backticks.
Result<std::optional<Control>> control_of(std::string_view line) {
  std::string_view text = trim(line);
  if (!text.starts_with("- ")) return std::optional<Control>();
  text.remove_prefix(2);
  const std::size_t colon = text.find(": ");
  if (colon == text.npos) return std::optional<Control>();
  std::string_view name = trim(text.substr(0, colon));
  if (name.size() > 1 && name.front() == '`' && name.back() == '`') {
    name = name.substr(1, name.size() - 2);
  }
  const std::string_view rest = text.substr(colon + 2);
  const std::size_t end = rest.find_first_of(".,; [*");
  Control control;
  control.name = name.substr(0, 200);
  const auto finding = parse_control_finding(rest.substr(0, end));
  if (!finding) {
    return fail(Errc::invalid,
                fmt::format("the control '{}': {}", name.substr(0, 64), finding.error().detail));
  }
  control.finding = *finding;
  if (end != rest.npos) control.detail = trim(rest.substr(end + 1)).substr(0, 500);
  return std::optional<Control>(std::move(control));
}

}  // namespace

std::string_view to_string(ControlFinding finding) noexcept {
  return kFindings[static_cast<std::size_t>(finding)];
}
Result<ControlFinding> parse_control_finding(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kFindings, text, "finding"));
  return static_cast<ControlFinding>(at);
}

std::string_view to_string(ReviewState state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}
Result<ReviewState> parse_review_state(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kStates, text, "state of a review"));
  return static_cast<ReviewState>(at);
}

codec::Json to_json(const Review& review) {
  codec::Json controls = codec::Json::array();
  for (const Control& control : review.draft.controls) {
    controls.push_back({{"name", control.name},
                        {"finding", to_string(control.finding)},
                        {"detail", control.detail}});
  }
  codec::Json json = {{"status", to_string(review.state)},
                      {"digest", review.draft.digest},
                      {"draft", review.drafts},
                      {"controls", std::move(controls)},
                      {"assertions", review.draft.assertions},
                      {"lint", review.draft.lint},
                      {"by", review.by.text()},
                      {"at", format_rfc3339(review.at)},
                      {"entry", review.entry}};
  if (!review.draft.kept_because.empty()) json["kept_because"] = review.draft.kept_because;
  if (review.submitted_by) json["submitted_by"] = review.submitted_by->text();
  if (review.reviewed_by) {
    json["reviewed_by"] = review.reviewed_by->text();
    json["reviewed_at"] = format_rfc3339(*review.reviewed_at);
  }
  return json;
}

std::vector<LintFinding> lint(std::string_view markdown, std::span<const std::string> people) {
  std::vector<LintFinding> findings;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(markdown)) {
    ++number;
    if (!is_claim(line) || is_logged(line)) continue;
    for (const std::string_view sentence : sentences_of(line)) {
      const std::string text = lower(sentence);
      for (const std::string_view judgement : kJudgements) {
        if (!has_stem(text, judgement)) continue;
        findings.push_back(
            {number, std::string(judgement), "names a judgement; say what the system let happen"});
      }
      const bool causal =
          std::any_of(std::begin(kCausal), std::end(kCausal),
                      [&text](std::string_view word) { return has_word(text, word, ""); });
      if (!causal) continue;
      for (const std::string& person : people) {
        if (person.empty() || !has_word(text, lower(person), "")) continue;
        findings.push_back({number, person,
                            "a person stands where a cause belongs; name the control, component "
                            "or change, and the role if it matters"});
      }
      for (const std::string_view role : kRoles) {
        if (!has_word(text, role, "s")) continue;
        findings.push_back({number, std::string(role),
                            "a role stands where a cause belongs; say what made it the likely "
                            "thing to do"});
        break;
      }
    }
  }
  return findings;
}

Result<CheckedReview> check_review(std::string_view markdown,
                                   const std::set<std::string, std::less<>>& entries) {
  const bool blank = markdown.find_first_not_of(" \t\r\n") == markdown.npos;
  if (blank || markdown.size() > kReviewBytesMax) {
    return fail(Errc::invalid, fmt::format("a review has 1 to {} bytes, found {}", kReviewBytesMax,
                                           markdown.size()));
  }
  CheckedReview checked;
  bool in_controls = false;
  std::size_t number = 0;
  const std::string unmarked = without_marks(markdown);
  for (const std::string_view line : lines_of(unmarked)) {
    ++number;
    if (trim(line).starts_with("#")) {
      in_controls = lower(line).find(kControlsTitle) != std::string::npos;
    }
    for (const std::string_view id : citations_of(line)) {
      if (entries.contains(id)) continue;
      return fail(Errc::invalid,
                  fmt::format("line {} cites {}, which is no entry of this incident", number, id));
    }
    if (in_controls) {
      CORDON_TRY(auto control, control_of(line));
      if (control) checked.controls.push_back(*std::move(control));
    }
    if (!is_claim(line)) {
      checked.text.append(line).append("\n");
      continue;
    }
    std::string marked;
    for (const std::string_view sentence : sentences_of(line)) {
      if (!marked.empty()) marked += ' ';
      marked += sentence;
      const bool says = std::any_of(sentence.begin(), sentence.end(), [](char c) {
        return std::isalpha(static_cast<unsigned char>(c)) != 0;
      });
      if (!says || !citations_of(sentence).empty()) continue;
      ++checked.assertions;
      marked += kAssertion;
    }
    checked.text += marked;
    checked.text += '\n';
  }
  return checked;
}

}  // namespace cordon::incident
