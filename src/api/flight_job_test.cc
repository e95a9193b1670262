#include "api/internal/flight_job.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::api::internal {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view kPack = R"(rulepack: mine
version: 1
rules:
  - id: leak.key
    class: data_leakage
    on: [response]
    match: {pattern: 'sk-[a-z]{8}'}
    action: warn
    rationale: A key.
    tests: {match: ['sk-abcdefgh'], pass: ['sk-1']}
)";

class FlightJobTest : public testing::Test {
 protected:
  FlightJobTest() : clock(WallTime(std::chrono::hours(24))) {
    fs::create_directories(dir / "flight");
    fs::create_directories(dir / "vault");
    options.dir = dir / "flight";
    scope.incident = "INC-2026-00001";
    scope.scopes = {*model::Scope::parse("route=support")};
    scope.from = clock.wall();
  }
  ~FlightJobTest() override { fs::remove_all(dir); }

  void capture(store::FlightRecorder& recorder, std::string exchange, std::string route,
               std::string text) {
    replay::CapturedExchange captured;
    captured.exchange = std::move(exchange);
    captured.at = clock.wall();
    captured.route = std::move(route);
    captured.tenant = "acme";
    captured.texts = {{policy::Part::response, std::move(text)}};
    EXPECT_TRUE(recorder.keep(replay::write(captured)).has_value());
  }
  [[nodiscard]] std::vector<std::string> gathered() {
    const auto all = gather(scope, ring(), vault);
    EXPECT_TRUE(all.has_value());
    std::vector<std::string> ids;
    for (const auto& each : *all) ids.push_back(each.exchange);
    return ids;
  }
  [[nodiscard]] store::FlightReader ring() { return {options, key, disk}; }

  fs::path dir =
      fs::temp_directory_path() / fmt::format("cordon-fj-{:016x}", SystemRandom().next());
  store::FlightOptions options;
  crypto::SealKey key{};
  ManualClock clock;
  journal::SystemDisk disk;
  SystemRandom random;
  store::Vault vault{{dir / "vault"}, key, disk, random};
  FlightScope scope;
};

TEST_F(FlightJobTest, GathersWhatIsInScopeAndKeepsWhatWasFrozenWhenTheRingForgets) {
  {
    store::FlightRecorder recorder(options, key, clock, disk, random);
    capture(recorder, "a", "support", "use sk-qwertzui");
    capture(recorder, "b", "billing", "use sk-qwertzui");
    capture(recorder, "c", "support", "nothing");
  }
  EXPECT_EQ(gathered(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(freeze_flight(scope, ring(), vault).value_or(0), 2U);
  fs::remove_all(options.dir);
  fs::create_directories(options.dir);
  clock.advance(1s);
  store::FlightRecorder recorder(options, key, clock, disk, random);
  capture(recorder, "d", "support", "later");
  EXPECT_EQ(gathered(), (std::vector<std::string>{"a", "c", "d"}));
  scope.from = clock.wall();
  EXPECT_EQ(gathered().back(), "d");
}

TEST_F(FlightJobTest, AFrozenFileThatWasChangedIsCorruptAndNotLeftOut) {
  ASSERT_TRUE(vault.put(frozen_name(scope.incident), "not a record\n").has_value());
  EXPECT_EQ(gather(scope, ring(), vault).error().code, Errc::corrupt);
}

TEST_F(FlightJobTest, TakesTextsInWhichARuleOfTheClassFoundSomethingAndThoseNamed) {
  replay::ReplayTest test;
  test.route = "support";
  test.packs = {{"mine", "1", "", std::string(kPack)}};
  const auto pack = policy::Rulepack::parse(kPack, "mine.yaml");
  const std::vector<std::shared_ptr<const policy::Rulepack>> packs{*pack};
  const auto engine = policy::Engine::compile(packs);
  ASSERT_TRUE(engine.has_value());
  std::vector<replay::CapturedExchange> captured;
  for (int i = 0; i < 6; ++i) {
    replay::CapturedExchange one;
    one.exchange = fmt::format("{}", i);
    one.route = i == 5 ? "billing" : "support";
    one.texts = {{policy::Part::response, i == 4 ? "nothing" : "use sk-qwertzui"}};
    captured.push_back(std::move(one));
  }
  EXPECT_EQ(cases_of(captured, test, **engine, {}).size(), kCapturedAlike);
  const auto named = cases_of(captured, test, **engine, {"4"});
  ASSERT_EQ(named.size(), kCapturedAlike + 1);
  EXPECT_EQ(named.back().text, "nothing");
  EXPECT_EQ(named.back().exchange, "4");
  test.incident_class = model::IncidentClass::policy_drift;
  EXPECT_TRUE(cases_of(captured, test, **engine, {}).empty());
}

TEST(CapturedExchange, IsTheSameAfterItWasWrittenAndReadAndRefusesWhatIsNone) {
  replay::CapturedExchange one;
  one.exchange = "x";
  one.at = WallTime(std::chrono::seconds(5));
  one.route = "support";
  one.provider = "vendor";
  one.model = "large";
  one.mode = model::Mode::observe;
  one.texts = {{policy::Part::reasoning, "a \"text\"\n"}, {policy::Part::request, "b"}};
  EXPECT_EQ(*replay::read_captured(replay::write(one)), one);
  for (const char* bytes : {"", "{}", "[]", R"({"exchange":"x"})"}) {
    EXPECT_EQ(replay::read_captured(bytes).error().code, Errc::corrupt) << bytes;
  }
}

}  // namespace
}  // namespace cordon::api::internal
