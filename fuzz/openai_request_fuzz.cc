// Requests from a hostile caller; the claims are in request_claims.h.
#include "request_claims.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  cordon::fuzz::check_requests(cordon::model::Dialect::openai, body);
  return 0;
}
