#include "model/generation.h"

#include <array>

namespace cordon::model {
namespace {

using codec::Json;
using codec::ObjectReader;

/// A key of limits, where it stands, and its bound.
struct UsageLimit {
  std::string_view key;
  std::uint64_t UsageLimits::*member;
  std::uint64_t most;
};
constexpr std::array<UsageLimit, 6> kUsageLimits = {{
    {"requests_per_minute", &UsageLimits::requests_per_minute, kRequestsMax},
    {"tokens_per_minute", &UsageLimits::tokens_per_minute, kTokensMax},
    {"cost_nano_per_minute", &UsageLimits::cost_per_minute, kCostMax},
    {"requests_per_day", &UsageLimits::requests_per_day, kRequestsMax* kPerDayTimes},
    {"tokens_per_day", &UsageLimits::tokens_per_day, kTokensMax* kPerDayTimes},
    {"cost_nano_per_day", &UsageLimits::cost_per_day, kCostMax},
}};

}  // namespace

Json write_usage_limits(const UsageLimits& limits) {
  Json json = Json::object();
  for (const UsageLimit& each : kUsageLimits) {
    if (limits.*each.member > 0) json[std::string(each.key)] = limits.*each.member;
  }
  return json;
}

Result<UsageLimits> read_usage_limits(const Json& value) {
  ObjectReader reader(value, "limits");
  bool fits = true;
  UsageLimits limits;
  for (const UsageLimit& each : kUsageLimits) {
    const std::int64_t limit = reader.integer_or(each.key, 0);
    fits = fits && limit >= 0 && static_cast<std::uint64_t>(limit) <= each.most;
    if (fits) limits.*each.member = static_cast<std::uint64_t>(limit);
  }
  CORDON_CHECK(reader.finish());
  if (!fits) return fail(Errc::invalid, "limits: a number is out of range");
  return limits;
}

}  // namespace cordon::model
