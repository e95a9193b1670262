// The part of an exchange that keeps to the limits of its tenant and of its key: what is taken
// before it begins, what it used in the end, and what its answer says of what is left.
#include "gateway/internal/exchange.h"
#include "gateway/internal/metering.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::gateway {
namespace {

/// Of an answer whose request does not say how long it may be.
constexpr std::uint64_t kAnswerTokensAssumed = 1'000;

/// The names of one dialect, limit by limit: how much there is, how much is left, when it is full.
constexpr std::array<std::array<std::string_view, 6>, model::kDialectCount> kLimitHeaders = {
    {{"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
      "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
     {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
      "anthropic-ratelimit-requests-reset", "anthropic-ratelimit-tokens-limit",
      "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"}}};

Quota* find_in(const Quotas::ByName& list, std::string_view name) noexcept {
  const auto found = list.find(name);
  return found == list.end() ? nullptr : found->second.get();
}

bool has_any(const Quota* quota, std::initializer_list<Limit> limits) noexcept {
  return quota != nullptr && std::any_of(limits.begin(), limits.end(),
                                         [quota](Limit limit) { return quota->limit(limit) > 0; });
}

std::string money_or_count(Limit limit, std::uint64_t amount) {
  const bool money = limit == Limit::cost_per_minute || limit == Limit::cost_per_day;
  return money ? model::format_nano(amount) : std::to_string(amount);
}

}  // namespace

void Exchange::find_quota() {
  quotas_ = {};
  const Quotas& known = obeyed_->live->quotas;
  if (caller_.tenant->limits.any()) {
    quotas_[0] = find_in(known.tenants, caller_.tenant->name);
  }
  if (caller_.key != nullptr && caller_.key->limits.any()) {
    quotas_[1] = find_in(known.keys, caller_.key->id);
  } else if (caller_.limited != nullptr) {
    quotas_[1] = find_in(known.keys, label_of(caller_.limited->sha256));
  }
}

bool Exchange::has_quota() const noexcept {
  return quotas_[0] != nullptr || quotas_[1] != nullptr;
}

Moment Exchange::moment() const noexcept {
  return {worker_.clock.mono(), worker_.clock.wall()};
}

/// Takes a request and the tokens that it may come to of every limit, or nothing at all. False,
/// with a fault and the time to wait, if one of them refuses.
bool Exchange::take_quota() {
  if (!has_quota()) return true;
  const Moment now = moment();
  std::uint64_t wanted = 0;
  if (is_metered(protocol_.surface())) {
    wanted = tokens_of(plan_.body.size());
    if (is_generated(protocol_.surface())) {
      const std::uint64_t asked = worker_.scratch.of(protocol_).request->answer_tokens_asked();
      wanted += asked > 0 ? std::min(asked, model::kNanoMax) : kAnswerTokensAssumed;
    }
  }
  for (std::size_t i = 0; i < quotas_.size(); ++i) {
    if (quotas_[i] == nullptr) continue;
    const auto refused = quotas_[i]->take(wanted, now);
    if (!refused) continue;
    if (i > 0 && quotas_[0] != nullptr) quotas_[0]->untake(wanted, now);
    refuse_by_limit(*quotas_[i], *refused);
    return false;
  }
  taken_ = true;
  tokens_reserved_ = wanted;
  taken_on_ = day_of(now.wall);
  return true;
}

void Exchange::refuse_by_limit(const Quota& quota, const Quota::Refused& refused) {
  const auto seconds =
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(refused.wait).count(), 1);
  retry_after_ = std::to_string(seconds);
  std::string what(to_string(refused.limit));
  std::replace(what.begin(), what.end(), '_', ' ');
  const auto& currency = obeyed_->effective().generation().prices.currency;
  const bool money = what.starts_with("cost");
  if (money) what.replace(0, 4, currency);
  set_fault({fmt::format("The limit of {} is {} {} ({}). Try again in {} s.", quota.name(),
                         money_or_count(refused.limit, refused.of), what, to_string(refused.limit),
                         seconds),
             {},
             "rate_limit_exceeded"});
}

/// Puts what the exchange used in the place of what it reserved.
void Exchange::settle_quota() {
  if (!std::exchange(taken_, false)) return;
  Spent spent{end_.tokens_in + end_.tokens_out, end_.cost.nano};
  if (!is_metered(protocol_.surface())) spent = {};
  for (const model::AttemptRecord& attempt : end_.tried) {
    if (!end_.tells(attempt)) spent.tokens += attempt.tokens_in + attempt.tokens_out;
  }
  const Moment now = moment();
  for (Quota* const quota : quotas_) {
    if (quota != nullptr) quota->settle(tokens_reserved_, taken_on_, spent, now);
  }
}

/// Of all limits of a kind, what is said is the one of which least is left.
void Exchange::add_limit_headers() {
  if (!has_quota()) return;
  const Moment now = moment();
  const auto& names = kLimitHeaders[static_cast<std::size_t>(protocol_.dialect())];
  limit_texts_ = std::make_unique<std::array<std::string, 6>>();
  std::array<std::string, 6>& texts = *limit_texts_;
  const auto add = [&](std::size_t at, Limit per_minute, Limit per_day) {
    std::optional<LimitStanding> least;
    std::uint64_t limit = 0;
    for (Quota* const quota : quotas_) {
      for (const Limit each : {per_minute, per_day}) {
        if (quota == nullptr || quota->limit(each) == 0) continue;
        const LimitStanding standing = quota->standing(each, now);
        const bool same = least && standing.remaining == least->remaining;
        if (least && (standing.remaining > least->remaining ||
                      (same && standing.until_full <= least->until_full))) {
          continue;
        }
        least = standing;
        limit = quota->limit(each);
      }
    }
    if (!least) return;
    texts[at] = std::to_string(limit);
    texts[at + 1] = std::to_string(least->remaining);
    texts[at + 2] = protocol_.dialect() == model::Dialect::anthropic
                        ? format_second(now.wall + least->until_full)
                        : format_reset(least->until_full);
    for (std::size_t i = at; i < at + 3; ++i) headers_.push_back({names[i], texts[i]});
  };
  add(0, Limit::requests_per_minute, Limit::requests_per_day);
  add(3, Limit::tokens_per_minute, Limit::tokens_per_day);
}

/// Whether what it uses must be known, be it estimated.
bool Exchange::counts_tokens() const noexcept {
  if (!taken_ || !is_metered(protocol_.surface())) return false;
  return std::any_of(quotas_.begin(), quotas_.end(), [](const Quota* quota) {
    return has_any(quota, {Limit::tokens_per_minute, Limit::tokens_per_day, Limit::cost_per_minute,
                           Limit::cost_per_day});
  });
}

}  // namespace cordon::gateway
