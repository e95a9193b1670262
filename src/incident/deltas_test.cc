#include "incident/deltas.h"

#include <gtest/gtest.h>

namespace cordon::incident {
namespace {

using std::chrono::minutes;

const WallTime kNoon = *parse_rfc3339("2026-01-05T12:00:00Z");

model::EndRecord end_of(model::End how, std::uint64_t us,
                        model::UsageSource usage = model::UsageSource::provider) {
  model::EndRecord end;
  end.end = how;
  end.total_us = us;
  end.tokens_in = 10;
  end.tokens_out = 5;
  end.usage = usage;
  return end;
}

TEST(Deltas, PutEveryExchangeIntoItsSpanAndSayQuantilesWithTheirN) {
  Deltas deltas(kNoon, kNoon + minutes(10));
  for (std::uint64_t i = 1; i <= 100; ++i) {
    deltas.add(end_of(model::End::complete, i * 1000), kNoon - minutes(5));
  }
  deltas.add(end_of(model::End::timeout, 9'000'000), kNoon);
  deltas.add(end_of(model::End::complete, 7'000), kNoon + minutes(9));
  deltas.add(end_of(model::End::refused, 5), kNoon + minutes(10));
  deltas.add(end_of(model::End::complete, 1), kNoon - minutes(61));
  EXPECT_EQ(deltas.of(Span::baseline).exchanges, 100U) << "an hour and no more";
  EXPECT_EQ(deltas.of(Span::incident).exchanges, 2U);
  EXPECT_EQ(deltas.of(Span::after).refused, 1U);
  const auto lines = deltas.lines();
  EXPECT_NE(lines[0].find("n 100, success 100 of 100"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("p50 50.0 ms, p95 95.0 ms"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("success 1 of 2"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("success 0 of 0 tried, 1 refused"), std::string::npos) << lines[2];
}

TEST(Deltas, SayWhatIsNotKnownInsteadOfZero) {
  Deltas deltas(kNoon, std::nullopt);
  deltas.add(end_of(model::End::timeout, 5, model::UsageSource::unknown), kNoon);
  const auto lines = deltas.lines();
  EXPECT_NE(lines[0].find("no_baseline"), std::string::npos);
  EXPECT_NE(lines[1].find("latency unknown"), std::string::npos);
  EXPECT_NE(lines[1].find("1 exchanges told none"), std::string::npos) << lines[1];
  EXPECT_NE(lines[1].find("cost unknown"), std::string::npos);
  EXPECT_NE(lines[2].find("no exchange in scope"), std::string::npos);
}

}  // namespace
}  // namespace cordon::incident
