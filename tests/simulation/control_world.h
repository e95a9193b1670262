// A control plane on a disk in memory, with a clock that is moved by hand and gateways that obey
// at once: what it was told, and what a second one makes of the same journal.
#pragma once

#include "api/control_plane.h"
#include "evidence/journal_entries.h"
#include "journal/memory_disk.h"
#include "net/loop.h"
#include "net/worker.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cordon::simulation {

/// Gateway threads that obey every generation and remember the last.
class ObedientGateways final : public api::Gateways {
 public:
  explicit ObedientGateways(const Clock& clock) : clock_(clock) {}
  [[nodiscard]] net::Task<std::vector<containment::NodeReceipt>> adopt(
      std::shared_ptr<const model::Generation> generation) override;
  [[nodiscard]] net::Task<Result<containment::Touched>> running(model::Scope scope) override;
  /// Compiles nothing: no exchange runs here.
  [[nodiscard]] net::Task<Result<api::Engines>> prepare(
      std::shared_ptr<const model::Generation> generation,
      std::shared_ptr<const policy::Rulepack> candidate) override;
  void use(std::shared_ptr<const api::Secrets> /*secrets*/) override {}
  [[nodiscard]] std::vector<std::string> differing(const api::Secrets& /*secrets*/) const override {
    return {};
  }
  /// None is asked.
  [[nodiscard]] std::vector<api::TargetStanding> targets() const override { return {}; }
  [[nodiscard]] const std::shared_ptr<const model::Generation>& obeyed() const noexcept {
    return obeyed_;
  }

 private:
  const Clock& clock_;
  std::shared_ptr<const model::Generation> obeyed_;
};

/// A configuration that a test writes.
class TextSource final : public api::ConfigSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  /// Not while it may be read.
  void write(std::string text) { text_ = std::move(text); }
  /// A rulepack that the text may name.
  void add_pack(const std::string& text);
  [[nodiscard]] Result<api::Reread> read() const override;

 private:
  std::string text_;
  std::map<std::string, api::LoadedRulepack, std::less<>> packs_;
};

/// One node's control side. The disk and the clock outlive it. Not to be copied or moved.
class ControlWorld {
 public:
  /// Recovers from what is on the disk.
  ControlWorld(journal::Disk& disk, ManualClock& clock, std::uint64_t seed, std::string config);
  ~ControlWorld();
  ControlWorld(const ControlWorld&) = delete;
  ControlWorld& operator=(const ControlWorld&) = delete;

  [[nodiscard]] api::ControlPlane& control() noexcept { return *control_; }
  [[nodiscard]] const ObedientGateways& gateways() const noexcept { return gateways_; }
  /// What a reload reads; at first, what the node was made with.
  [[nodiscard]] TextSource& source() noexcept { return *source_; }
  /// begin(): the first token's secret, or "".
  [[nodiscard]] std::string begin();
  /// One round of what the clock does: expiries, pages, detectors, what follows from signals.
  void tick();
  template <class T>
  [[nodiscard]] T run(net::Task<T> task) {
    return net::run_blocking(loop_, std::move(task));
  }
  /// Durable entries from `from` on.
  [[nodiscard]] std::vector<std::string> entries(std::uint64_t from) const;
  [[nodiscard]] std::uint64_t durable() const { return journal_->durable(); }
  /// Everything that the control plane knows, as text: two of the same are the same state.
  [[nodiscard]] std::map<std::string, std::string> everything();

 private:
  ManualClock& clock_;
  SeededRandom random_;
  net::Loop loop_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<evidence::JournalEntries> entries_;
  std::unique_ptr<store::DirectoryArchive> archive_;
  std::unique_ptr<evidence::Log> log_;
  ObedientGateways gateways_;
  model::EntryWriter writer_;
  net::Worker worker_;
  net::Worker bench_;
  std::unique_ptr<store::Vault> vault_;
  std::unique_ptr<store::FlightReader> flight_;
  std::shared_ptr<TextSource> source_;
  std::unique_ptr<api::ControlPlane> control_;
};

}  // namespace cordon::simulation
