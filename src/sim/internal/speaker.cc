#include "sim/internal/speaker.h"

#include "sim/internal/texts.h"
#include "sim/internal/tool_calls.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::sim {
namespace {

constexpr std::size_t kProseCount = 32;
constexpr std::size_t kMetMax = 4096;
constexpr std::size_t kThoughtBytes = 160;
constexpr std::string_view kBeforeTool = "Let me look that up.";

/// Independent numbers for every turn of every seed.
SeededRandom random_of(std::uint64_t seed, std::uint64_t turn) {
  return SeededRandom(SeededRandom(seed).next() ^ (turn * 0xD1B54A32D192ED03U));
}

/// Breaks the frame in the middle.
void spoil(Stream& stream, Shape shape) {
  const std::string_view broken = shape == Shape::openai
                                      ? "data: {\"choices\":[{\n\n"
                                      : "event: content_block_delta\ndata: {\"type\":\n\n";
  const std::size_t middle = stream.ends.size() / 2;
  const std::size_t begin = middle == 0 ? 0 : stream.ends[middle - 1];
  const std::size_t length = stream.ends[middle] - begin;
  stream.bytes.replace(begin, length, broken);
  for (std::size_t i = middle; i < stream.ends.size(); ++i) {
    stream.ends[i] = stream.ends[i] - length + broken.size();
  }
}

/// Whether what was to be said stands in a call's arguments.
bool reached(const std::vector<ToolCall>& calls, std::string_view said) {
  std::string escaped;
  codec::append_json_string(escaped, said);
  return std::any_of(calls.begin(), calls.end(), [&](const ToolCall& call) {
    return call.arguments.find(escaped) != std::string::npos;
  });
}

/// Cuts the text at what the caller allows.
void limit(Reply& reply, std::uint64_t tokens_max) {
  if (count_tokens(reply.text.size()) <= tokens_max) return;
  reply.text.resize(utf8_floor(reply.text, (tokens_max - 1) * 4 + 3));
  reply.ending = Ending::length;
}

}  // namespace

Speaker::Speaker(std::uint64_t seed, std::vector<std::string> leaks, Behaviour behaviour)
    : seed_(seed), leaks_(std::move(leaks)) {
  if (leaks_.empty()) leaks_ = make_leaks(seed, 256);
  set_behaviour(std::move(behaviour));
}

void Speaker::set_behaviour(Behaviour behaviour) {
  behaviour_ = std::move(behaviour);
  drift_turn_ = 0;
  SeededRandom random(seed_);
  prose_.clear();
  for (std::size_t i = 0; i < kProseCount; ++i) {
    prose_.push_back(make_prose(random, behaviour_.answer_bytes));
  }
}

/// Headers win over the marker, because whoever tests the simulator itself sends them.
Result<Directive> Speaker::read_order(Ask& ask, const net::RequestHead& head) {
  CORDON_TRY(Marked marked, split_marker(ask.last_text));
  std::string json(head.header("x-sim"));
  if (json.empty()) json = marked.json;
  Directive directive;
  if (!json.empty()) {
    CORDON_TRY(directive, parse_directive(json));
  }
  ask.last_text = std::move(marked.rest);
  if (const std::string_view name = head.header("x-sim-scenario"); !name.empty()) {
    CORDON_TRY(directive.scenario, parse_scenario(name));
  }
  if (const std::string_view answer = head.header("x-sim-answer"); !answer.empty()) {
    directive.answer = answer;
  }
  if (directive.times > 0) {
    if (met_.size() == kMetMax && !met_.contains(json)) {
      return fail(Errc::exhausted, fmt::format("sim: more than {} orders with times", kMetMax));
    }
    if (met_[json]++ >= directive.times) directive.scenario = Scenario::normal;
  }
  return directive;
}

Result<Scenario> Speaker::choose_scenario(const Ask& ask, const Directive& directive,
                                          std::uint64_t turn) {
  if (directive.scenario) return *directive.scenario;
  if (ask.model.starts_with("sim-")) {
    if (const auto named = parse_scenario(ask.model.substr(4))) return *named;
  }
  std::uint64_t at = random_of(~seed_, turn).below(1000);
  for (std::size_t i = 0; i < kScenarioCount; ++i) {
    if (at < behaviour_.mix[i]) return static_cast<Scenario>(i);
    at -= behaviour_.mix[i];
  }
  return behaviour_.scenario;
}

std::string Speaker::choose_prose(std::uint64_t pick) const {
  return prose_[pick % kProseCount];
}

