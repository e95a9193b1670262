#include "containment/registry.h"

#include "base/assert.h"

#include <algorithm>
#include <utility>

namespace cordon::containment {

InFlight::~InFlight() {
  if (registry_ != nullptr) registry_->remove(*this);
}

Registry::Registry(std::shared_ptr<const Effective> effective, SweepListener& listener)
    : effective_(std::move(effective)), listener_(listener) {}

Registry::~Registry() {
  for (InFlight* each = head_; each != nullptr;) {
    InFlight* const next = each->next_;
    each->registry_ = nullptr;
    each->previous_ = nullptr;
    each->next_ = nullptr;
    each = next;
  }
}

std::optional<Forbidden> Registry::add(InFlight& exchange) {
  CORDON_ASSERT(exchange.registry_ == nullptr);
  if (auto forbidden = effective_->forbids(exchange.place)) return forbidden;
  exchange.registry_ = this;
  exchange.cut_by_ = 0;
  exchange.last_byte_at_.reset();
  exchange.previous_ = nullptr;
  exchange.next_ = head_;
  if (head_ != nullptr) head_->previous_ = &exchange;
  head_ = &exchange;
  ++size_;
  return std::nullopt;
}

std::optional<Forbidden> Registry::choose(InFlight& exchange, const model::Target& target) {
  model::Place place = exchange.place;
  place.provider = target.provider;
  place.model = target.model;
  if (auto forbidden = effective_->forbids(place)) return forbidden;
  exchange.place = place;
  return std::nullopt;
}

void Registry::remove(InFlight& exchange) noexcept {
  if (exchange.registry_ != this) return;
  (exchange.previous_ == nullptr ? head_ : exchange.previous_->next_) = exchange.next_;
  if (exchange.next_ != nullptr) exchange.next_->previous_ = exchange.previous_;
  if (cursor_ == &exchange) cursor_ = exchange.next_;
  exchange.registry_ = nullptr;
  exchange.previous_ = nullptr;
  exchange.next_ = nullptr;
  --size_;
  if (exchange.cut_by_ == 0) return;
  Pending& pending = pending_[exchange.cut_by_ - first_sweep_];
  --pending.waiting;
  if (!exchange.whole_) ++pending.sweep.streams_cut;
  if (exchange.last_byte_at_) {
    auto& latest = pending.sweep.last_byte_at;
    latest = latest ? std::max(*latest, *exchange.last_byte_at_) : *exchange.last_byte_at_;
  }
  report_done();
}

std::uint64_t Registry::sweep(std::shared_ptr<const Effective> next) {
  CORDON_ASSERT(cursor_ == nullptr);
  effective_ = std::move(next);
  const std::uint64_t number = first_sweep_ + pending_.size();
  pending_.push_back({});
  pending_.back().sweep.generation = effective_->generation().number;
  std::uint64_t cut = 0;
  cursor_ = head_;
  while (cursor_ != nullptr) {
    InFlight& exchange = *cursor_;
    cursor_ = exchange.next_;
    if (exchange.cut_by_ != 0) continue;
    const auto forbidden = effective_->forbids(exchange.place);
    if (!forbidden) continue;
    exchange.cut_by_ = number;
    ++pending_[number - first_sweep_].waiting;
    if (exchange.cut(*forbidden) == CutResult::cut) ++cut;  // may have destroyed it
  }
  pending_[number - first_sweep_].sweeping = false;
  report_done();
  return cut;
}

Touched Registry::running(const model::Scope& scope) const {
  Touched touched;
  for (const InFlight* each = head_; each != nullptr; each = each->next_) {
    if (scope.covers(each->place)) touched.add(each->place, 1);
  }
  return touched;
}

void Registry::report_done() noexcept {
  while (!pending_.empty() && !pending_.front().sweeping && pending_.front().waiting == 0) {
    const Sweep done = pending_.front().sweep;
    pending_.pop_front();
    ++first_sweep_;
    listener_.swept(done);
  }
}

}  // namespace cordon::containment
