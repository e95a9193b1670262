// What a simulated provider does: which answer, which fault, how often, how fast.
#pragma once

#include "base/result.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cordon::sim {

/// What the provider does with one request for an answer.
enum class Scenario : std::uint8_t {
  normal,          ///< a harmless answer
  leak,            ///< every `leak_every`-th answer holds a leak text
  echo,            ///< repeats the last user message or tool result: injected text shows
  unsafe,          ///< an answer with a sentence that nobody should be told
  policy_drift,    ///< refusals, until `drift_after` answers; then disallowed claims
  slow,            ///< normal, with `slow_delay` between chunks at least
  stall,           ///< half an answer, then silence
  cut,             ///< half an answer, then the connection closes
  error_401,       ///< the provider does not know the key
  error_429,       ///< too many requests, with Retry-After
  error_500,       ///< an internal error
  overloaded,      ///< 503 in OpenAI's shape, 529 in Anthropic's
  error_frame,     ///< half a stream, then an error event; 500 where nothing streams
  malformed,       ///< half of a JSON text where a whole one belongs
  reset,           ///< the connection closes before any byte of an answer
  silence,         ///< not even the head of an answer
  late,            ///< the head of a stream, then `slow_delay` of nothing; whole: before the answer
  no_terminal,     ///< a whole stream but for its terminal frame, and a proper end of the body
  context_length,  ///< 400: the request is too long for the model
  content_filter,  ///< 400: the provider's own filter
  prefill,         ///< 400: the request must not end with the assistant's words
};
inline constexpr std::size_t kScenarioCount = 21;
/// Every scenario's word, in the order of the enumerators.
[[nodiscard]] std::span<const std::string_view> scenario_names() noexcept;
[[nodiscard]] std::string_view to_string(Scenario scenario) noexcept;
/// Refuses any other word as `invalid` and lists them.
[[nodiscard]] Result<Scenario> parse_scenario(std::string_view text);

/// How answers look. Can be switched while the provider runs.
struct Behaviour {
  Scenario scenario = Scenario::normal;
  /// Of a thousand requests that name no scenario, how many meet each other one instead; which
  /// ones, the seed decides.
  std::array<std::uint16_t, kScenarioCount> mix{};
  std::string answer;                        ///< given word for word where `normal` would speak
  std::uint32_t leak_every = 1;              ///< of answers under `leak`; 1: each
  std::uint32_t drift_after = 100;           ///< answers under `policy_drift` before it drifts
  std::uint32_t drift_percent = 25;          ///< of these answers that touch what is disallowed
  std::uint32_t answer_bytes = 600;          ///< of text, about; at most 1 MiB
  std::uint32_t chunk_bytes = 24;            ///< of text in one chunk of a stream
  std::uint32_t chunks_per_write = 0;        ///< 0: all at once, or one if there is a delay
  std::uint32_t retry_after_s = 1;           ///< what 429 and `overloaded` say
  std::chrono::milliseconds first_delay{0};  ///< before the first byte
  std::chrono::milliseconds chunk_delay{0};  ///< between writes of a stream
  std::chrono::milliseconds slow_delay{50};  ///< under `slow`
};

/// Reads `{"scenario":"leak","leak_every":2,...}` on top of `before`: what is not named stays.
/// Refuses as `invalid` an unknown key, a wrong type and a number out of its range.
[[nodiscard]] Result<Behaviour> parse_behaviour(std::string_view json, const Behaviour& before);
/// The same object, with every key.
[[nodiscard]] std::string write_behaviour(const Behaviour& behaviour);

}  // namespace cordon::sim
