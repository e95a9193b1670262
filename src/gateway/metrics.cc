#include "gateway/metrics.h"

#include "base/assert.h"
#include "dialect/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <string_view>

namespace cordon::gateway {
namespace {

constexpr std::uint64_t kFirstBucketUs = 64;

/// Writes one family: help, type and samples.
class Family {
 public:
  Family(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  void sample(std::string_view label, std::string_view value, std::uint64_t number) {
    fmt::format_to(std::back_inserter(out_), "{}{{{}=\"{}\"}} {}\n", name_, label, value, number);
  }
  void sample(std::uint64_t number) {
    fmt::format_to(std::back_inserter(out_), "{} {}\n", name_, number);
  }

 private:
  std::string& out_;
  std::string_view name_;
};

}  // namespace

void DurationCounter::add(std::uint64_t microseconds) noexcept {
  const std::uint64_t over = microseconds / kFirstBucketUs;
  const auto at = static_cast<std::size_t>(std::bit_width(over));
  buckets[std::min(at, kBuckets - 1)].add();
  count.add();
  sum_us.add(microseconds);
}

Metrics::Metrics(std::uint32_t threads) {
  blocks_.reserve(threads);
  for (std::uint32_t i = 0; i < threads; ++i) blocks_.push_back(std::make_unique<ThreadMetrics>());
}

ThreadMetrics& Metrics::next_block() {
  const std::size_t at = taken_.fetch_add(1);
  CORDON_ASSERT(at < blocks_.size());
  return *blocks_[at];
}

namespace {

using Blocks = std::vector<std::unique_ptr<ThreadMetrics>>;

/// Adds up one counter over all threads; `pick` chooses it in a block.
template <class Pick>
std::uint64_t sum(const Blocks& blocks, Pick pick) {
  std::uint64_t total = 0;
  for (const auto& block : blocks) total += pick(*block).value();
  return total;
}

/// A family with one sample for each value of an enumeration.
struct Labelled {
  std::string_view name;
  std::string_view help;
  std::string_view label;
};
template <std::size_t n, class Word>
void write_labelled(std::string& out, const Blocks& blocks, const Labelled& of,
                    std::array<Counter, n> ThreadMetrics::*member, Word word) {
  Family family(out, of.name, "counter", of.help);
  for (std::size_t i = 0; i < n; ++i) {
    family.sample(of.label, word(i), sum(blocks, [&](const ThreadMetrics& block) -> const Counter& {
                    return (block.*member)[i];
                  }));
  }
}

void write_labelled_families(std::string& out, const Blocks& blocks) {
  const auto end = [](std::size_t i) { return to_string(static_cast<model::End>(i)); };
  const auto action = [](std::size_t i) { return to_string(static_cast<model::Action>(i)); };
  const auto code = [](std::size_t i) {
    return dialect::protocol_of(model::Dialect::openai)
        .rejection_of(static_cast<dialect::Problem>(i))
        .code;
  };
  const auto outcome = [](std::size_t i) { return to_string(static_cast<model::AttemptEnd>(i)); };
  write_labelled(out, blocks, {"cordon_exchanges_total", "Exchanges that ended, by how.", "end"},
                 &ThreadMetrics::ended, end);
  write_labelled(out, blocks,
                 {"cordon_request_actions_total", "Requests, by the strongest action.", "action"},
                 &ThreadMetrics::on_request, action);
  write_labelled(out, blocks,
                 {"cordon_answer_actions_total", "Answers, by the strongest action.", "action"},
                 &ThreadMetrics::on_answer, action);
  write_labelled(out, blocks, {"cordon_refusals_total", "Error answers, by their code.", "code"},
                 &ThreadMetrics::refused, code);
  write_labelled(out, blocks,
                 {"cordon_upstream_attempts_total", "Attempts at a target.", "outcome"},
                 &ThreadMetrics::attempts, outcome);
}

void write_duration(std::string& out, const Blocks& blocks, std::string_view name,
                    std::string_view help, DurationCounter ThreadMetrics::*member) {
  const Family family(out, name, "histogram", help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < DurationCounter::kBuckets; ++i) {
    below += sum(
        blocks, [&](const ThreadMetrics& of) -> const Counter& { return (of.*member).buckets[i]; });
    const bool last = i + 1 == DurationCounter::kBuckets;
    const std::string limit =
        last ? "+Inf" : fmt::format("{:.6f}", static_cast<double>(kFirstBucketUs << i) / 1e6);
    fmt::format_to(std::back_inserter(out), "{}_bucket{{le=\"{}\"}} {}\n", name, limit, below);
  }
  const std::uint64_t total_us =
      sum(blocks, [&](const ThreadMetrics& of) -> const Counter& { return (of.*member).sum_us; });
  fmt::format_to(std::back_inserter(out), "{}_sum {:.6f}\n{}_count {}\n", name,
                 static_cast<double>(total_us) / 1e6, name, below);
}

constexpr std::size_t kTargetsWrittenMax = 1'000;

std::string escaped(std::string_view label) {
  std::string text;
  for (const char one : label) {
    if (one == '\\' || one == '"') text += '\\';
    text += one;
  }
  return text;
}

/// One sample for each target; `pick` chooses it out of what is known of one.
template <class Pick>
void write_targets(std::string& out, const HealthByTarget& health, MonoTime now, Pick pick) {
  std::size_t left = kTargetsWrittenMax;
  for (const auto& [target, of] : health) {
    if (left-- == 0) return;
    fmt::format_to(std::back_inserter(out), "{}{{provider=\"{}\",model=\"{}\"}} {}\n", pick.name,
                   escaped(target.first), escaped(target.second), pick(of->standing(now)));
  }
}

/// A family that has a sample for each target.
struct TargetFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::uint64_t (*value)(const Standing& standing);
  std::uint64_t operator()(const Standing& standing) const { return value(standing); }
};
constexpr std::array<TargetFamily, 4> kTargetFamilies = {{
    {"cordon_target_breaker", "gauge", "0: closed, 1: half open, 2: open.",
     [](const Standing& standing) { return static_cast<std::uint64_t>(standing.state); }},
    {"cordon_target_opened_total", "counter", "How often a target's breaker opened.",
     [](const Standing& standing) { return standing.opened; }},
    {"cordon_target_retries_total", "counter", "Retries of a target.",
     [](const Standing& standing) { return standing.retries; }},
    {"cordon_target_retries_refused_total", "counter", "Retries that a target's budget refused.",
     [](const Standing& standing) { return standing.retries_refused; }},
}};

}  // namespace

void write_health(std::string& out, const HealthByTarget& health, MonoTime now) {
  for (const TargetFamily& family : kTargetFamilies) {
    const Family head(out, family.name, family.type, family.help);
    write_targets(out, health, now, family);
  }
}

std::string Metrics::write() const {
  std::string out;
  write_labelled_families(out, blocks_);
  const auto single = [&](std::string_view name, std::string_view type, std::string_view help,
                          Counter ThreadMetrics::*member) {
    Family family(out, name, type, help);
    family.sample(
        sum(blocks_, [&](const ThreadMetrics& of) -> const Counter& { return of.*member; }));
  };
  single("cordon_exchanges_running", "gauge", "Exchanges that run now.", &ThreadMetrics::running);
  single("cordon_writes_waiting", "gauge", "Frames of streams that wait for their client to read.",
         &ThreadMetrics::writes_waiting);
  single("cordon_streams_cut_total", "counter", "Exchanges that a change cut.",
         &ThreadMetrics::streams_cut);
  single("cordon_journal_refused_total", "counter", "Entries that the journal did not take.",
         &ThreadMetrics::journal_refused);
  single("cordon_request_bytes_total", "counter", "Bytes of request bodies.",
         &ThreadMetrics::request_bytes);
  single("cordon_answer_bytes_total", "counter", "Bytes of answer text received.",
         &ThreadMetrics::answer_bytes);
  {
    Family flags(out, "cordon_flag_evaluations_total", "counter",
                 "Evaluations of feature flags, by value; error: requests refused.");
    const std::array<std::pair<std::string_view, Counter ThreadMetrics::*>, 3> values = {
        {{"on", &ThreadMetrics::flags_on},
         {"off", &ThreadMetrics::flags_off},
         {"error", &ThreadMetrics::flags_refused}}};
    for (const auto& [value, member] : values) {
      flags.sample("value", value,
                   sum(blocks_, [&, of = member](const ThreadMetrics& block) -> const Counter& {
                     return block.*of;
                   }));
    }
  }
  Family generation(out, "cordon_generation", "gauge", "The oldest generation a thread obeys.");
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& block : blocks_) oldest = std::min(oldest, block->generation.value());
  generation.sample(blocks_.empty() ? 0 : oldest);
  write_duration(out, blocks_, "cordon_overhead_seconds",
                 "Time in Cordon until the first byte of an answer.", &ThreadMetrics::overhead);
  write_duration(out, blocks_, "cordon_exchange_seconds", "Exchanges from first to last byte.",
                 &ThreadMetrics::duration);
  return out;
}

}  // namespace cordon::gateway
