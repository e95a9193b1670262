#include "gateway/health.h"

#include <algorithm>

namespace cordon::gateway {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint32_t kTripsMax = 24;
constexpr std::uint32_t kShareMin = 10;

/// A slot: the number of its stretch of time in 24 bits, then two counts of 20 bits.
constexpr std::uint64_t kTagMask = (1ULL << 24) - 1;
constexpr std::uint64_t kCountMask = (1ULL << 20) - 1;
constexpr unsigned kTagShift = 40;
constexpr unsigned kAnsweredShift = 20;
constexpr std::uint64_t kOneFailed = 1;
constexpr std::uint64_t kOneAnswered = 1ULL << kAnsweredShift;

std::int64_t micros(MonoTime time) noexcept {
  return duration_cast<microseconds>(time).count();
}

enum class Phase : std::uint8_t { closed, open, probing };

/// The state in one word, so that a change of it is one exchange.
struct Word {
  Phase phase = Phase::closed;
  std::uint32_t successes = 0;  ///< of probes, in a row
  std::uint32_t trips = 0;      ///< how often it opened without a calm time between
  /// closed: when it closed; open: from when on it may be probed. Microseconds.
  std::int64_t at_us = 0;

  static Word of(std::uint64_t bits) noexcept {
    return {static_cast<Phase>(bits & 3), static_cast<std::uint32_t>((bits >> 2) & 15),
            static_cast<std::uint32_t>((bits >> 6) & 31), static_cast<std::int64_t>(bits >> 11)};
  }
  [[nodiscard]] std::uint64_t bits() const noexcept {
    return static_cast<std::uint64_t>(phase) | static_cast<std::uint64_t>(successes) << 2 |
           static_cast<std::uint64_t>(trips) << 6 | static_cast<std::uint64_t>(at_us) << 11;
  }
};

bool replace(std::atomic<std::uint64_t>& state, std::uint64_t& seen, const Word& next) noexcept {
  return state.compare_exchange_strong(seen, next.bits(), std::memory_order_acq_rel);
}

}  // namespace

std::string_view to_string(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::half_open:
      return "half_open";
    case BreakerState::open:
      break;
  }
  return "open";
}

TargetHealth::TargetHealth(const model::Breaker& breaker, const model::RetryBudget& budget) noexcept
    : breaker_(breaker), budget_(budget) {}

std::uint64_t TargetHealth::slot_at(MonoTime now) const noexcept {
  const MonoTime length = std::max<MonoTime>(breaker_.window, milliseconds(1)) / kSlots;
  return static_cast<std::uint64_t>(now / length);
}

