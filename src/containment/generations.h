// Makes a generation out of configuration, the measures in force and the rulepacks loaded.
#pragma once

#include "containment/keys.h"
#include "containment/state.h"
#include "model/config.h"
#include "model/generation.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace cordon::containment {

/// Rulepack name to the SHA-256 of the bytes in force, lower-case hex.
using RulepackDigests = std::map<std::string, std::string, std::less<>>;

/// Refuses as `invalid` a route whose rulepack is not among `rulepacks`.
[[nodiscard]] Result<std::shared_ptr<const model::Generation>> make_generation(
    std::uint64_t number, const model::Config& config, const State& state,
    const RulepackDigests& rulepacks);

/// The same generation, not sealed, with the keys that are to be obeyed at `now`.
[[nodiscard]] model::Generation with_keys(const model::Generation& before, const Keys& keys,
                                          WallTime now);

/// The same generation with other measures in force: what a containment changes.
[[nodiscard]] std::shared_ptr<const model::Generation> with_measures(
    const model::Generation& before, std::uint64_t number, const State& state);

/// The same once `event` has happened to `state`. What a switch waits for: no copy of the state.
[[nodiscard]] std::shared_ptr<const model::Generation> with_measures(
    const model::Generation& before, std::uint64_t number, const State& state, const Event& event);
/// Where the rollback goes that will be in force once `event` has happened; none if there is none.
[[nodiscard]] std::optional<PastGeneration> rollback_after(const State& state, const Event& event);

/// `configured` with the routes and flags of `past` in place of its own: what a rollback does.
/// Providers, tenants, keys and limits are never taken back.
[[nodiscard]] model::Generation rolled_back(const model::Generation& configured,
                                            const model::Generation& past);

/// Sets the digest and freezes it.
[[nodiscard]] std::shared_ptr<const model::Generation> seal(model::Generation generation);

/// Reads a generation's blob back. Refuses as `corrupt` what does not have that digest.
[[nodiscard]] Result<std::shared_ptr<const model::Generation>> read_generation(
    std::string_view bytes, std::string_view digest);

/// The body of an entry of kind `generation_change`. `cause` is the entry id of what caused it.
[[nodiscard]] codec::Json generation_change_body(const model::Generation& generation,
                                                 const std::string& cause,
                                                 const model::Actor& actor);

}  // namespace cordon::containment
