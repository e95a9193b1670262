#include "policy/internal/database.h"

#include "policy/internal/engine_core.h"
#include "policy/internal/matcher.h"

#include <hs/hs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <new>
#include <string>

namespace cordon::policy {
namespace {

std::atomic<std::uint64_t> next_serial{1};

// Scratch that has grown to fit every database this thread has met. It remembers the last few,
// because asking Hyperscan whether it fits costs more than a short scan.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { hs_free_scratch(scratch_); }

  // For every database of `all`, some of which may be null.
  hs_scratch_t* fit(std::span<const std::unique_ptr<hs_database, FreeDatabase>> all,
                    std::uint64_t serial) {
    if (std::find(fitted_.begin(), fitted_.end(), serial) != fitted_.end()) return scratch_;
    for (const auto& database : all) {
      if (database && hs_alloc_scratch(database.get(), &scratch_) != HS_SUCCESS) {
        throw std::bad_alloc();
      }
    }
    fitted_[oldest_++ % fitted_.size()] = serial;
    return scratch_;
  }

 private:
  hs_scratch_t* scratch_ = nullptr;
  std::array<std::uint64_t, 8> fitted_{};
  std::size_t oldest_ = 0;
};

Scratch& scratch() {
  thread_local Scratch of_this_thread;
  return of_this_thread;
}

// Where the ends that a scan reports go.
struct Report {
  EndSink& sink;
  std::uint64_t base;  // of the scanned bytes in the text
};

int on_match(unsigned pattern, unsigned long long, unsigned long long end, unsigned,
             void* context) {
  const auto& report = *static_cast<const Report*>(context);
  report.sink.on_end(pattern, report.base + end);
  return 0;
}

// A pattern and whose it is. The same text is looked for once, for all whose it is.
struct Shared {
  const StreamPattern* pattern;
  const Rule* rule;  // the first
  unsigned number;
};
using SharedPatterns = std::map<std::pair<std::string_view, unsigned>, Shared>;

tl::expected<hs_database*, CompileError> compile_some(const SharedPatterns& all, Need need) {
  std::vector<const char*> patterns;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  std::vector<const Rule*> rules;
  for (const auto& [key, shared] : all) {
    if (need_of(shared.pattern->text) != need) continue;
    patterns.push_back(shared.pattern->text.c_str());
    flags.push_back(shared.pattern->flags);
    ids.push_back(shared.number);
    rules.push_back(shared.rule);
  }
  hs_database_t* compiled = nullptr;
  if (patterns.empty()) return compiled;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(patterns.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(patterns.size()), HS_MODE_BLOCK, nullptr, &compiled,
                       &error) == HS_SUCCESS) {
    return compiled;
  }
  CompileError refused{"", "", error->message};
  const auto at = static_cast<std::size_t>(error->expression);
  if (error->expression >= 0 && at < rules.size()) refused.rule_id = rules[at]->id;
  hs_free_compile_error(error);
  return tl::make_unexpected(std::move(refused));
}

}  // namespace

void FreeDatabase::operator()(hs_database* database) const {
  hs_free_database(database);
}

tl::expected<Database, CompileError> Database::compile(std::span<const NumberedRule> rules) {
  Database database;
  SharedPatterns shared;
  for (const auto& [number, rule] : rules) {
    for (const StreamPattern& pattern : rule->matcher->stream()) {
      const auto next = static_cast<unsigned>(database.patterns_.size());
      const auto [at, fresh] =
          shared.try_emplace({pattern.text, pattern.flags}, Shared{&pattern, rule, next});
      if (fresh) database.patterns_.emplace_back();
      SharedPattern& known = database.patterns_[at->second.number];
      known.targets.push_back({number, pattern.branch, pattern.clause});
      known.joins = std::min(known.joins, rule->matcher->branches()[pattern.branch].width_max);
      const bool any = pattern.width_max == Price::kUnbounded;
      const std::uint64_t reach = std::uint64_t{pattern.width_max} + kContextBytes + kBehindBytes;
      database.reach_ = std::max(database.reach_, any ? kAnyWidth : reach);
    }
  }
  for (std::size_t i = 0; i < kNeedCount; ++i) {
    auto compiled = compile_some(shared, static_cast<Need>(i));
    if (!compiled) return tl::make_unexpected(std::move(compiled).error());
    if (*compiled == nullptr) continue;
    database.by_need_[i].reset(*compiled);
    std::size_t bytes = 0;
    if (hs_database_size(*compiled, &bytes) != HS_SUCCESS) {
      return tl::make_unexpected(CompileError{"", "", "Hyperscan cannot size its own database"});
    }
    database.bytes_ += bytes;
  }
  database.serial_ = next_serial.fetch_add(1);
  return database;
}

bool Database::scan(std::string_view text, EndSink& sink) const {
  if (text.size() > std::numeric_limits<unsigned>::max()) return false;
  hs_scratch_t* space = scratch().fit(by_need_, serial_);
  const Occurrences seen = occurrences_in(text);
  for (std::size_t i = 0; i < kNeedCount; ++i) {
    const auto [first, last] = seen[i];
    if (!by_need_[i] || first == last) continue;
    // A match around such a byte begins and ends no further away.
    const std::uint64_t from = first > reach_ ? first - reach_ : 0;
    const std::uint64_t to = last + std::min<std::uint64_t>(reach_, text.size() - last);
    const std::string_view piece = text.substr(from, to - from);
    Report report{sink, from};
    if (hs_scan(by_need_[i].get(), piece.data(), static_cast<unsigned>(piece.size()), 0, space,
                &on_match, &report) != HS_SUCCESS) {
      return false;
    }
  }
  return true;
}

}  // namespace cordon::policy
