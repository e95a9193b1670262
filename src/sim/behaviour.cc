#include "sim/behaviour.h"

#include "codec/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace cordon::sim {
namespace {

constexpr std::array<std::string_view, kScenarioCount> kScenarios = {
    "normal",    "leak",       "echo",        "unsafe",         "policy_drift",
    "slow",      "stall",      "cut",         "error_401",      "error_429",
    "error_500", "overloaded", "error_frame", "malformed",      "reset",
    "silence",   "late",       "no_terminal", "context_length", "content_filter",
    "prefill"};
constexpr std::size_t kAnswerBytesMax = 1024 * 1024;
constexpr int kMixWhole = 1000;

/// Reads numbers within bounds; remembers the first that was not.
struct Numbers {
  codec::ObjectReader& reader;
  std::optional<Error> problem = {};

  [[nodiscard]] std::uint32_t read(std::string_view key, std::int64_t now, std::int64_t least,
                                   std::int64_t most) {
    const std::int64_t value = reader.integer_or(key, now);
    if (!problem && (value < least || value > most)) {
      problem = Error{Errc::invalid, fmt::format("behaviour: {} is {}, expected {} to {}", key,
                                                 value, least, most)};
    }
    return static_cast<std::uint32_t>(std::clamp(value, least, most));
  }
  [[nodiscard]] std::chrono::milliseconds milliseconds(std::string_view key,
                                                       std::chrono::milliseconds now) {
    return std::chrono::milliseconds(read(key, now.count(), 0, 60'000));
  }
};

Result<std::array<std::uint16_t, kScenarioCount>> parse_mix(const codec::Json& value) {
  std::array<std::uint16_t, kScenarioCount> mix{};
  int sum = 0;
  if (!value.is_object()) return fail(Errc::invalid, "behaviour: mix is no object");
  for (const auto& [name, share] : value.items()) {
    CORDON_TRY(const Scenario scenario, parse_scenario(name));
    if (!share.is_number_integer() || share < 0 || share > kMixWhole) {
      return fail(Errc::invalid,
                  fmt::format("behaviour: mix.{} is no number from 0 to {}", name, kMixWhole));
    }
    const int permille = share.get<int>();
    sum += permille;
    mix[static_cast<std::size_t>(scenario)] = static_cast<std::uint16_t>(permille);
  }
  if (sum > kMixWhole) {
    return fail(Errc::invalid, fmt::format("behaviour: mix adds up to {} of {}", sum, kMixWhole));
  }
  return mix;
}

}  // namespace

std::span<const std::string_view> scenario_names() noexcept {
  return kScenarios;
}

std::string_view to_string(Scenario scenario) noexcept {
  return kScenarios[static_cast<std::size_t>(scenario)];
}

Result<Scenario> parse_scenario(std::string_view text) {
  const auto found = std::find(kScenarios.begin(), kScenarios.end(), text);
  if (found == kScenarios.end()) {
    return fail(Errc::invalid, fmt::format("unknown scenario '{}', expected one of {}",
                                           text.substr(0, 40), fmt::join(kScenarios, ", ")));
  }
  return static_cast<Scenario>(found - kScenarios.begin());
}

Result<Behaviour> parse_behaviour(std::string_view json, const Behaviour& before) {
  constexpr std::int64_t kMany = 1'000'000;
  constexpr std::int64_t kTextMax = 1024 * 1024;
  CORDON_TRY(const codec::Json value, codec::parse_json(json));
  codec::ObjectReader reader(value, "behaviour");
  Behaviour next = before;
  CORDON_TRY(next.scenario,
             parse_scenario(reader.text_or("scenario", std::string(to_string(before.scenario)))));
  if (const codec::Json& mix = reader.any("mix"); !mix.is_null()) {
    CORDON_TRY(next.mix, parse_mix(mix));
  }
  next.answer = reader.text_or("answer", before.answer);
  if (next.answer.size() > kAnswerBytesMax) {
    return fail(Errc::invalid, fmt::format("behaviour: answer passes {} bytes", kAnswerBytesMax));
  }
  Numbers numbers{reader};
  next.leak_every = numbers.read("leak_every", before.leak_every, 1, kMany);
  next.drift_after = numbers.read("drift_after", before.drift_after, 0, kMany);
  next.drift_percent = numbers.read("drift_percent", before.drift_percent, 0, 100);
  next.answer_bytes = numbers.read("answer_bytes", before.answer_bytes, 0, kTextMax);
  next.chunk_bytes = numbers.read("chunk_bytes", before.chunk_bytes, 0, kTextMax);
  next.chunks_per_write = numbers.read("chunks_per_write", before.chunks_per_write, 0, kMany);
  next.retry_after_s = numbers.read("retry_after_s", before.retry_after_s, 0, 86'400);
  next.first_delay = numbers.milliseconds("first_delay_ms", before.first_delay);
  next.chunk_delay = numbers.milliseconds("chunk_delay_ms", before.chunk_delay);
  next.slow_delay = numbers.milliseconds("slow_delay_ms", before.slow_delay);
  CORDON_CHECK(reader.finish());
  if (numbers.problem) return tl::make_unexpected(*std::move(numbers.problem));
  return next;
}

std::string write_behaviour(const Behaviour& behaviour) {
  codec::Json mix = codec::Json::object();
  for (std::size_t i = 0; i < kScenarioCount; ++i) {
    if (behaviour.mix[i] > 0) mix[std::string(kScenarios[i])] = behaviour.mix[i];
  }
  return codec::write_json({{"scenario", to_string(behaviour.scenario)},
                            {"mix", std::move(mix)},
                            {"answer", behaviour.answer},
                            {"leak_every", behaviour.leak_every},
                            {"drift_after", behaviour.drift_after},
                            {"drift_percent", behaviour.drift_percent},
                            {"answer_bytes", behaviour.answer_bytes},
                            {"chunk_bytes", behaviour.chunk_bytes},
                            {"chunks_per_write", behaviour.chunks_per_write},
                            {"retry_after_s", behaviour.retry_after_s},
                            {"first_delay_ms", behaviour.first_delay.count()},
                            {"chunk_delay_ms", behaviour.chunk_delay.count()},
                            {"slow_delay_ms", behaviour.slow_delay.count()}});
}

}  // namespace cordon::sim
