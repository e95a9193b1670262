// The part of an exchange that decides whom to ask: order, retries, breakers, the fallback.
#include "gateway/internal/exchange.h"

#include <algorithm>
#include <functional>

namespace cordon::gateway {
namespace {

using dialect::Problem;
using model::End;
using std::chrono::milliseconds;

/// Requests that one exchange may send, whatever its route says.
constexpr std::uint32_t kAttemptsMax = 16;

/// The route's own failures tell nothing of a target.
bool is_of_target(Attempt how, Problem problem) noexcept {
  return how != Attempt::answered && problem != Problem::exchange_timeout &&
         problem != Problem::evidence_unavailable && problem != Problem::switched_off &&
         problem != Problem::bad_key;
}

}  // namespace

net::Task<void> Exchange::forward() {
  if (!co_await begin_running()) co_return;
  if (durability() == model::Durability::before_forward) {
    const bool recorded = co_await worker_.reach_durable(*decision_seq_, &client_.cancel());
    if (interrupted()) co_return co_await end_interrupted();
    if (!recorded) {
      last_problem_ = Problem::evidence_unavailable;
      co_return co_await end_broken(End::refused, Problem::evidence_unavailable);
    }
  }
  Order order;
  add_speaking(order, ruling_.targets());
  arrange(order);
  while (const model::Target* const target = open_attempt(order)) {
    const Tried tried = co_await attempt(*target);
    close_attempt();
    if (tried == Tried::ended) co_return;
    if (interrupted()) co_return co_await end_interrupted();
    if (out_of_time()) {
      co_return co_await end_broken(End::timeout, Problem::exchange_timeout);
    }
    const auto wait = wait_to_retry(order);
    if (!wait) continue;
    const MonoTime began = worker_.clock.mono();
    const Status slept = co_await net::sleep(worker_.scope, *wait, &client_.cancel());
    upstream_spent_ += worker_.clock.mono() - began;
    if (interrupted()) co_return co_await end_interrupted();
    // The node stops: nothing is asked again.
    if (!slept) break;
  }
  if (open_for_ && last_problem_ == Problem::upstream_unavailable) {
    retry_after_ = std::to_string(
        std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(*open_for_).count(), 1));
  }
  if (last_problem_ == Problem::untranslatable) set_fault(std::move(crossing_->fault));
  co_await end_broken(last_end_, last_problem_);
}

const Obeyed::Way& Exchange::way_to(const model::Target& target) const {
  const std::vector<model::Target>& own = ruling_.route->targets;
  const std::less<> before;
  const bool among = !before(&target, own.data()) && before(&target, own.data() + own.size());
  const auto& targets = among ? own : ruling_.route->fallback;
  const auto at = static_cast<std::size_t>(&target - targets.data());
  return among ? route_->targets[at] : route_->fallback[at];
}

/// Those that speak the caller's protocol.
void Exchange::add_speaking(Order& order, std::span<const model::Target* const> targets) const {
  for (const model::Target* const target : targets) {
    const Obeyed::Way& way = way_to(*target);
    if (!way.pool || !speaks(*way.pool)) continue;
    order.targets[order.count] = target;
    order.ways[order.count] = &way;
    ++order.count;
  }
}

