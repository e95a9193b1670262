// What a policy costs: per whole text, per token of a stream, per open stream, per reload.
#include "policy/engine.h"
#include "policy/internal/database.h"
#include "policy/internal/view_text.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace cordon;
using policy::Part;

std::vector<std::shared_ptr<const policy::Rulepack>> packs() {
  std::vector<std::shared_ptr<const policy::Rulepack>> result;
  for (const auto& pack : policy::builtin_packs()) {
    result.push_back(policy::Rulepack::parse(pack.text, pack.file).value());
  }
  return result;
}

std::vector<policy::NumberedRule> numbered_rules(Part part) {
  static const auto kPacks = packs();
  std::vector<policy::NumberedRule> rules;
  for (const auto& pack : kPacks) {
    for (const policy::Rule& rule : pack->rules) {
      if (!rule.on[static_cast<std::size_t>(part)] || rule.hold_whole) continue;
      rules.push_back({static_cast<std::uint32_t>(rules.size()), &rule});
    }
  }
  return rules;
}

const policy::Engine& engine() {
  static const auto kEngine = policy::Engine::compile(packs()).value();
  return *kEngine;
}

enum Kind : std::int64_t { clean, dirty, mixed, german, chinese };

// Prose: plain English; with four findings; with numbers, joints and a link as people write them;
// in German; in Chinese. Cut at a character.
std::string text_of(std::int64_t kind, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    if (kind == mixed) {
      text +=
          "On 3 May 2024, the well-known team (12 people) shipped v2.1; see "
          "https://example.com/a-b "
          "and the follow-up, e.g. step 4. Nobody had asked for it, and yet it was welcome. ";
    } else if (kind == german) {
      text +=
          "Der Bote kam gegen neun Uhr und \xC3\xBC"
          "bergab das P\xC3\xA4"
          "ckchen dem Nachbarn, "
          "der daf\xC3\xBCr unterschrieb. ";
    } else if (kind == chinese) {
      text +=
          "\xE5\xBF\xAB\xE9\x80\x92\xE5\x91\x98\xE4\xB9\x9D\xE7\x82\xB9\xE6\x9D\xA5\xEF\xBC\x8C"
          "\xE6\x8A\x8A\xE5\x8C\x85\xE8\xA3\xB9\xE4\xBA\xA4\xE7\xBB\x99\xE9\x82\xBB\xE5\xB1\x85"
          "\xE3\x80\x82";
    } else {
      text += "The courier came at nine and left the parcel with a neighbour, who signed for it. ";
      if (kind == dirty && text.size() % 5 == 0) text += "Card 4111 1111 1111 1111, thanks. ";
    }
  }
  while ((static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  return text;
}

const char* name_of(std::int64_t kind) {
  constexpr std::array kNames = {"clean", "dirty", "mixed", "german", "chinese"};
  return kNames[static_cast<std::size_t>(kind)];
}

void scan_whole(benchmark::State& state) {
  const std::string text = text_of(state.range(0), static_cast<std::size_t>(state.range(2)));
  state.SetLabel(name_of(state.range(0)));
  const auto part = state.range(1) == 0 ? Part::request : Part::response;
  benchmark::DoNotOptimize(engine().rule_count());  // compiled before the clock runs
  for (auto _ : state) {
    std::string released;
    benchmark::DoNotOptimize(engine().scan(part, model::Mode::standard, text, &released));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(scan_whole)
    ->ArgNames({"text", "response", "bytes"})
    ->ArgsProduct({{clean, dirty, mixed, german, chinese}, {0, 1}, {2048}})
    ->ArgsProduct({{clean, mixed}, {0}, {65536}});

// The same by parts: what is not Hyperscan over the text as it was written.
void scan_database_once(benchmark::State& state) {
  const std::string text = text_of(state.range(0), static_cast<std::size_t>(state.range(2)));
  state.SetLabel(name_of(state.range(0)));
  const auto part = state.range(1) == 0 ? Part::request : Part::response;
  const auto rules = numbered_rules(part);
  const auto database = policy::Database::compile(rules).value();
  struct Sink final : policy::EndSink {
    std::size_t ends = 0;
    void on_end(std::uint32_t, std::uint64_t) override { ++ends; }
  } sink;
  for (auto _ : state) benchmark::DoNotOptimize(database.scan(text, sink));
}
BENCHMARK(scan_database_once)
    ->ArgNames({"text", "response", "bytes"})
    ->ArgsProduct({{clean, mixed}, {0, 1}, {2048}});

void watch_for_views(benchmark::State& state) {
  const std::string text = text_of(state.range(0), 2048);
  state.SetLabel(name_of(state.range(0)));
  for (auto _ : state) {
    policy::ViewWatch watch(policy::kEveryView);
    watch.look(text, [](const policy::ViewWatch::Start&) {});
    benchmark::DoNotOptimize(watch.unsure());
  }
}
BENCHMARK(watch_for_views)->ArgName("text")->Arg(clean)->Arg(mixed);

// Nanoseconds per token of an answer that streams.
void feed_token(benchmark::State& state) {
  const std::string text = text_of(state.range(1), 2048);
  state.SetLabel(name_of(state.range(1)));
  const auto size = static_cast<std::size_t>(state.range(0));
  auto scanner = engine().open(Part::response, model::Mode::standard);
  std::string released;
  std::size_t at = 0;
  for (auto _ : state) {
    scanner.feed(std::string_view(text).substr(at, size), released);
    at = at + 2 * size < text.size() ? at + size : 0;
    released.clear();
  }
}
BENCHMARK(feed_token)->ArgNames({"bytes", "text"})->ArgsProduct({{6, 40, 64}, {clean, mixed}});

void open_and_close(benchmark::State& state) {
  for (auto _ : state) {
    auto scanner = engine().open(Part::response, model::Mode::standard);
    benchmark::DoNotOptimize(scanner);
  }
}
BENCHMARK(open_and_close);

void parse_and_compile(benchmark::State& state) {
  for (auto _ : state) {
    const auto compiled = policy::Engine::compile(packs());
    benchmark::DoNotOptimize(compiled);
  }
  state.counters["rules"] = static_cast<double>(engine().rule_count());
  state.counters["database_bytes"] = static_cast<double>(engine().database_bytes());
  state.counters["hold_standard"] = engine().hold_bytes(Part::response, model::Mode::standard);
  state.counters["hold_emergency"] = engine().hold_bytes(Part::response, model::Mode::emergency);
}
BENCHMARK(parse_and_compile)->Unit(benchmark::kMillisecond);

// What each rule costs by itself on ordinary prose: the dearest come first.
void print_dearest_rules() {
  constexpr int kRounds = 2000;
  constexpr std::size_t kShown = 12;
  const std::string text = text_of(clean, 2048);
  std::vector<std::pair<double, std::string>> prices;
  for (const auto& pack : packs()) {
    for (const policy::Rule& rule : pack->rules) {
      auto alone = std::make_shared<policy::Rulepack>(*pack);
      alone->rules = {rule};
      const std::vector<std::shared_ptr<const policy::Rulepack>> only = {alone};
      const auto engine_of_one = policy::Engine::compile(only).value();
      const auto part = rule.on[1] ? Part::response : Part::request;
      const std::clock_t begin = std::clock();
      for (int i = 0; i < kRounds; ++i) {
        benchmark::DoNotOptimize(engine_of_one->scan(part, model::Mode::standard, text));
      }
      const double us = 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / kRounds;
      prices.emplace_back(us, rule.id);
    }
  }
  std::sort(prices.rbegin(), prices.rend());
  std::printf("dearest rules, us per 2 KB of prose, each alone:\n");
  for (std::size_t i = 0; i < std::min(kShown, prices.size()); ++i) {
    std::printf("  %6.2f  %s\n", prices[i].first, prices[i].second.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  print_dearest_rules();
  return 0;
}
