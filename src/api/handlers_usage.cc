// Handler of what tenants, keys, routes and targets have used.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "detect/usage.h"
#include "model/prices.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;

namespace {

constexpr std::size_t kGroupsMax = 10'000;

Json show_sums(const detect::UsageSums& sums) {
  Json cost = Json::object();
  for (const auto& [currency, nano] : sums.cost) cost[currency] = model::format_nano(nano);
  return {{"requests", sums.requests},     {"blocked", sums.blocked},
          {"tokens_in", sums.tokens_in},   {"tokens_cached", sums.tokens_cached},
          {"tokens_out", sums.tokens_out}, {"cost", std::move(cost)},
          {"exact", sums.exact},           {"estimated", sums.estimated},
          {"unknown", sums.unknown},       {"unpriced", sums.unpriced}};
}

/// `24h`, or an RFC 3339 time.
Result<WallTime> read_since(const std::string& text, WallTime now) {
  if (const auto length = parse_duration(text)) {
    const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    return now - std::min(*length, most);
  }
  if (const auto time = parse_rfc3339(text)) return *time;
  return fail(Errc::invalid,
              fmt::format("since: found '{}', expected a time like 24h or 2026-01-05T10:12:03Z",
                          text.substr(0, 40)));
}

}  // namespace

net::Task<Result<Reply>> handle_usage(ControlPlane& control, const Call& call) {
  std::string since = "24h";
  std::string by = "tenant";
  for (const auto& [key, value] : call.query) {
    if (key != "since" && key != "by") {
      co_return fail(Errc::invalid,
                     fmt::format("unknown query key '{}', expected since, by", key.substr(0, 40)));
    }
    (key == "since" ? since : by) = value;
  }
  const auto from = read_since(since, control.now());
  if (!from) co_return tl::make_unexpected(from.error());
  const auto grouped = detect::parse_usage_by(by);
  if (!grouped) {
    co_return fail(Errc::invalid, "by: " + grouped.error().detail);
  }
  const detect::UsageReport report = control.usage().report(*from, *grouped);
  Json items = Json::array();
  std::size_t left_out = 0;
  for (const auto& [name, sums] : report.groups) {
    if (items.size() >= kGroupsMax) {
      ++left_out;
      continue;
    }
    Json item = show_sums(sums);
    item["name"] = name;
    items.push_back(std::move(item));
  }
  Json json = {{"by", by},
               {"from", format_rfc3339(report.from)},
               {"whole", report.whole},
               {"items", std::move(items)},
               {"total", show_sums(report.all)}};
  if (left_out > 0) json["left_out"] = left_out;
  co_return Reply{200, std::move(json), {}};
}

}  // namespace cordon::api