void TargetHealth::count(Slots& slots, std::uint64_t unit, MonoTime now) noexcept {
  const std::uint64_t at = slot_at(now);
  const std::uint64_t tag = at & kTagMask;
  std::atomic<std::uint64_t>& slot = slots[at % kSlots];
  std::uint64_t seen = slot.load(std::memory_order_relaxed);
  while (true) {
    std::uint64_t next = seen >> kTagShift == tag ? seen : tag << kTagShift;
    const unsigned shift = unit == kOneFailed ? 0 : kAnsweredShift;
    if (((next >> shift) & kCountMask) == kCountMask) return;
    next += unit;
    if (slot.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return;
  }
}

TargetHealth::Totals TargetHealth::totals(const Slots& slots, MonoTime now) const noexcept {
  const std::uint64_t at = slot_at(now);
  Totals totals;
  for (const auto& slot : slots) {
    const std::uint64_t seen = slot.load(std::memory_order_relaxed);
    if (((at - (seen >> kTagShift)) & kTagMask) >= kSlots) continue;
    totals.answered += (seen >> kAnsweredShift) & kCountMask;
    totals.failed += seen & kCountMask;
  }
  return totals;
}

void TargetHealth::forget_window() noexcept {
  for (auto& slot : attempts_) slot.store(0, std::memory_order_relaxed);
}

std::int64_t TargetHealth::open_us(std::uint32_t trips) const noexcept {
  const std::int64_t first = duration_cast<microseconds>(breaker_.open).count();
  const std::int64_t most = duration_cast<microseconds>(breaker_.open_max).count();
  std::int64_t length = first;
  for (std::uint32_t i = 1; i < trips && length < most; ++i) length *= 2;
  return std::clamp<std::int64_t>(length, 0, most);
}

Pass TargetHealth::ask(MonoTime now) noexcept {
  std::uint64_t seen = state_.load(std::memory_order_acquire);
  Word word = Word::of(seen);
  if (word.phase == Phase::closed) return Pass::usual;
  if (word.phase == Phase::probing || micros(now) < word.at_us) return Pass::refused;
  word.phase = Phase::probing;
  return replace(state_, seen, word) ? Pass::probe : Pass::refused;
}

bool TargetHealth::may_ask(MonoTime now) const noexcept {
  const Word word = Word::of(state_.load(std::memory_order_acquire));
  return word.phase == Phase::closed || (word.phase == Phase::open && micros(now) >= word.at_us);
}

void TargetHealth::answered(Pass as, MonoTime now) noexcept {
  std::uint64_t seen = state_.load(std::memory_order_acquire);
  Word word = Word::of(seen);
  if (as != Pass::probe) {
    if (word.phase == Phase::closed) count(attempts_, kOneAnswered, now);
    return;
  }
  if (word.phase != Phase::probing) return;
  if (++word.successes >= breaker_.probes) {
    forget_window();
    word.phase = Phase::closed;
    word.successes = 0;
  } else {
    word.phase = Phase::open;
  }
  word.at_us = micros(now);
  (void)replace(state_, seen, word);
}

void TargetHealth::failed(Pass as, MonoTime now) noexcept {
  std::uint64_t seen = state_.load(std::memory_order_acquire);
  Word word = Word::of(seen);
  if (as == Pass::probe) {
    if (word.phase != Phase::probing) return;
    word.trips = std::min(word.trips + 1, kTripsMax);
  } else {
    if (word.phase != Phase::closed) return;
    count(attempts_, kOneFailed, now);
    if (!breaker_.enabled) return;
    const Totals of = totals(attempts_, now);
    const std::uint64_t all = of.answered + of.failed;
    if (all < breaker_.samples_min || of.failed * 100 < all * breaker_.failure_percent) return;
    // Soon after it came back: it flaps, and is left alone for longer each time.
    const std::int64_t calm_us = duration_cast<microseconds>(breaker_.open_max).count();
    const bool flaps = word.trips > 0 && micros(now) - word.at_us < calm_us;
    word.trips = flaps ? std::min(word.trips + 1, kTripsMax) : 1;
  }
  word.phase = Phase::open;
  word.successes = 0;
  word.at_us = micros(now) + open_us(word.trips);
  if (!replace(state_, seen, word)) return;
  opened_.fetch_add(1, std::memory_order_relaxed);
  forget_window();
}

void TargetHealth::dropped(Pass as, MonoTime now) noexcept {
  if (as != Pass::probe) return;
  std::uint64_t seen = state_.load(std::memory_order_acquire);
  Word word = Word::of(seen);
  if (word.phase != Phase::probing) return;
  word.phase = Phase::open;
  word.at_us = micros(now);
  (void)replace(state_, seen, word);
}

bool TargetHealth::take_retry(MonoTime now) noexcept {
  const Totals asked = totals(attempts_, now);
  const std::uint64_t used = totals(retries_in_window_, now).failed;
  const std::uint64_t share = (asked.answered + asked.failed) * budget_.percent / 100;
  if (used >= std::max<std::uint64_t>(share, budget_.floor)) {
    retries_refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  count(retries_in_window_, kOneFailed, now);
  retries_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

std::uint32_t TargetHealth::share_percent(MonoTime now) const noexcept {
  const Word word = Word::of(state_.load(std::memory_order_acquire));
  if (word.phase != Phase::closed || word.trips == 0) return 100;
  const std::int64_t length = duration_cast<microseconds>(breaker_.slow_start).count();
  const std::int64_t since = micros(now) - word.at_us;
  if (since >= length) return 100;
  const std::int64_t share = since * 100 / length;
  return std::max(kShareMin, static_cast<std::uint32_t>(std::max<std::int64_t>(share, 0)));
}

void TargetHealth::note_latency(microseconds took, MonoTime now) noexcept {
  const std::int64_t before = latency_us_.load(std::memory_order_relaxed);
  const std::int64_t took_us = std::max<std::int64_t>(took.count(), 1);
  const std::int64_t after = before == 0 ? took_us : before + (took_us - before) / 8;
  latency_us_.store(std::max<std::int64_t>(after, 1), std::memory_order_relaxed);
  measured_us_.store(micros(now), std::memory_order_relaxed);
}

microseconds TargetHealth::latency_to_compare(MonoTime now) const noexcept {
  const std::int64_t known = latency_us_.load(std::memory_order_relaxed);
  const std::int64_t measured = measured_us_.load(std::memory_order_relaxed);
  const std::int64_t window = duration_cast<microseconds>(breaker_.window).count();
  if (measured == 0 || micros(now) - measured >= window) return microseconds(0);
  // Somebody is measuring; until then it is the last choice of all others.
  return known == 0 ? microseconds::max() : microseconds(known);
}

void TargetHealth::begin_measuring(MonoTime now) noexcept {
  measured_us_.store(micros(now), std::memory_order_relaxed);
}

Standing TargetHealth::standing(MonoTime now) const noexcept {
  const Word word = Word::of(state_.load(std::memory_order_acquire));
  const Totals of = totals(attempts_, now);
  Standing standing;
  standing.answered = of.answered;
  standing.failed = of.failed;
  standing.share_percent = share_percent(now);
  standing.opened = opened_.load(std::memory_order_relaxed);
  standing.retries = retries_.load(std::memory_order_relaxed);
  standing.retries_refused = retries_refused_.load(std::memory_order_relaxed);
  standing.latency = microseconds(latency_us_.load(std::memory_order_relaxed));
  if (word.phase == Phase::closed) return standing;
  const std::int64_t left = word.at_us - micros(now);
  const bool waits = word.phase == Phase::open && left > 0;
  standing.state = waits ? BreakerState::open : BreakerState::half_open;
  if (waits) standing.open_for = std::chrono::ceil<milliseconds>(microseconds(left));
  return standing;
}

}  // namespace cordon::gateway
