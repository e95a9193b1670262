#include "incident/review_draft.h"

#include "incident/internal/template.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

constexpr std::size_t kTimelineLinesMax = 300;

/// One clause of plain text inside Markdown: nothing in it renders, and it stays one sentence.
std::string clause(std::string_view text) {
  std::string out;
  for (const char c : internal::defang(text)) {
    if (std::string_view(R"(\`*_[]<>#|!)").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  for (const char* end : {". ", "? "}) {
    for (std::size_t at = out.find(end); at != out.npos; at = out.find(end, at)) out[at] = ';';
  }
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  return out;
}

std::string cited(const std::vector<std::string>& entries) {
  if (entries.empty()) return {};
  const std::size_t shown = std::min<std::size_t>(entries.size(), 5);
  return fmt::format(
      " [{}]",
      fmt::join(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
}

std::string stamp(WallTime time) {
  return format_rfc3339(time).substr(0, 19) + "Z";
}

bool belongs_in_story(const TimelineItem& item) {
  if (item.kind != model::EntryKind::incident_event) return true;
  const auto event = item.fields.find("event");
  return event == item.fields.end() || *event != "delivery_begun";
}

void write_timeline(std::string& out, std::span<const TimelineItem> timeline) {
  std::size_t written = 0;
  std::size_t left = 0;
  for (const TimelineItem& item : timeline) {
    if (!belongs_in_story(item)) continue;
    if (written == kTimelineLinesMax) {
      ++left;
      continue;
    }
    ++written;
    out += fmt::format("- `{}` {}: {} [{}].\n", stamp(item.time), clause(item.actor),
                       clause(item.text), item.id);
  }
  if (left > 0) out += fmt::format("\n<!-- {} later entries are in the timeline -->\n", left);
}

void write_signals(std::string& out, std::span<const TimelineItem> timeline) {
  std::vector<const TimelineItem*> signals;
  for (const TimelineItem& item : timeline) {
    if (item.kind == model::EntryKind::signal) signals.push_back(&item);
  }
  std::sort(signals.begin(), signals.end(), [](const auto* a, const auto* b) {
    return std::pair(a->recorded, a->sequence) < std::pair(b->recorded, b->sequence);
  });
  for (std::size_t i = 0; i < signals.size(); ++i) {
    out += fmt::format("- {}recorded `{}`, about `{}`: {} [{}].\n", i == 0 ? "First signal, " : "",
                       stamp(signals[i]->recorded), stamp(signals[i]->time),
                       clause(signals[i]->text), signals[i]->id);
  }
  if (signals.empty()) out += "- No signal is in the timeline, which is a fault of the record.\n";
}

void write_recovery(std::string& out, const Recovery& recovery) {
  if (!recovery.unknown.empty()) {
    out += fmt::format("- Unknown: {}{}.\n", clause(recovery.unknown), cited(recovery.entries));
    return;
  }
  if (recovery.lines.empty()) {
    out += fmt::format("- No value of the generation differs{}.\n", cited(recovery.entries));
  }
  for (const std::string& line : recovery.lines) {
    out += fmt::format("- {}{}.\n", clause(line), cited(recovery.entries));
  }
}

void write_actions(std::string& out, const FollowUp& state) {
  for (const Action& action : state.actions) {
    out += fmt::format(
        "- {} ({}): {}; owner {}, due `{}`, verified by {}, {} [{}].\n", action.added.action,
        to_string(action.added.kind), clause(action.added.title), clause(action.added.owner),
        stamp(action.added.due), clause(action.added.verify_by), state_of(action), action.entry);
  }
  if (state.actions.empty()) {
    out +=
        "<!-- cordon action add INCIDENT ... ; each action has one owner, a date and a proof -->\n";
  }
}

}  // namespace

std::string draft_review(const ReviewFacts& facts) {
  const Incident& incident = facts.incident;
  const std::string opened = incident.states.empty() ? "" : incident.states.front().entry;
  std::string out = fmt::format("# Review of {}\n\n", incident.id);
  out += fmt::format(
      "<!-- drafted from facts as of {}; a sentence that cites no entry is marked "
      "as an assertion -->\n\n",
      stamp(facts.now));
  out += fmt::format("{} on {}, {}, now {} [{}].\n{} [{}].\n", model::to_string(incident.of_class),
                     incident.scopes.empty() ? "no scope" : clause(incident.scopes.front().text()),
                     incident.severity ? to_string(*incident.severity) : "severity unset",
                     to_string(incident.state), opened, clause(facts.impact), opened);
  out += "\n## Outcomes\n\n";
  for (const Outcome& one : facts.outcomes) {
    out += fmt::format("- {}: **{}**, {}{}.\n", one.title, to_string(one.verdict),
                       clause(one.number), cited(one.entries));
  }
  out += "\n## What happened\n\n";
  write_timeline(out, facts.timeline);
  out += "\n## Signals, in the order in which they came\n\n";
  write_signals(out, facts.timeline);
  out += "\n## Why controls did not prevent it\n\n";
  for (const ControlFact& fact : facts.controls) {
    out +=
        fmt::format("- `{}`: {}, {}{}.\n", fact.control.name, to_string(fact.control.finding),
                    clause(fact.control.detail),
                    cited(fact.entries.empty() ? std::vector<std::string>{opened} : fact.entries));
  }
  out += "\n## What changed to recover\n\n";
  write_recovery(out, facts.recovery);
  out += "\n## Service before, during and after\n\n";
  for (const std::string& line : facts.service) {
    out += fmt::format("- {} [{}].\n", clause(line), opened);
  }
  out += "\n## What follows\n\n";
  write_actions(out, incident.follow_up);
  return out;
}

}  // namespace cordon::incident
