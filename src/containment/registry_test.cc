#include "containment/registry.h"

#include "base/random.h"
#include "containment/generations.h"
#include "containment/receipt.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace cordon::containment {
namespace {

using namespace std::chrono_literals;
using model::Measure;

std::shared_ptr<const Effective> with(std::uint64_t number, std::vector<std::string> off) {
  model::Generation generation;
  generation.number = number;
  for (const char* name : {"r0", "r1", "r2", "r3"}) {
    generation.routes.push_back({name, {{"sim", "small"}, {"big", "large"}}, {}, {}, {}, {}});
  }
  generation.tenants = {{"acme", {}, {"*"}}};
  for (const std::string& scope : off) {
    generation.measures.push_back(
        {"s-" + scope, Measure::kill_switch, model::Scope::parse(scope).value(), {}});
  }
  return std::make_shared<const Effective>(seal(std::move(generation)));
}

struct Heard final : SweepListener {
  void swept(const Sweep& sweep) noexcept override { sweeps.push_back(sweep); }
  std::vector<Sweep> sweeps;
};

/// A stream that remembers being cut and ends when told to, or at once.
struct Stream final : InFlight {
  Stream(std::string_view route, Registry& registry) : registry_(registry) {
    place.route = route;
    place.tenant = "acme";
  }
  CutResult cut(const Forbidden& why) override {
    cut_by = std::string(why.measure_id);
    ++cuts;
    if (victim != nullptr) registry_.remove(*victim);
    if (ending) stays_whole();
    if (at_once) end(WallTime{1s});
    return ending ? CutResult::was_ending : CutResult::cut;
  }
  void end(std::optional<WallTime> last_byte) {
    if (last_byte) wrote_last_byte(*last_byte);
    registry_.remove(*this);
  }
  bool at_once = false;
  bool ending = false;
  InFlight* victim = nullptr;  ///< another that ends because this one is cut
  std::string cut_by;
  int cuts = 0;

 private:
  Registry& registry_;
};

// Its client gets the whole answer, so no receipt may say that it was cut; but it is waited for.
TEST(Registry, WaitsForWhatWasEndingByItselfAndDoesNotCountIt) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  Stream running("r1", registry);
  Stream ending("r1", registry);
  ending.ending = true;
  ASSERT_FALSE(registry.add(running));
  ASSERT_FALSE(registry.add(ending));
  Stream torn("r1", registry);
  torn.ending = true;
  ASSERT_FALSE(registry.add(torn));
  EXPECT_EQ(registry.sweep(with(2, {"route=r1"})), 1U);
  running.end(WallTime{1s});
  torn.was_torn();
  torn.end(WallTime{1s});
  EXPECT_TRUE(heard.sweeps.empty());
  ending.end(WallTime{2s});
  ASSERT_EQ(heard.sweeps.size(), 1U);
  EXPECT_EQ(heard.sweeps[0].streams_cut, 2U);
  EXPECT_EQ(heard.sweeps[0].last_byte_at, WallTime{2s});
}

TEST(Registry, CutsWhatTheNewGenerationForbidsAndNothingElse) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 100; ++i) {
    static constexpr std::string_view kRoutes[] = {"r0", "r1", "r2", "r3"};
    streams.push_back(std::make_unique<Stream>(kRoutes[i % 4], registry));
    ASSERT_FALSE(registry.add(*streams.back()));
  }
  EXPECT_EQ(registry.sweep(with(2, {"route=r1"})), 25U);
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->cut_by, stream->place.route == "r1" ? "s-route=r1" : "");
  }
  EXPECT_TRUE(heard.sweeps.empty()) << "not acknowledged before the last one ended";
  for (std::size_t i = 1; i < streams.size(); i += 4) {
    EXPECT_TRUE(heard.sweeps.empty());
    streams[i]->end(WallTime{std::chrono::seconds(1000 - i)});
  }
  ASSERT_EQ(heard.sweeps.size(), 1U);
  EXPECT_EQ(heard.sweeps[0].generation, 2U);
  EXPECT_EQ(heard.sweeps[0].streams_cut, 25U);
  EXPECT_EQ(heard.sweeps[0].last_byte_at, WallTime{999s}) << "the latest, not the last to report";
  EXPECT_EQ(registry.size(), 75U);
}

