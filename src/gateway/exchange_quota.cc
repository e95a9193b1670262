// The part of an exchange that keeps to its tenant's limits: what is taken before it begins, what
// it used in the end, and what its answer says of what is left.
#include "gateway/internal/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::gateway {
namespace {

using dialect::Surface;
using model::End;

/// Of an answer whose request does not say how long it may be.
constexpr std::uint64_t kAnswerTokensAssumed = 1'000;
/// What models read as a token, as a rule of thumb.
constexpr std::uint64_t kBytesPerToken = 4;

std::uint64_t tokens_of(std::uint64_t bytes) noexcept {
  return (bytes + kBytesPerToken - 1) / kBytesPerToken;
}

bool is_generated(Surface surface) noexcept {
  return surface == Surface::chat || surface == Surface::messages ||
         surface == Surface::completions || surface == Surface::responses;
}

/// Whether it costs tokens at all.
bool is_metered(Surface surface) noexcept {
  return is_generated(surface) || surface == Surface::embeddings;
}

/// The names of one dialect, limit by limit: how much there is, how much is left, when it is full.
constexpr std::array<std::array<std::string_view, 6>, model::kDialectCount> kLimitHeaders = {
    {{"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
      "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
     {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
      "anthropic-ratelimit-requests-reset", "anthropic-ratelimit-tokens-limit",
      "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"}}};

}  // namespace

void Exchange::find_quota() {
  quota_ = nullptr;
  if (!caller_.tenant->limits.any()) return;
  const QuotaByTenant& quotas = obeyed_->live->quotas;
  const auto found = quotas.find(caller_.tenant->name);
  if (found != quotas.end()) quota_ = found->second.get();
}

/// Takes a request and the tokens that it may come to, both or none. False, with a fault and the
/// time to wait, if one of them is not there.
bool Exchange::take_quota() {
  if (quota_ == nullptr) return true;
  const MonoTime now = worker_.clock.mono();
  const model::TenantLimits& limits = quota_->limits;
  if (limits.requests_per_minute > 0) {
    const auto wait = quota_->requests.take(1, limits.requests_per_minute, now);
    if (wait.count() > 0) {
      quota_->requests_refused.fetch_add(1, std::memory_order_relaxed);
      refuse_by_limit("requests", limits.requests_per_minute, wait);
      return false;
    }
  }
  if (limits.tokens_per_minute > 0 && is_metered(protocol_.surface())) {
    std::uint64_t wanted = tokens_of(plan_.body.size());
    if (is_generated(protocol_.surface())) {
      const std::uint64_t asked = worker_.scratch.of(protocol_).request->answer_tokens_asked();
      wanted += asked > 0 ? asked : kAnswerTokensAssumed;
    }
    wanted = std::min(wanted, limits.tokens_per_minute);
    const auto wait = quota_->tokens.take(wanted, limits.tokens_per_minute, now);
    if (wait.count() > 0) {
      if (limits.requests_per_minute > 0) {
        quota_->requests.give_back(1, limits.requests_per_minute);
      }
      quota_->tokens_refused.fetch_add(1, std::memory_order_relaxed);
      refuse_by_limit("tokens", limits.tokens_per_minute, wait);
      return false;
    }
    tokens_reserved_ = wanted;
  }
  return true;
}

void Exchange::refuse_by_limit(std::string_view what, std::uint64_t per_minute,
                               std::chrono::nanoseconds wait) {
  const auto seconds =
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(wait).count(), 1);
  retry_after_ = std::to_string(seconds);
  set_fault({fmt::format("The limit of tenant '{}' is {} {} per minute. Try again in {} s.",
                         caller_.tenant->name, per_minute, what, seconds),
             {},
             "rate_limit_exceeded"});
}

/// Puts the tokens that the exchange used in the place of those that it reserved. Where a provider
/// was asked and does not say how many, they are estimated, and the end record says so.
void Exchange::settle_quota() {
  if (quota_ == nullptr || tokens_reserved_ == 0) return;
  const bool failed = end_.end == End::upstream_error && end_.received_bytes == 0;
  const bool asked = end_.attempts > 0 && !failed;
  if (asked && end_.usage == model::UsageSource::unknown) {
    end_.usage = model::UsageSource::estimated;
    end_.tokens_in = tokens_of(request_bytes_);
    end_.tokens_out = tokens_of(end_.received_bytes);
  }
  std::uint64_t used = end_.tokens_in + end_.tokens_out;
  for (const model::AttemptRecord& attempt : end_.tried) {
    // What the last one used before it broke may stand in the entry itself, too.
    const bool told = &attempt == &end_.tried.back() && attempt.tokens_in == end_.tokens_in &&
                      attempt.tokens_out == end_.tokens_out;
    if (!told) used += attempt.tokens_in + attempt.tokens_out;
  }
  const std::uint64_t reserved = std::exchange(tokens_reserved_, 0);
  const std::uint64_t per_minute = quota_->limits.tokens_per_minute;
  if (used > reserved) {
    quota_->tokens.charge(used - reserved, per_minute, worker_.clock.mono());
  } else {
    quota_->tokens.give_back(reserved - used, per_minute);
  }
}

void Exchange::add_limit_headers() {
  if (quota_ == nullptr) return;
  const MonoTime now = worker_.clock.mono();
  const auto& names = kLimitHeaders[static_cast<std::size_t>(protocol_.dialect())];
  limit_texts_ = std::make_unique<std::array<std::string, 6>>();
  std::array<std::string, 6>& texts = *limit_texts_;
  const auto add = [&](std::size_t at, std::uint64_t per_minute, const Bucket& bucket) {
    if (per_minute == 0) return;
    const BucketStanding standing = bucket.standing(per_minute, now);
    texts[at] = std::to_string(per_minute);
    texts[at + 1] = std::to_string(standing.remaining);
    texts[at + 2] = protocol_.dialect() == model::Dialect::anthropic
                        ? format_second(worker_.clock.wall() + standing.until_full)
                        : format_reset(standing.until_full);
    for (std::size_t i = at; i < at + 3; ++i) headers_.push_back({names[i], texts[i]});
  };
  add(0, quota_->limits.requests_per_minute, quota_->requests);
  add(3, quota_->limits.tokens_per_minute, quota_->tokens);
}

}  // namespace cordon::gateway
