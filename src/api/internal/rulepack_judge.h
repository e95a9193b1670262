// The part of judging a rulepack that runs beside the control thread.
#pragma once

#include "api/gateways.h"
#include "api/replay_record.h"
#include "api/rulepack_order.h"
#include "model/generation.h"
#include "policy/diff.h"
#include "replay/run.h"
#include "store/archive.h"
#include "store/vault.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api::internal {

/// A blob by its digest in hex. `not_found`, `corrupt`, and `invalid` for what is no digest.
[[nodiscard]] Result<std::string> blob_of(const store::Archive& archive, std::string_view digest);

/// A stored replay test, opened. `corrupt` when it is not what its entry says.
[[nodiscard]] Result<replay::ReplayTest> open_test(const store::Vault& vault,
                                                   const ReplayRecord& record);

/// Filled on the control thread, run on the bench, read on the control thread.
struct JudgeJob {
  JudgeJob(const store::Archive& archive_in, const store::Vault& vault_in)
      : archive(archive_in), vault(vault_in) {}

  /// Reads the candidate.
  [[nodiscard]] Status read();
  /// The tests of routes that obey the candidate's name in `next`.
  void add_tests(const std::vector<ReplayRecord>& all, const model::Generation& next,
                 const Engines& engines);
  /// Reads what is in force, tells the two apart, and runs the tests.
  [[nodiscard]] Status compare();
  /// One stored test; a null engine means the packs inside and `candidates`. What is missing makes
  /// it fail.
  [[nodiscard]] replay::Report run_test(const ReplayRecord& record,
                                        std::shared_ptr<const policy::Engine> engine,
                                        const replay::Candidates& candidates) const;

  const store::Archive& archive;
  const store::Vault& vault;
  std::string text;
  std::string file;
  std::string before;  ///< digest in force
  std::uint64_t revision = 0;
  std::size_t tests_seen = 0;
  std::shared_ptr<const policy::Rulepack> pack;
  policy::PackDiff diff;
  std::vector<replay::Report> reports;

 private:
  struct Due {
    ReplayRecord record;
    std::shared_ptr<const policy::Engine> engine;  ///< null: the packs inside decide
  };
  std::vector<Due> due_;
};

/// How long the control thread waits for such work.
inline constexpr std::chrono::seconds kBenchWait{60};

/// What an order was found to be.
struct Judgement {
  std::shared_ptr<JudgeJob> job;
  RulepackAnswer answer;
};

}  // namespace cordon::api::internal
