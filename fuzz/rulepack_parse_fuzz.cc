// Any bytes: a rulepack is read or refused with an error that names the file, and what is read
// can be compiled or is refused by name.
#include "policy/engine.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::policy;
  if (size > 4096) return 0;
  RulepackLimits limits;
  limits.rules_max = 4;
  limits.pattern_bytes_max = 200;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pack = Rulepack::parse(text, "f.yaml", limits);
  if (!pack) {
    if (!pack.error().detail.starts_with("f.yaml:")) std::abort();
    return 0;
  }
  const std::array packs = {*pack};
  const auto engine = Engine::compile(packs);
  if (!engine) {
    if (engine.error().reason.empty()) std::abort();
    return 0;
  }
  std::string released;
  const auto decision =
      (*engine)->scan(Part::request, cordon::model::Mode::emergency, text, &released);
  if (decision.bytes_scanned > size) std::abort();
  return 0;
}
