// What a provider writes into Retry-After is a time within a year, or nothing.
#include "gateway/internal/retry_after.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const cordon::WallTime now{std::chrono::hours(24 * 365 * 56)};
  const auto wait = cordon::gateway::parse_retry_after(text, now);
  if (wait && (*wait < std::chrono::milliseconds(0) || *wait > std::chrono::hours(24 * 365))) {
    std::abort();
  }
  return 0;
}