TEST(Registry, AcknowledgesAtOnceWhenThereIsNothingToCut) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  EXPECT_EQ(registry.sweep(with(2, {"route=r1"})), 0U);
  ASSERT_EQ(heard.sweeps.size(), 1U);
  EXPECT_EQ(heard.sweeps[0].streams_cut, 0U);
  EXPECT_FALSE(heard.sweeps[0].last_byte_at) << "unknown is not zero";
}

TEST(Registry, RefusesWhatBecameForbiddenSinceItsRuling) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  Stream stream("r1", registry);
  const auto before = registry.effective();
  EXPECT_EQ(before->rule(stream.place).admission, Admission::admitted);
  registry.sweep(with(2, {"route=r1"}));
  EXPECT_EQ(registry.add(stream)->measure_id, "s-route=r1");
  EXPECT_FALSE(stream.is_registered());
}

// Between a ruling and the choice of a target a switch on that target may have come.
TEST(Registry, RefusesATargetThatBecameForbidden) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  Stream stream("r1", registry);
  ASSERT_FALSE(registry.add(stream));
  EXPECT_EQ(registry.sweep(with(2, {"provider=sim"})), 0U) << "it has no target yet";
  const model::Target sim{"sim", "small"};
  const model::Target big{"big", "large"};
  EXPECT_EQ(registry.choose(stream, sim)->measure_id, "s-provider=sim");
  EXPECT_TRUE(stream.place.provider.empty());
  EXPECT_FALSE(registry.choose(stream, big));
  EXPECT_EQ(registry.sweep(with(3, {"provider=sim", "model=large"})), 1U);
}

TEST(Registry, CutsAnExchangeOnceAndLaterSweepsWaitForIt) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  Stream stream("r1", registry);
  ASSERT_FALSE(registry.add(stream));
  EXPECT_EQ(registry.sweep(with(2, {"route=r1"})), 1U);
  EXPECT_EQ(registry.sweep(with(3, {"route=r1", "tenant=acme"})), 0U);
  EXPECT_EQ(stream.cuts, 1);
  EXPECT_TRUE(heard.sweeps.empty());
  stream.end(WallTime{5s});
  ASSERT_EQ(heard.sweeps.size(), 2U);
  EXPECT_EQ(heard.sweeps[0].generation, 2U);
  EXPECT_EQ(heard.sweeps[1].generation, 3U);
  EXPECT_EQ(heard.sweeps[1].streams_cut, 0U);
}

TEST(Registry, LetsExchangesEndInsideTheirCutAndWhenDestroyed) {
  Heard heard;
  Registry registry(with(1, {}), heard);
  Stream first("r1", registry);
  Stream second("r1", registry);
  auto third = std::make_unique<Stream>("r1", registry);
  for (Stream* each : {&first, &second, third.get()}) ASSERT_FALSE(registry.add(*each));
  first.at_once = true;
  second.at_once = true;
  EXPECT_EQ(registry.sweep(with(2, {"route=r1"})), 3U);
  EXPECT_TRUE(heard.sweeps.empty());
  third.reset();
  ASSERT_EQ(heard.sweeps.size(), 1U);
  EXPECT_EQ(heard.sweeps[0].streams_cut, 3U);
  EXPECT_EQ(heard.sweeps[0].last_byte_at, WallTime{1s});
  EXPECT_EQ(registry.size(), 0U);
}

// Cutting one may end its neighbour, which is the next to be looked at.
TEST(Registry, SurvivesACutThatEndsAnother) {
  for (int victim = 0; victim < 5; ++victim) {
    for (int killer = 0; killer < 5; ++killer) {
      Heard heard;
      Registry registry(with(1, {}), heard);
      std::vector<std::unique_ptr<Stream>> streams;
      for (int i = 0; i < 5; ++i) {
        streams.push_back(std::make_unique<Stream>("r1", registry));
        streams.back()->at_once = true;
        ASSERT_FALSE(registry.add(*streams.back()));
      }
      streams[static_cast<std::size_t>(killer)]->victim =
          streams[static_cast<std::size_t>(victim)].get();
      registry.sweep(with(2, {"route=r1"}));
      EXPECT_EQ(registry.size(), 0U);
      EXPECT_EQ(heard.sweeps.size(), 1U);
    }
  }
}

