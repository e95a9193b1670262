// Any JSON is refused as the body of an entry, or reads back as what it says.
#include "containment/generations.h"
#include "containment/receipt.h"
#include "containment/state.h"
#include "containment/tokens.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::containment;
  const auto json = cordon::codec::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  if (const auto event = parse_event(*json)) {
    State state;
    state.evolve(*event);
    if (const auto back = parse_event(to_body(*event)); !back || *back != *event) std::abort();
  }
  if (const auto event = parse_token_event(*json)) {
    Tokens tokens;
    tokens.evolve(*event);
    if (const auto back = parse_token_event(to_body(*event)); !back || *back != *event) {
      std::abort();
    }
  }
  if (const auto receipt = Receipt::from_json(*json)) {
    const auto back = Receipt::from_json(receipt->to_json());
    if (!back || *back != *receipt) std::abort();
  }
  if (const auto generation = cordon::model::Generation::from_json(*json)) {
    const auto back = cordon::model::Generation::from_json(generation->to_json());
    if (!back || *back != *generation) std::abort();
  }
  return 0;
}