/// Puts them in the order that the route wants. One that is just coming back gives way to the
/// others for a part of the requests.
void Exchange::arrange(Order& order) {
  if (order.count < 2) return;
  const MonoTime now = worker_.loop.now();
  if (ruling_.route->choice == model::Choice::weighted) draw_by_weight(order);
  if (ruling_.route->choice == model::Choice::least_latency) {
    std::array<std::chrono::microseconds, model::kTargetsMax> latency{};
    for (std::size_t i = 0; i < order.count; ++i) {
      latency[i] = order.ways[i]->health->latency_to_compare(now);
      for (std::size_t k = i; k > 0 && latency[k] < latency[k - 1]; --k) {
        std::swap(latency[k], latency[k - 1]);
        std::swap(order.targets[k], order.targets[k - 1]);
        std::swap(order.ways[k], order.ways[k - 1]);
      }
    }
    if (latency[0].count() == 0) order.ways[0]->health->begin_measuring(now);
  }
  const std::uint32_t share = order.ways[0]->health->share_percent(now);
  if (share < 100 && worker_.random.below(100) >= share) {
    std::rotate(order.targets.begin(), order.targets.begin() + 1,
                order.targets.begin() + static_cast<std::ptrdiff_t>(order.count));
    std::rotate(order.ways.begin(), order.ways.begin() + 1,
                order.ways.begin() + static_cast<std::ptrdiff_t>(order.count));
  }
}

/// Each turn goes to one of those left, by their weights.
void Exchange::draw_by_weight(Order& order) {
  for (std::size_t turn = 0; turn + 1 < order.count; ++turn) {
    std::uint64_t all = 0;
    for (std::size_t i = turn; i < order.count; ++i) all += order.targets[i]->weight;
    std::uint64_t drawn = worker_.random.below(std::max<std::uint64_t>(all, 1));
    std::size_t found = turn;
    while (found + 1 < order.count && drawn >= order.targets[found]->weight) {
      drawn -= order.targets[found++]->weight;
    }
    std::swap(order.targets[turn], order.targets[found]);
    std::swap(order.ways[turn], order.ways[found]);
  }
}

/// Goes over to the route's declared fallback, once. It is asked under the rules by which the
/// request was inspected, so a target that a stricter mode covers is none of it.
bool Exchange::take_spare(Order& order) {
  if (order.spare || !ruling_.fallback_id.empty() || ruling_.route->fallback.empty()) return false;
  order = {};
  order.spare = true;
  const containment::Ruling spare = obeyed_->effective().rule_fallback(place);
  if (spare.mode > ruling_.mode) return false;
  add_speaking(order, spare.targets());
  return order.count > 0;
}

bool Exchange::another_may_answer(const Order& order) const {
  const MonoTime now = worker_.loop.now();
  for (std::size_t i = order.at + 1; i < order.count; ++i) {
    if (order.ways[i]->health->may_ask(now)) return true;
  }
  return !order.spare && ruling_.fallback_id.empty() && !ruling_.route->fallback.empty();
}

/// The target whose turn it is, past those that are left alone for now; null when none is left.
const model::Target* Exchange::open_attempt(Order& order) {
  const MonoTime now = worker_.loop.now();
  while (true) {
    if (end_.attempts >= kAttemptsMax) return nullptr;
    if (order.at == order.count && !take_spare(order)) return nullptr;
    const model::Target& target = *order.targets[order.at];
    TargetHealth& health = *order.ways[order.at]->health;
    const Pass pass = health.ask(now);
    if (pass != Pass::refused) {
      trial_ = {&target, &health, pass};
      prices_ = &order.ways[order.at]->prices;
      ++order.asked;
      return &target;
    }
    note_open(target, health);
    ++order.at;
    order.asked = 0;
  }
}

/// An attempt whose end nobody told, because its client left or a switch cut it, says nothing.
void Exchange::close_attempt() {
  if (trial_.pass == Pass::refused) return;
  trial_.health->dropped(trial_.pass, worker_.loop.now());
  trial_.pass = Pass::refused;
}

void Exchange::note_open(const model::Target& target, const TargetHealth& health) {
  worker_.counters.attempts[static_cast<std::size_t>(Attempt::open)].add();
  trial_ = {};
  trial_.target = &target;
  list_attempt(Attempt::open);
  const milliseconds left = health.standing(worker_.loop.now()).open_for;
  open_for_ = open_for_ ? std::min(*open_for_, left) : left;
  if (end_.attempts > 0) return;
  last_problem_ = Problem::upstream_unavailable;
  last_end_ = End::refused;
}

