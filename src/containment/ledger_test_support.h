// Commands against a state, for tests: a ledger with verbs, and a past to roll back to.
#pragma once

#include "containment/generations.h"
#include "containment/state.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cordon::containment {

using namespace std::chrono_literals;
using model::Actor;
using model::ActorKind;
using model::Mode;

inline constexpr WallTime kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
inline const Actor kAnna{ActorKind::person, "anna"};
inline const Actor kDetect{ActorKind::service, "detect"};

inline model::Generation known() {
  model::Generation generation;
  generation.number = 1;
  generation.providers = {{"sim", {}, {}, "", {}}, {"big", {}, {}, "", {}}};
  generation.routes = {{"support", {{"sim", "small"}}, {{"big", "safe"}}, {}, Mode::standard, {}},
                       {"sales", {{"big", "large"}}, {}, {}, Mode::emergency, {}}};
  generation.tenants = {{"acme", {}, {"*"}}, {"beta", {}, {"*"}}};
  generation.flags = {{"agent", true}};
  return generation;
}

/// Generations that were in force once, kept in memory.
class Remembered final : public Past {
 public:
  void keep(model::Generation generation) {
    const std::uint64_t number = generation.number;
    kept_[number] = seal(std::move(generation));
  }
  [[nodiscard]] std::vector<std::uint64_t> numbers() const override {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, generation] : kept_) numbers.push_back(number);
    return numbers;
  }
  [[nodiscard]] Result<std::shared_ptr<const model::Generation>> read(
      std::uint64_t number) const override {
    const auto found = kept_.find(number);
    if (found != kept_.end()) return found->second;
    return fail(Errc::not_found, fmt::format("there is no generation {}", number));
  }

 private:
  std::map<std::uint64_t, std::shared_ptr<const model::Generation>> kept_;
};

/// A ledger with verbs: every command is decided, and every event folded twice, once as it is
/// and once read back from its entry.
class Ledger : public testing::Test {
 protected:
  Ledger() {
    anna_ = mint("anna", {Role::commander});
    bob_ = mint("bob", {Role::approver});
  }

  std::string mint(const std::string& who, Roles roles,
                   Actor minter = {ActorKind::service, "app"}) {
    const auto minted =
        tokens_.mint({who, roles, std::nullopt, std::move(minter)}, kStart, random_);
    tokens_.evolve(minted->event);
    return minted->event.token.id;
  }

  Set a_switch(const std::string& id, const std::string& scope) const {
    Set set;
    set.id = id;
    set.scope = scope;
    set.reason = "customer records in answers";
    set.expires_at = now_ + 1h;
    set.by = kAnna;
    set.by_token = anna_;
    return set;
  }
  Set a_mode(const std::string& id, const std::string& scope, Mode mode) const {
    Set set = a_switch(id, scope);
    set.measure = Measure::mode;
    set.mode = mode;
    return set;
  }
  Set a_fallback(const std::string& id, const std::string& scope) const {
    Set set = a_switch(id, scope);
    set.measure = Measure::fallback;
    return set;
  }
  Set a_rollback(const std::string& id, std::uint64_t generation) const {
    Set set = a_switch(id, "");
    set.measure = Measure::rollback;
    set.generation = generation;
    return set;
  }
  Release a_release(const std::string& id) const { return {id, "fixed", kAnna, anna_, {}}; }
  Renew a_renewal(const std::string& id, WallTime until) const {
    return {id, until, "not fixed yet", kAnna};
  }
  Approval bobs() const { return {{ActorKind::person, "bob"}, bob_}; }

  /// `ok`, or the code and the detail of the refusal.
  std::string give(const Command& command) {
    const Context context = looked_at();
    const auto event = decide(state_, command, context);
    if (!event) {
      return std::string(to_string(event.error().code)) + ": " + event.error().detail;
    }
    fold(*event);
    const auto json = codec::parse_json(codec::write_json(to_body(*event)));
    EXPECT_TRUE(json) << json.error().detail;
    const auto back = parse_event(*json);
    EXPECT_TRUE(back) << back.error().detail;
    EXPECT_EQ(*back, *event);
    folded_.evolve(*back);
    return "ok";
  }

  void fold(const Event& event) {
    constexpr std::size_t kCheap = 50;
    const bool cheap = state_.in_force().size() < kCheap;
    const auto foreseen = cheap ? with_measures(generation_, 7, state_, event) : nullptr;
    const auto rollback = rollback_after(state_, event);
    state_.evolve(event);
    if (cheap) {
      EXPECT_EQ(*foreseen, *with_measures(generation_, 7, state_));
    }
    EXPECT_EQ(rollback, state_.rollback() == nullptr ? std::nullopt : state_.rollback()->to);
  }
  [[nodiscard]] Context looked_at() const {
    return {now_, generation_, tokens_, std::chrono::hours(24 * 30), &past_};
  }

  model::Generation generation_ = known();
  Remembered past_;
  Tokens tokens_;
  SeededRandom random_{11};
  WallTime now_ = kStart;
  State state_;
  State folded_;
  std::string anna_, bob_;
};

}  // namespace cordon::containment
