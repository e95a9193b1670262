#include "incident/actions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace cordon::incident {
namespace {

constexpr std::array<std::string_view, 4> kKinds = {"hardening", "detection", "process",
                                                    "documentation"};
constexpr std::string_view kReplay = "replay:";

}  // namespace

std::string_view to_string(ActionKind kind) noexcept {
  return kKinds[static_cast<std::size_t>(kind)];
}

Result<ActionKind> parse_action_kind(std::string_view text) {
  const auto found = std::find(kKinds.begin(), kKinds.end(), text);
  if (found == kKinds.end()) {
    return fail(Errc::invalid, fmt::format("unknown kind of action '{}', expected one of {}",
                                           text.substr(0, 40), fmt::join(kKinds, ", ")));
  }
  return static_cast<ActionKind>(found - kKinds.begin());
}

std::string_view state_of(const Action& action) noexcept {
  if (action.verified_at) return "verified";
  return action.done_at ? "done" : "open";
}

codec::Json to_json(const Action& action) {
  codec::Json json = {{"id", action.added.action},
                      {"title", action.added.title},
                      {"owner", action.added.owner},
                      {"due", format_rfc3339(action.added.due)},
                      {"kind", to_string(action.added.kind)},
                      {"verify_by", action.added.verify_by},
                      {"status", state_of(action)},
                      {"overdue", action.overdue && !action.verified_at},
                      {"by", action.by.text()},
                      {"at", format_rfc3339(action.at)},
                      {"entry", action.entry}};
  if (action.done_at) {
    json["done_by"] = action.done_by->text();
    json["done_at"] = format_rfc3339(*action.done_at);
  }
  if (action.verified_at) {
    json["verified_by"] = action.verified_by->text();
    json["verified_at"] = format_rfc3339(*action.verified_at);
    json["proof"] = action.proof;
  }
  return json;
}

std::string_view replay_of(std::string_view proof) noexcept {
  return proof.starts_with(kReplay) ? proof.substr(kReplay.size()) : std::string_view();
}

bool hardens(const Action& action) noexcept {
  return action.added.kind == ActionKind::hardening && action.verified_at &&
         !replay_of(action.proof).empty();
}

Status check_verify_by(std::string_view text) {
  const std::string_view test = replay_of(text);
  if (text == "person" || (!test.empty() && test.size() <= 128)) return {};
  return fail(Errc::invalid, fmt::format("an action is verified by 'person' or by 'replay:TEST', "
                                         "found '{}'",
                                         text.substr(0, 40)));
}

}  // namespace cordon::incident