// Whatever comes and goes between sweeps, each sweep is reported once, in order, and none while
// something it cut still runs.
TEST(Registry, ReportsEverySweepOnceAndInOrderUnderRandomTraffic) {
  SeededRandom random(9);
  Heard heard;
  Registry registry(with(0, {}), heard);
  std::vector<std::unique_ptr<Stream>> streams;
  static constexpr std::string_view kRoutes[] = {"r0", "r1", "r2", "r3"};
  std::uint64_t generation = 0;
  std::uint64_t cut = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (random.below(8)) {
      case 0: {
        const std::string route(kRoutes[random.below(4)]);
        cut += registry.sweep(with(++generation, {"route=" + route}));
        break;
      }
      case 1:
      case 2:
      case 3:
        if (!streams.empty()) {
          const std::size_t i = random.below(streams.size());
          std::swap(streams[i], streams.back());
          if (random.below(2) == 0) streams.back()->end(WallTime{1s});
          streams.pop_back();
        }
        break;
      default: {
        auto stream = std::make_unique<Stream>(kRoutes[random.below(4)], registry);
        stream->at_once = random.below(4) == 0;
        if (!registry.add(*stream)) streams.push_back(std::move(stream));
      }
    }
  }
  streams.clear();
  ASSERT_EQ(heard.sweeps.size(), generation);
  std::uint64_t reported = 0;
  for (std::size_t i = 0; i < heard.sweeps.size(); ++i) {
    EXPECT_EQ(heard.sweeps[i].generation, i + 1);
    reported += heard.sweeps[i].streams_cut;
  }
  EXPECT_EQ(reported, cut);
  EXPECT_GT(cut, 500U);
  EXPECT_EQ(registry.size(), 0U);
}

TEST(Receipt, ReadsBackWhatItWroteAndSaysWhenItIsPartial) {
  Receipt receipt{"s1", 7, {{"node-1", true, 4, 12, WallTime{5s}, WallTime{6s}}}};
  EXPECT_FALSE(receipt.partial());
  EXPECT_EQ(Receipt::from_json(receipt.to_json()).value(), receipt);
  EXPECT_EQ(codec::write_json(receipt.to_json()),
            R"({"containment":"s1","generation":7,"partial":false,"streams_cut":12,"nodes":[)"
            R"({"node":"node-1","acked":true,"threads":4,"streams_cut":12,)"
            R"("last_byte_at":"1970-01-01T00:00:05.000000000Z",)"
            R"("acked_at":"1970-01-01T00:00:06.000000000Z"}]})");
  receipt.nodes.push_back({"node-2", false, 0, 0, {}, {}});
  EXPECT_TRUE(receipt.partial());
  EXPECT_EQ(Receipt::from_json(receipt.to_json()).value(), receipt);
  EXPECT_TRUE((Receipt{"s1", 7, {}}.partial())) << "nobody was asked";
}

TEST(Receipt, IsRefusedWhenItContradictsItself) {
  const Receipt receipt{"s1", 7, {{"node-1", false, 0, 0, {}, {}}}};
  codec::Json whole = receipt.to_json();
  whole["partial"] = false;
  EXPECT_FALSE(Receipt::from_json(whole));
  whole = receipt.to_json();
  whole["streams_cut"] = 1;
  EXPECT_FALSE(Receipt::from_json(whole));
  whole = receipt.to_json();
  whole["nodes"][0]["streams_cut"] = 0;
  whole["nodes"][0]["threads"] = 2;
  EXPECT_FALSE(Receipt::from_json(whole)) << "no numbers from a node that did not answer";
  const codec::Json good = receipt.to_json();
  for (const auto& [key, ignored] : good.items()) {
    codec::Json less = good;
    less.erase(key);
    EXPECT_FALSE(Receipt::from_json(less)) << key;
  }
}

}  // namespace
}  // namespace cordon::containment