/// What the scenario puts into the answer, and counts it; empty if nothing.
std::string Speaker::choose_said(Scenario scenario, const Ask& ask, const Directive& directive,
                                 Random& random) {
  if (directive.answer) return *directive.answer;
  switch (scenario) {
    case Scenario::leak:
      if (leak_turn_++ % behaviour_.leak_every != 0) return {};
      return leaks_[random.below(leaks_.size())];
    case Scenario::echo:
      return ask.last_text;
    case Scenario::unsafe:
      ++counts_.unsafe;
      return std::string(pick_unsafe(random));
    case Scenario::policy_drift: {
      const bool drifted = drift_turn_++ >= behaviour_.drift_after;
      if (random.below(100) >= behaviour_.drift_percent) return {};
      ++(drifted ? counts_.claimed : counts_.refused);
      return std::string(drifted ? pick_claim(random) : pick_refusal(random));
    }
    default:
      return behaviour_.answer;
  }
}

void Speaker::fill(Reply& reply, Scenario scenario, const Ask& ask, const Directive& directive) {
  const std::uint64_t pick = directive.seed.value_or(ask.seed.value_or(reply.id));
  SeededRandom random = random_of(seed_, pick);
  const std::string said = choose_said(scenario, ask, directive, random);
  const bool inserted =
      !directive.answer && (scenario == Scenario::leak || scenario == Scenario::unsafe ||
                            scenario == Scenario::policy_drift);
  const bool free = ask.calling == Calling::automatic;
  reply.calls = directive.calls;
  if (reply.calls.empty() && !(directive.answer && free)) {
    reply.calls = choose_calls(ask, random, said);
  }
  if (!reply.calls.empty()) {
    reply.ending = Ending::tool_calls;
    if (ask.shape == Shape::anthropic) reply.text = kBeforeTool;
    if (directive.answer && free) reply.text = *directive.answer;
  } else if (said.empty() && !directive.answer && scenario != Scenario::echo) {
    reply.text = choose_prose(pick);
  } else {
    reply.text = inserted ? insert_sentence(choose_prose(pick), said) : said;
  }
  if (scenario == Scenario::leak && !said.empty() && !directive.answer) {
    if (reply.calls.empty() || reached(reply.calls, said)) ++counts_.leaked;
  }
  const bool exact = directive.answer || (!behaviour_.answer.empty() && reply.text == said);
  if (ask.tokens_max && !exact && reply.calls.empty()) limit(reply, *ask.tokens_max);
  reply.reasoning = directive.reasoning;
  if (reply.reasoning.empty() && ask.thinking) reply.reasoning = make_prose(random, kThoughtBytes);
  counts_.tool_calls += reply.calls.size();
}

Result<Plan> Speaker::plan(Ask& ask, const net::RequestHead& head) {
  const std::uint64_t turn = counts_.completions;
  CORDON_TRY(const Directive directive, read_order(ask, head));
  Plan plan;
  plan.shape = ask.shape;
  plan.purpose = ask.purpose;
  plan.streamed = ask.stream;
  CORDON_TRY(plan.scenario, choose_scenario(ask, directive, turn));
  plan.chunks_per_write = behaviour_.chunks_per_write;
  plan.retry_after = directive.retry_after.value_or(
      std::to_string(directive.retry_after_s.value_or(behaviour_.retry_after_s)));
  plan.first_delay = behaviour_.first_delay;
  plan.chunk_delay = std::chrono::milliseconds(directive.chunk_delay_ms.value_or(
      static_cast<std::uint32_t>(behaviour_.chunk_delay.count())));
  if (plan.scenario == Scenario::slow) {
    auto& delay = plan.streamed ? plan.chunk_delay : plan.first_delay;
    delay = std::max(delay, behaviour_.slow_delay);
  }
  if (plan.scenario == Scenario::late) {
    (plan.streamed ? plan.head_delay : plan.first_delay) = behaviour_.slow_delay;
  }
  Reply reply;
  reply.purpose = ask.purpose;
  reply.inputs = ask.inputs;
  reply.dimensions = ask.dimensions;
  reply.base64 = ask.base64;
  reply.id = turn;
  reply.model = ask.model;
  reply.choices = ask.choices;
  reply.chunk_bytes = directive.chunk_bytes.value_or(behaviour_.chunk_bytes);
  reply.include_usage = ask.include_usage;
  reply.finish = directive.finish;
  const bool speaks = ask.purpose == Purpose::answer || ask.purpose == Purpose::completion ||
                      ask.purpose == Purpose::response;
  if (speaks) fill(reply, plan.scenario, ask, directive);
  std::size_t spoken = count_tokens(reply.text.size());
  for (const ToolCall& call : reply.calls) spoken += count_tokens(call.arguments.size());
  if (!reply.reasoning.empty()) spoken += count_tokens(reply.reasoning.size());
  reply.tokens_in = ask.tokens_in;
  reply.tokens_out = spoken * reply.choices;
  if (plan.streamed) {
    plan.stream = write_stream(ask.shape, reply);
    if (plan.scenario == Scenario::malformed) spoil(plan.stream, ask.shape);
  } else {
    plan.stream.bytes = write_whole(ask.shape, reply);
    if (plan.scenario == Scenario::malformed)
      plan.stream.bytes.resize(plan.stream.bytes.size() / 2);
  }
  return plan;
}

}  // namespace cordon::sim
