// Hyperscan behind two verbs: compile and scan.
//
// Scans are whole blocks, not Hyperscan's own streams (docs/adr/0005-hyperscan-in-windows.md):
// a match that depends on how a text was cut is exactly what must not be. Patterns that need a
// byte most texts lack are compiled apart and looked for only around such bytes. A database is
// immutable and shared by threads; the scratch it needs belongs to the thread for its life, so a
// scan allocates nothing.
#pragma once

#include "policy/engine.h"
#include "policy/internal/needs.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

struct hs_database;

namespace cordon::policy {

struct FreeDatabase {
  void operator()(hs_database* database) const;
};

/// A rule and the number by which a match names it.
struct NumberedRule {
  std::uint32_t number;
  const Rule* rule;
};

/// Whose stream pattern it is: a clause of a branch of a rule.
struct Target {
  std::uint32_t rule;
  std::uint16_t branch;
  std::uint8_t clause;
};

/// A stream pattern, which several rules may share.
struct SharedPattern {
  std::vector<Target> targets;  ///< whose it is
  /// The narrowest of their branches: two ends no further apart are one range for all of them.
  std::uint32_t joins = Price::kUnbounded;
};

/// Receives the end of every place where a stream pattern matches, in no order.
class EndSink {
 public:
  /// `pattern` is its number in the database that scans.
  virtual void on_end(std::uint32_t pattern, std::uint64_t end) = 0;

 protected:
  ~EndSink() = default;
};

/// The stream patterns of one set of rules.
class Database {
 public:
  /// Refuses what Hyperscan refuses, naming the rule.
  [[nodiscard]] static tl::expected<Database, CompileError> compile(
      std::span<const NumberedRule> rules);

  /// Reports the ends in `text`, counted from its first byte, some of them twice. False when
  /// Hyperscan reports a failure of its own, or the text is longer than it can take; it is then
  /// not scanned.
  [[nodiscard]] bool scan(std::string_view text, EndSink& sink) const;

  [[nodiscard]] std::span<const SharedPattern> patterns() const noexcept { return patterns_; }
  /// No stream pattern, with what it looks at before a match, is wider. kAnyWidth when one may be.
  [[nodiscard]] std::uint64_t reach() const noexcept { return reach_; }
  static constexpr std::uint64_t kAnyWidth = UINT64_MAX;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  using Compiled = std::unique_ptr<hs_database, FreeDatabase>;

  std::array<Compiled, kNeedCount> by_need_;  // null where no pattern needs that
  std::vector<SharedPattern> patterns_;
  std::uint64_t serial_ = 0;  // names this database to the threads' scratch
  std::uint64_t reach_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace cordon::policy
