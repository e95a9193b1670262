// What somebody wants with a rulepack, and what came of it.
#pragma once

#include "api/rulepack_shelf.h"
#include "containment/receipt.h"
#include "containment/tokens.h"
#include "policy/diff.h"
#include "replay/run.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

/// The rulepack that is made from the canary tokens of the configuration. It holds them, so its
/// text is shown to nobody and goes into no bundle; it changes with the configuration alone.
inline constexpr std::string_view kCanaryPack = "canary-tokens";

/// Whether an order is to be carried out or only judged.
enum class RulepackAct : std::uint8_t { carry_out, judge_only };

/// An order: a text to publish, or an earlier digest to go back to.
struct RulepackOrder {
  RulepackEvent event = RulepackEvent::published;
  RulepackAct act = RulepackAct::carry_out;
  std::string name;             ///< of a rollback; a text says its own
  std::string digest;           ///< of a rollback; at least 8 of its digits, if they are enough
  std::string text;             ///< to publish
  std::string file;             ///< names the text in errors
  std::string reason;           ///< required
  std::string incident;         ///< may be empty
  std::string override_reason;  ///< why it should come into force although replay tests fail
  containment::Identity by;
};

/// What an order was found to be, and what came of it.
struct RulepackAnswer {
  std::string name;
  std::string version;
  std::string digest;
  std::string before;
  policy::PackDiff diff;
  std::vector<replay::Report> replays;      ///< those whose route obeys this rulepack
  std::string after_rollback;               ///< the rollback that must end before it changes routes
  std::vector<std::string> second_person;   ///< why one is needed; empty: none is
  std::optional<containment::Asked> asked;  ///< set while one is waited for
  std::optional<RulepackChange> change;     ///< set when it came into force
  std::optional<containment::Receipt> receipt;
};

}  // namespace cordon::api
