// A text, cut anywhere: the same decision, the same released bytes, and at every moment only what
// the whole text would have released. The first bytes choose mode, part and cuts.
#include "policy/engine.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace cordon::policy;
using cordon::model::Mode;

// Small alphabets and overlapping rules, so that a fuzzer meets every kind of match.
constexpr std::string_view kPack = R"(
rulepack: fuzz
version: '1'
rules:
  - id: card
    class: data_leakage
    on: [response]
    match: {pattern: '\b\d(?:[ -]?\d){12,18}\b', validate: luhn}
    action: redact
    rationale: r
    tests: {match: ['4111 1111 1111 1111'], pass: ['4111 1111 1111 1112']}
  - id: overlap
    class: data_leakage
    on: [response, request]
    match: {pattern: '(?<!x)a{2,5}b?(?!c)', tail: '[a-z]'}
    action: redact
    rationale: r
    tests: {match: ['aaa'], pass: ['xa']}
  - id: stop
    class: data_leakage
    on: [response, reasoning]
    match: {pattern: '(?i)\bstop[ ]{1,3}now\b'}
    action: block
    rationale: r
    tests: {match: ['STOP now'], pass: ['stopnow']}
  - id: bytes
    class: data_leakage
    on: [response]
    match: {pattern: 'k=[^ ]{1,4}'}
    action: redact
    rationale: r
    tests: {match: ['k=ab'], pass: ['k= ']}
  - id: watch
    class: data_leakage
    on: [response, request, reasoning]
    state: shadow
    match: {pattern: 'b[a-z]{0,40}c'}
    action: block
    rationale: r
    tests: {match: ['bc'], pass: ['cb']}
  - id: words
    class: data_leakage
    on: [response]
    match: {dictionary: [aab, aa, falcon]}
    action: warn
    rationale: r
    tests: {match: ['a aa a'], pass: ['baa']}
  - id: dressed
    class: prompt_injection_bypass
    on: [response, request]
    match: {pattern: '(?<!x)fr?ee(?!y)'}
    action: redact
    rationale: r
    tests: {match: [free], pass: [freey]}
  - id: only
    class: unsafe_output
    on: [response, tool_arguments]
    views: [squeezed, skeleton]
    match: {pattern: 'b[a-z ]{1,3}d'}
    action: redact
    emergency: redact
    rationale: r
    tests: {match: [b-a-d-n-o-w], pass: [bd]}
  - id: whole
    class: data_leakage
    on: [reasoning]
    match: {pattern: '(?s)begin.*end'}
    hold: whole
    action: redact
    rationale: r
    tests: {match: ['begin end'], pass: ['end']}
)";

const Engine& engine() {
  static const std::shared_ptr<const Engine> kEngine = [] {
    Limits limits;
    limits.findings_kept_max = 6;
    limits.held_bytes_max = 300;
    const auto pack = Rulepack::parse(kPack, "fuzz.yaml");
    if (!pack) std::abort();
    const std::array packs = {*pack};
    auto compiled = Engine::compile(packs, limits);
    if (!compiled) std::abort();
    return *std::move(compiled);
  }();
  return *kEngine;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 2048) return 0;
  const auto mode = static_cast<Mode>(data[0] % 4);
  const auto part = static_cast<Part>(data[0] / 4 % kPartCount);
  const std::size_t stride = data[1];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);

  std::string expected;
  const Decision decision = engine().scan(part, mode, text, &expected);

  std::string released;
  auto scanner = engine().open(part, mode);
  std::size_t piece = stride % 7 + 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.size(), at + piece);
    scanner.feed(text.substr(at, end - at), released);
    if (!expected.starts_with(released)) std::abort();
    piece = (piece * 31 + stride) % 17 + 1;
    at = end;
  }
  scanner.finish(released);
  if (released != expected || !(scanner.decision() == decision)) std::abort();
  return 0;
}
