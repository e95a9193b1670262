// Decides a replay test again: the decision layer alone, no network, no clock, no journal. The
// same test under the same rulepacks gives the same verdict, on every machine.
#pragma once

#include "codec/json.h"
#include "policy/engine.h"
#include "replay/test.h"

#include <memory>
#include <string>
#include <vector>

namespace cordon::replay {

/// Whether a case held.
enum class Outcome : std::uint8_t { pass, fail };
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

/// What became of one case.
struct CaseResult {
  std::string name;
  model::Action expected = model::Action::redact;  ///< this or stronger
  model::Action got = model::Action::allow;
  std::vector<std::string> rules;  ///< that acted, each once
  std::size_t shown = 0;           ///< of the texts to hide, how many would be released
  Outcome outcome = Outcome::fail;
};

/// What became of all.
struct Report {
  std::string id;
  std::string incident;
  std::vector<policy::PackDigest> packs;
  std::vector<CaseResult> cases;
  std::string missing;  ///< what is not there, when it could not be run; it then fails
  [[nodiscard]] Outcome outcome() const noexcept;
};
[[nodiscard]] codec::Json to_json(const Report& report);

/// The packs that a test is run against: those inside it, each replaced by the candidate of the
/// same name; a candidate of another name is added.
using Candidates = std::vector<std::shared_ptr<const policy::Rulepack>>;
/// Refuses as `corrupt` a pack inside that does not have its digest, and like Engine::compile as
/// `invalid`. Takes a fraction of a second.
[[nodiscard]] Result<std::shared_ptr<const policy::Engine>> compile(const ReplayTest& test,
                                                                    const Candidates& candidates);

/// Runs every case in standard mode.
[[nodiscard]] Report run(const ReplayTest& test, const policy::Engine& engine);

/// Fills in what was decided then, by the packs inside, and what is expected: `expect` of each
/// case, or where it is allow one step stricter than what was decided, at least redact. The texts
/// that a finding pointed at and that would have been released are added to `hide`.
/// Refuses as `conflict` a test that does not fail on the packs inside: it would show nothing.
[[nodiscard]] Status settle(ReplayTest& test, const policy::Engine& then);

}  // namespace cordon::replay
