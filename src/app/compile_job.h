// What the rule compiler does beside the control thread, so that a switch never waits for it.
#pragma once

#include "model/generation.h"
#include "policy/engine.h"
#include "policy/rulepack.h"
#include "store/archive.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cordon::app {

/// Engines to be compiled, from packs at hand or in the archive. Filled on the control thread, run
/// on the bench, read on the control thread.
class CompileJob {
 public:
  /// `archive` outlives it.
  explicit CompileJob(const store::Archive& archive) : archive_(archive) {}

  void add_pack(std::shared_ptr<const policy::Rulepack> pack);
  void want(std::string key, std::vector<model::RulepackRef> packs);
  [[nodiscard]] bool empty() const noexcept { return wanted_.empty(); }
  /// Stops at the first that cannot be had.
  [[nodiscard]] Status run();

  [[nodiscard]] const auto& engines() const noexcept { return engines_; }
  [[nodiscard]] const auto& packs() const noexcept { return packs_; }

 private:
  using PackPtr = std::shared_ptr<const policy::Rulepack>;
  [[nodiscard]] Result<PackPtr> pack_of(const model::RulepackRef& ref);
  [[nodiscard]] Status compile(const std::string& key,
                               const std::vector<model::RulepackRef>& packs);

  const store::Archive& archive_;
  std::map<std::string, PackPtr, std::less<>> packs_;  ///< by digest
  std::map<std::string, std::vector<model::RulepackRef>, std::less<>> wanted_;
  std::map<std::string, std::shared_ptr<const policy::Engine>, std::less<>> engines_;
};

}  // namespace cordon::app
