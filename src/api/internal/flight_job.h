// What the flight recorder has of an incident: gathered and frozen beside the control thread.
#pragma once

#include "base/clock.h"
#include "model/scope.h"
#include "replay/capture.h"
#include "replay/run.h"
#include "store/flight_recorder.h"
#include "store/vault.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cordon::api::internal {

/// What belongs to an incident.
struct FlightScope {
  std::string incident;
  std::vector<model::Scope> scopes;
  WallTime from{};
};

/// `FR-2026-00017`, the vault's name of what was frozen for `INC-2026-00017`.
[[nodiscard]] std::string frozen_name(const std::string& incident);

/// At most so many bytes of one incident are frozen, and taken; the youngest first.
inline constexpr std::size_t kFrozenBytesMax = std::size_t{32} << 20U;

/// Exchanges in scope: those frozen earlier, and what the ring has now; oldest first, each once.
/// `corrupt` when what was frozen cannot be opened.
[[nodiscard]] Result<std::vector<replay::CapturedExchange>> gather(const FlightScope& scope,
                                                                   const store::FlightReader& ring,
                                                                   const store::Vault& vault);
/// Keeps what gather() finds from now on, whatever the ring forgets. Answers with how many.
[[nodiscard]] Result<std::uint64_t> freeze_flight(const FlightScope& scope,
                                                  const store::FlightReader& ring,
                                                  store::Vault& vault);

/// Cases of the captured texts in which a rule of the class found something, and of every text of
/// the exchanges named. At most kCapturedAlike for the same rules, kCapturedCases in all.
[[nodiscard]] std::vector<replay::Case> cases_of(
    const std::vector<replay::CapturedExchange>& captured, const replay::ReplayTest& test,
    const policy::Engine& engine, const std::vector<std::string>& named);
inline constexpr std::size_t kCapturedAlike = 3;
inline constexpr std::size_t kCapturedCases = 20;

}  // namespace cordon::api::internal