/// How long to wait before the same target is asked again; nothing, and the turn goes on, if it
/// is not. Time that a provider asks for is not spent where another one may answer.
std::optional<milliseconds> Exchange::wait_to_retry(Order& order) {
  const model::Retry& retry = ruling_.route->retry;
  const auto next_turn = [&order] {
    ++order.at;
    order.asked = 0;
    return std::nullopt;
  };
  if (!trial_.again || order.asked >= retry.attempts_max) {
    return next_turn();
  }
  milliseconds wait{0};
  if (trial_.asked_wait) {
    if (*trial_.asked_wait > retry.wait_max || another_may_answer(order)) return next_turn();
    // Not all who were told the same come back at the same moment.
    const auto spread = static_cast<std::uint64_t>(retry.backoff.count()) + 1;
    wait = *trial_.asked_wait + milliseconds(worker_.random.below(spread));
  } else {
    const milliseconds most = std::min(retry.backoff * (1 << (order.asked - 1)), retry.backoff_max);
    const auto half = static_cast<std::uint64_t>(most.count() / 2);
    wait = most - milliseconds(worker_.random.below(half + 1));
  }
  const auto spent = worker_.loop.now() - started_;
  if (spent + wait >= obeyed_->effective().generation().limits.exchange_time_max) {
    return next_turn();
  }
  if (!trial_.health->take_retry(worker_.loop.now())) return next_turn();
  return wait;
}

Exchange::Tried Exchange::failed(Attempt how, Problem problem) {
  if (trial_.pass != Pass::refused && !is_of_target(how, problem)) close_attempt();
  end_attempt(how);
  last_problem_ = problem;
  last_end_ = how == Attempt::timeout ? End::timeout
              : how == Attempt::cut   ? End::upstream_cut
                                      : End::upstream_error;
  return Tried::next;
}

/// A read that failed: was it late, or was it cut?
Exchange::Tried Exchange::failed_reading(MonoTime since, milliseconds limit) {
  if (worker_.loop.now() - since >= limit)
    return failed(Attempt::timeout, Problem::upstream_timeout);
  return failed(Attempt::cut, Problem::upstream_cut);
}

void Exchange::end_attempt(Attempt how) {
  if (trial_.target == nullptr) return;  // it has ended before
  worker_.counters.attempts[static_cast<std::size_t>(how)].add();
  if (how != Attempt::answered || !end_.tried.empty()) list_attempt(how);
  trial_.target = nullptr;
  if (trial_.pass == Pass::refused) return;
  const MonoTime now = worker_.loop.now();
  if (how == Attempt::answered) {
    trial_.health->answered(trial_.pass, now);
  } else {
    trial_.health->failed(trial_.pass, now);
  }
  trial_.pass = Pass::refused;
}

void Exchange::list_attempt(Attempt how) {
  const bool sent = trial_.sent.count() > 0;
  const bool left_out = how == Attempt::open || how == Attempt::untranslatable;
  if (trial_.target == nullptr || (!sent && !left_out)) return;
  if (end_.tried.size() >= model::kAttemptsListedMax) return;
  model::AttemptRecord& record = end_.tried.emplace_back();
  record.provider = trial_.target->provider;
  record.model = trial_.target->model;
  record.end = how;
  if (!sent) return;
  record.status = end_.upstream_status;
  record.us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(worker_.clock.mono() - trial_.sent)
          .count());
  if (how == Attempt::answered) return;
  record.tokens_in = trial_.used.in.value_or(0);
  record.tokens_out = trial_.used.out.value_or(0);
  price_attempt(record);
}

/// A stream has begun to arrive at its client: a probe need not wait for its end.
void Exchange::note_working() {
  if (trial_.pass != Pass::probe) return;
  trial_.health->answered(trial_.pass, worker_.loop.now());
  trial_.pass = Pass::usual;
}

}  // namespace cordon::gateway
