// The part of an exchange that says what it used, and what that cost.
#include "gateway/internal/exchange.h"
#include "gateway/internal/metering.h"

#include <algorithm>

namespace cordon::gateway {

using model::Cost;
using model::End;
using model::UsageSource;

void Exchange::take_usage(const dialect::Usage& usage) {
  if (!usage.is_known()) return;
  end_.usage = UsageSource::provider;
  end_.tokens_in = usage.in.value_or(0);
  end_.tokens_out = usage.out.value_or(0);
  end_.tokens_cached = std::min(usage.cached.value_or(0), end_.tokens_in);
  end_.tokens_cache_write =
      std::min(usage.cache_write.value_or(0), end_.tokens_in - end_.tokens_cached);
  usage_unfinished_ = usage.unfinished;
}

bool Exchange::is_priced() const noexcept {
  return !obeyed_->effective().generation().prices.list.empty() && is_metered(protocol_.surface());
}

WallTime Exchange::began() const noexcept {
  return worker_.clock.wall() - (worker_.clock.mono() - started_);
}

/// Where a provider was asked and does not say what was used, or said it before its answer was
/// cut, it is estimated, and the end record says so.
void Exchange::estimate_usage() {
  if (end_.usage == UsageSource::provider) {
    const std::uint64_t came = tokens_of(end_.received_bytes);
    if (!usage_unfinished_ || came <= end_.tokens_out) return;
    end_.usage = UsageSource::estimated;
    end_.tokens_out = came;
    return;
  }
  const bool failed = end_.end == End::upstream_error && end_.received_bytes == 0;
  if (end_.attempts == 0 || failed || end_.usage != UsageSource::unknown) return;
  end_.usage = UsageSource::estimated;
  end_.tokens_in = tokens_of(request_bytes_);
  end_.tokens_out = tokens_of(end_.received_bytes);
}

/// An attempt whose answer nobody got costs what its provider says it used.
void Exchange::price_attempt(model::AttemptRecord& record) {
  const bool billed = record.tokens_in != 0 || record.tokens_out != 0;
  if (!billed || !is_priced()) return;
  const model::Price* const price = model::price_at(*prices_, began());
  if (price == nullptr) {
    unpriced_ = true;
    return;
  }
  const model::TokensUsed used{record.tokens_in, trial_.used.cached.value_or(0),
                               trial_.used.cache_write.value_or(0), record.tokens_out};
  record.cost_nano = model::cost_of(*price, used);
}

/// By the prices that were in force when it began.
void Exchange::price_usage() {
  Cost& cost = end_.cost;
  cost = {};
  bool unpriced = unpriced_;
  bool priced = false;
  for (const model::AttemptRecord& attempt : end_.tried) {
    if (attempt.cost_nano == 0 || end_.tells(attempt)) continue;
    priced = true;
    cost.nano = model::add_nano(cost.nano, attempt.cost_nano);
  }
  if (end_.usage != UsageSource::unknown && prices_ != nullptr) {
    const model::Price* const price = model::price_at(*prices_, began());
    if (price == nullptr) {
      unpriced = true;
    } else {
      priced = true;
      const model::TokensUsed used{end_.tokens_in, end_.tokens_cached, end_.tokens_cache_write,
                                   end_.tokens_out};
      cost.nano = model::add_nano(cost.nano, model::cost_of(*price, used));
      cost.price_from = price->effective_from;
      cost.estimated = end_.usage == UsageSource::estimated;
    }
  }
  if (!priced && !unpriced) return;
  cost.known = !priced    ? Cost::Known::unpriced
               : unpriced ? Cost::Known::partly
                          : Cost::Known::whole;
  if (priced) cost.currency = obeyed_->effective().generation().prices.currency;
}

/// Once, when it is known how the exchange ended.
void Exchange::settle_usage() {
  if (!obeyed_) return;
  const bool priced = is_priced();
  if (counts_tokens() || priced || usage_unfinished_) estimate_usage();
  if (priced) price_usage();
  settle_quota();
}

}  // namespace cordon::gateway
