// The fold: what an event does to the measures and the generations revoked.
#include "containment/state.h"

#include <algorithm>
#include <array>

namespace cordon::containment {
namespace {

constexpr std::array<std::string_view, 3> kStates = {"in_force", "overdue", "released"};

struct Id {
  std::string_view operator()(const WasSet& set) const noexcept { return set.containment.id; }
  std::string_view operator()(const GenerationRevoked&) const noexcept { return {}; }
  template <class T>
  std::string_view operator()(const T& event) const noexcept {
    return event.id;
  }
};

}  // namespace

std::string_view to_string(MeasureState state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}

std::string_view id_of(const Event& event) noexcept {
  return std::visit(Id{}, event);
}

void State::evolve(const Event& event) {
  std::visit([this](const auto& each) { apply(each); }, event);
}

Containment* State::update(std::string_view id) noexcept {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : &found->second;
}

void State::end(std::string_view id) {
  Containment* found = update(id);
  if (found == nullptr) return;
  found->state = MeasureState::released;
  in_force_.erase(found->order);
}

void State::apply(const WasSet& event) {
  Containment added = event.containment;
  added.order = all_.size();
  added.state = MeasureState::in_force;
  const auto [place, is_new] = all_.emplace(added.id, std::move(added));
  if (is_new) in_force_.emplace(place->second.order, place->first);
  for (const std::string& id : event.replaces) end(id);
}

void State::apply(const Renewed& event) {
  Containment* found = update(event.id);
  if (found == nullptr) return;
  found->state = MeasureState::in_force;
  found->expires_at = event.expires_at;
  found->paged_at.reset();
}

void State::apply(const Released& event) {
  end(event.id);
}

void State::apply(const BecameOverdue& event) {
  Containment* found = update(event.id);
  if (found == nullptr) return;
  found->state = MeasureState::overdue;
  found->paged_at = event.at;
}

void State::apply(const Paged& event) {
  if (Containment* found = update(event.id)) found->paged_at = event.at;
}

void State::apply(const GenerationRevoked& event) {
  revoked_.insert(event.generation.number);
}

const Containment* State::find(std::string_view id) const noexcept {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : &found->second;
}

std::vector<const Containment*> State::in_force() const {
  std::vector<const Containment*> list;
  list.reserve(in_force_.size());
  for (const auto& [order, id] : in_force_) list.push_back(&all_.find(id)->second);
  return list;
}

std::vector<std::string> State::due(WallTime now) const {
  std::vector<std::string> ids;
  for (const Containment* each : in_force()) {
    if (each->state == MeasureState::in_force && each->expires_at <= now) ids.push_back(each->id);
  }
  return ids;
}

std::vector<std::string> State::unpaged(WallTime now) const {
  std::vector<std::string> ids;
  for (const Containment* each : in_force()) {
    if (each->state == MeasureState::overdue && each->paged_at &&
        *each->paged_at + kPageEvery <= now) {
      ids.push_back(each->id);
    }
  }
  return ids;
}

const Containment* State::rollback() const noexcept {
  for (const Containment* each : in_force()) {
    if (each->measure == Measure::rollback) return each;
  }
  return nullptr;
}

}  // namespace cordon::containment
