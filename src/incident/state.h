// The states of an incident and the moves between them.
#pragma once

#include "base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace cordon::incident {

/// Where an incident stands.
enum class State : std::uint8_t {
  triage,     ///< a signal arrived; nobody has confirmed its source
  active,     ///< confirmed; the impact goes on
  contained,  ///< the impact is stopped, not yet proven to stay stopped
  stable,     ///< the mitigation held for its declared window
  closed,
  declined,  ///< triage found no incident
  merged,    ///< goes on inside another incident
};
inline constexpr std::size_t kStateCount = 7;

[[nodiscard]] std::string_view to_string(State state) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<State> parse_state(std::string_view text);

/// A set of states, one bit each.
class StateSet {
 public:
  constexpr StateSet(std::initializer_list<State> states) {
    for (const State state : states) bits_ |= bit(state);
  }
  [[nodiscard]] constexpr bool contains(State state) const { return (bits_ & bit(state)) != 0; }

 private:
  static constexpr unsigned bit(State state) { return 1U << static_cast<unsigned>(state); }
  unsigned bits_ = 0;
};

/// Where each state may move next, in the order of the enumerators. Back to active whenever the
/// impact returns, even after closing; declined only before anything was contained.
inline constexpr std::array<StateSet, kStateCount> kMoves = {{
    /* triage    */ {State::active, State::declined, State::merged},
    /* active    */ {State::contained, State::declined, State::merged},
    /* contained */ {State::stable, State::active, State::merged},
    /* stable    */ {State::closed, State::active, State::merged},
    /* closed    */ {State::active},
    /* declined  */ {},
    /* merged    */ {},
}};

/// Open incidents take signals; the others never do.
[[nodiscard]] constexpr bool is_open(State state) {
  return state == State::triage || state == State::active || state == State::contained ||
         state == State::stable;
}

[[nodiscard]] constexpr bool may_move(State from, State to) {
  return kMoves[static_cast<std::size_t>(from)].contains(to);
}

/// True when some sequence of moves leads from `from` to `to`.
[[nodiscard]] constexpr bool reaches(State from, State to) {
  std::array<bool, kStateCount> seen{};
  seen[static_cast<std::size_t>(from)] = true;
  for (std::size_t round = 0; round < kStateCount; ++round) {
    for (std::size_t at = 0; at < kStateCount; ++at) {
      for (std::size_t next = 0; next < kStateCount; ++next) {
        if (seen[at] && may_move(State(at), State(next))) seen[next] = true;
      }
    }
  }
  return seen[static_cast<std::size_t>(to)];
}

static_assert(reaches(State::triage, State::closed), "every incident can be closed");
static_assert(reaches(State::closed, State::contained), "a returning one can be contained again");
static_assert(!may_move(State::contained, State::closed), "contained is not yet stable");
static_assert(!may_move(State::triage, State::contained), "what nobody confirmed is not contained");
static_assert(!may_move(State::closed, State::merged), "a closed incident keeps its end");
static_assert(!reaches(State::merged, State::active), "a merged incident goes on in the other");
static_assert(!reaches(State::declined, State::active), "a declined signal stays declined");

}  // namespace cordon::incident
