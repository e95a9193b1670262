// The story until the leak is cut off; demo_proof.cc has the rest.
#include "cli/internal/demo_story.h"

#include <algorithm>

namespace cordon::cli::internal {

using codec::Json;
using namespace std::chrono_literals;

namespace {

/// From the client that asks to the node that admits it.
constexpr std::chrono::milliseconds kOnItsWay{100};
constexpr std::chrono::milliseconds kPollEvery{100};
constexpr std::chrono::seconds kNoticeWithin{45};
constexpr std::chrono::seconds kCalm{6};
constexpr std::chrono::seconds kUneventful{20};
constexpr std::chrono::seconds kEndWithin{15};

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

double milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

bool is_running(const Sent& sent) {
  return sent.ending == Ending::running;
}

/// Ended by the switch or by a broken connection, not by its own end.
bool was_cut(const Sent& sent) {
  return sent.ending == Ending::killed || sent.ending == Ending::refused ||
         sent.ending == Ending::down;
}

}  // namespace

DemoStory::DemoStory(Session& session, const DemoOptions& options, DemoStage& stage,
                     net::Scope& scope, const std::atomic<bool>& interrupted)
    : session_(session),
      options_(options),
      plan_(plan_of(options.of_class)),
      stage_(stage),
      scope_(scope),
      interrupted_(interrupted),
      begun_(session.environment().clock.mono()),
      summary_{{"seed", options.seed},        {"class", model::to_string(options.of_class)},
               {"leak", options.leak},        {"held", false},
               {"out", options.out.string()}, {"claims", Json::array()}} {}

net::Task<Done> DemoStory::play(std::vector<std::string> leaks) {
  CORDON_CO_CHECK(co_await open(std::move(leaks)));
  if (!options_.leak) {
    CORDON_CO_CHECK(co_await nothing_happens());
    CORDON_CO_CHECK(co_await end_quietly());
    summary_["held"] = true;
    co_return Done{};
  }
  CORDON_CO_CHECK(co_await relax());
  CORDON_CO_CHECK(co_await calm());
  CORDON_CO_CHECK(co_await leak_and_notice());
  CORDON_CO_CHECK(co_await explain());
  CORDON_CO_CHECK(co_await take_command());
  CORDON_CO_CHECK(co_await declare_test());
  CORDON_CO_CHECK(co_await contain());
  CORDON_CO_CHECK(co_await crash());
  CORDON_CO_CHECK(co_await refuse_alone());
  CORDON_CO_CHECK(co_await judge());
  CORDON_CO_CHECK(co_await tell_everybody());
  CORDON_CO_CHECK(co_await refuse_to_close());
  CORDON_CO_CHECK(co_await make_a_test());
  CORDON_CO_CHECK(co_await promote());
  CORDON_CO_CHECK(co_await follow_through());
  CORDON_CO_CHECK(co_await review());
  CORDON_CO_CHECK(co_await freeze());
  CORDON_CO_CHECK(co_await close());
  CORDON_CO_CHECK(co_await report());
  CORDON_CO_CHECK(co_await end_quietly());
  summary_["held"] = true;
  co_return Done{};
}

net::Task<Done> DemoStory::open(std::vector<std::string> leaks) {
  say(fmt::format("{}, seed {}; {} harmful texts; everything goes to {}",
                  model::to_string(options_.of_class), options_.seed, leaks.size(),
                  options_.out.string()));
  CORDON_CO_CHECK(co_await stage_.start_vendors());
  CORDON_CO_CHECK(co_await stage_.start_node());
  control_.emplace(scope_.loop(), stage_.control_port());
  say(fmt::format("node {} is ready: gateway 127.0.0.1:{}, control API 127.0.0.1:{}",
                  stage_.node_pid(), stage_.gateway_port(), stage_.control_port()));

  // The key is noted before anything happens: one that came with the evidence proves nothing.
  std::string method = "GET";
  std::string target = "/api/v1/log/vkey";
  std::string none;
  std::string nothing;
  CORDON_CO_TRY(vkey_, co_await control_->text(std::move(method), std::move(target),
                                               std::move(none), std::move(nothing)));
  CORDON_CO_CHECK(write_file(stage_.out() / "log.vkey", vkey_));
  Json responder = Json::array({"responder", "commander", "auditor", "policy_author"});
  Json approver = Json::array({"approver", "responder"});
  std::string anna = "anna";
  std::string ben = "ben";
  CORDON_CO_CHECK(co_await mint(std::move(anna), std::move(responder), anna_));
  CORDON_CO_CHECK(co_await mint(std::move(ben), std::move(approver), ben_));

  if (plan_.from == HarmFrom::clients) attacks_ = leaks;
  traffic_.emplace(scope_, stage_.gateway_port(), LeakFinder(std::move(leaks)), options_.seed);
  for (const char* tenant : {"acme", "umbrella", "initech"}) {
    traffic_->start({"support", stage_.key_of(tenant), 8, 3});
    traffic_->start({"billing", stage_.key_of(tenant), 4, 1});
  }
  say(fmt::format("{} clients of 3 tenants ask the routes support and billing, streaming and not",
                  traffic_->clients()));
  co_return Done{};
}

net::Task<Done> DemoStory::mint(std::string person, Json roles, std::string& token) {
  Json body = {{"person", person}, {"roles", std::move(roles)}, {"expires_in", "1h"}};
  std::string admin = stage_.admin_token();
  std::string target = "/api/v1/tokens";
  CORDON_CO_TRY(const Json minted,
                co_await control_->post(std::move(admin), std::move(target), std::move(body)));
  token = internal::show(minted, "token");
  say(fmt::format("token {} minted for {}: {}", internal::show(minted, "id"), person,
                  internal::show(minted, "roles")));
  co_return Done{};
}

net::Task<Done> DemoStory::calm() {
  CORDON_CO_CHECK(co_await pause(kCalm));
  std::string target = "/api/v1/traffic?window=60s";
  CORDON_CO_TRY(const Json traffic, co_await get(std::move(target)));
  target = "/api/v1/incidents";
  CORDON_CO_TRY(const Json incidents, co_await get(std::move(target)));
  say(
      fmt::format("all is calm: the node counts {} exchanges and {} errors; the clients saw {} "
                  "whole answers",
                  internal::show(traffic, "exchanges"), internal::show(traffic, "errors"),
                  count([](const Sent& sent) { return sent.ending == Ending::complete; })));
  CORDON_CO_CHECK(claim(incidents["items"].empty(), "no incident is open"));
  co_return Done{};
}

net::Task<Done> DemoStory::leak_and_notice() {
  DemoControl vendor(scope_.loop(), stage_.vendor_port("vendor-large"));
  std::string none;
  std::string target = "/sim/scenario";
  Json harm = {{"scenario", plan_.scenario}, {"drift_after", 0}, {"drift_percent", 100}};
  const MonoTime began = now();
  CORDON_CO_CHECK(co_await vendor.post(std::move(none), std::move(target), std::move(harm)));
  traffic_->attack("support", attacks_);
  say(fmt::format("{}; nobody has told the node", plan_.begins));

  Json items = Json::array();
  while (items.empty()) {
    if (now() - began > kNoticeWithin) {
      co_return claim(
          false, fmt::format("an incident opens by itself within {} s", kNoticeWithin.count()));
    }
    CORDON_CO_CHECK(co_await pause(kPollEvery));
    target = "/api/v1/incidents";
    CORDON_CO_TRY(const Json incidents, co_await get(std::move(target)));
    items = incidents["items"];
  }
  const double took = seconds(now() - began);
  incident_ = internal::show(items.front(), "id");
  summary_["incident"] = incident_;
  summary_["noticed_s"] = took;
  say(fmt::format(
      "{} opened by itself {:.1f} s after it began: {} in {}; by then {} harmful answers had "
      "reached clients",
      incident_, took, internal::show(items.front(), "class"),
      internal::show(items.front(), "scope"), count([](const Sent& sent) { return sent.leaked; })));
  const std::string expected(model::to_string(plan_.of_class));
  CORDON_CO_CHECK(claim(internal::show(items.front(), "class") == expected,
                        "the incident's class is " + expected));
  target = "/api/v1/signals";
  CORDON_CO_TRY(const Json signals, co_await get(std::move(target)));
  for (const Json& signal : signals["items"]) {
    if (internal::show(signal, "incident") != incident_) continue;
    say(fmt::format("  signal of {}: {}", internal::show(signal, "detector"),
                    internal::show(signal, "summary")));
    say(fmt::format("  numbers: {}", internal::show(signal, "numbers")));
  }
  co_return Done{};
}

net::Task<Done> DemoStory::explain() {
  const MonoTime began = now();
  Json explanation;
  std::string severity;
  while (severity != "SEV-1" && now() - began < 10s) {
    CORDON_CO_CHECK(co_await pause(kPollEvery));
    std::string target = incident_path("/severity");
    CORDON_CO_TRY(explanation, co_await get(std::move(target)));
    severity = internal::show(explanation, "severity");
  }
  summary_["severity"] = severity;
  say(fmt::format("severity {}{}, because", severity,
                  internal::show(explanation, "provisional") == "yes" ? " (provisional)" : ""));
  std::size_t fired = 0;
  for (const Json& predicate : explanation["predicates"]) {
    if (internal::show(predicate, "fired") != "yes") continue;
    ++fired;
    say(fmt::format("  {} = {} reaches {} ({}): {}", internal::show(predicate, "name"),
                    internal::show(predicate, "number"), internal::show(predicate, "threshold"),
                    internal::show(predicate, "severity"), internal::show(predicate, "reason")));
  }
  CORDON_CO_CHECK(claim(severity == "SEV-1", "harm reached the clients of three tenants: SEV-1"));
  CORDON_CO_CHECK(claim(fired > 0, "the explanation names a predicate with its number"));
  co_return Done{};
}

net::Task<Done> DemoStory::take_command() {
  Json accept = Json::object();
  std::string target = incident_path("/commander");
  CORDON_CO_TRY(const Json incident, co_await post(std::move(target), std::move(accept)));
  say(fmt::format("commander: {}", internal::show(incident, "commander")));
  std::string to = "active";
  std::string reason = "it was seen by the clients of three tenants";
  CORDON_CO_CHECK(co_await move(std::move(to), std::move(reason)));
  co_return Done{};
}

net::Task<Done> DemoStory::declare_test() {
  Json test = {{"metric", "delivered_hit_rate"},
               {"scope", "route=support"},
               {"comparator", "<"},
               {"value", 0.05},
               {"window", "8s"},
               {"min_samples", 40}};
  std::string target = incident_path("/mitigations");
  CORDON_CO_TRY(const Json declared, co_await post(std::move(target), std::move(test)));
  say(fmt::format("declared before acting: {} of {} below {} over {} exchanges; now {}",
                  internal::show(declared, "metric"), internal::show(declared, "scope"),
                  internal::show(declared, "value"), internal::show(declared, "min_samples"),
                  internal::show(declared, "verdict")));
  CORDON_CO_CHECK(claim(internal::show(declared, "verdict") == "inconclusive",
                        "a test without samples is inconclusive"));
  co_return Done{};
}

net::Task<Done> DemoStory::measure(std::string kind, std::string target, Json body) {
  body["reason"] = plan_.reason;
  body["expires_in"] = "1h";
  body["incident"] = incident_;
  CORDON_CO_TRY(const Json contained, co_await post(std::move(target), std::move(body)));
  const Json& receipt = contained["receipt"];
  say(fmt::format("{} {} in force in generation {}, acknowledged by every node: {}", kind,
                  internal::show(contained, "containment.scope"),
                  internal::show(receipt, "generation"),
                  internal::show(receipt, "partial") == "no" ? "yes" : "no"));
  CORDON_CO_CHECK(claim(internal::show(receipt, "partial") == "no",
                        fmt::format("every node acknowledged the {}", kind)));
  summary_[kind] = contained;
  co_return Done{};
}

net::Task<Done> DemoStory::contain() {
  std::string kind = "fallback";
  std::string target = "/api/v1/fallbacks";
  Json body = {{"route", "support"}};
  CORDON_CO_CHECK(co_await measure(std::move(kind), std::move(target), std::move(body)));
  kind = "mode";
  target = "/api/v1/modes";
  body = {{"scope", "route=support"}, {"mode", "emergency"}};
  CORDON_CO_CHECK(co_await measure(std::move(kind), std::move(target), std::move(body)));
  CORDON_CO_CHECK(co_await cut());
  std::string to = "contained";
  std::string reason = "every node acknowledged the switch and cut what ran";
  CORDON_CO_CHECK(co_await move(std::move(to), std::move(reason)));
  co_return Done{};
}

net::Task<Done> DemoStory::cut() {
  const auto running = [this](std::string_view route) {
    return count([route](const Sent& sent) { return is_running(sent) && sent.route == route; });
  };
  const std::size_t support = running("support");
  const std::size_t billing = running("billing");
  std::string kind = "switch";
  std::string target = "/api/v1/switches";
  Json body = {{"scope", "route=support,model=vendor-large"}};
  const MonoTime sent = now();
  CORDON_CO_CHECK(co_await measure(std::move(kind), std::move(target), std::move(body)));
  const MonoTime acked = now();
  contained_at_ = acked;
  std::string vendor = "vendor-large";
  CORDON_CO_TRY(large_at_cut_, co_await completions_of(std::move(vendor)));
  const Json& contained = summary_["switch"];
  switch_ = internal::show(contained, "containment.id");
  CORDON_CO_CHECK(
      write_file(stage_.out() / "receipt.json", codec::write_json(contained["receipt"]) + "\n"));
  for (const Json& node : contained["receipt"]["nodes"]) {
    say(
        fmt::format("  receipt of {}: {} streams cut, last byte {}, acknowledged {:.0f} ms after "
                    "the order",
                    internal::show(node, "node"), internal::show(node, "streams_cut"),
                    internal::show(node, "last_byte_at"), milliseconds(acked - sent)));
  }
  say(fmt::format("  at the order the clients had {} exchanges running on support, {} on billing",
                  support, billing));
  co_return co_await check_cut(sent, acked);
}

net::Task<Done> DemoStory::check_cut(MonoTime sent, MonoTime acked) {
  std::vector<const Sent*> ours;
  std::vector<const Sent*> bystanders;
  for (const Sent& one : traffic_->sent()) {
    if (one.begun > acked || (!is_running(one) && one.last_byte < sent)) continue;
    (one.route == "support" ? ours : bystanders).push_back(&one);
  }
  const auto still_running = [](const Sent* one) { return is_running(*one); };
  const MonoTime until = now() + kEndWithin;
  while (now() < until && (std::any_of(ours.begin(), ours.end(), still_running) ||
                           std::any_of(bystanders.begin(), bystanders.end(), still_running))) {
    CORDON_CO_CHECK(co_await pause(kPollEvery));
  }
  // One that began with the order may have come too late to be cut: it was refused at the door.
  std::uint64_t cut = 0;
  std::uint64_t at_the_door = 0;
  MonoTime last{};
  for (const Sent* one : ours) {
    if (!was_cut(*one)) continue;
    const bool late = one->ending != Ending::killed && one->begun + kOnItsWay > sent;
    ++(late ? at_the_door : cut);
    last = std::max(last, one->last_byte);
  }
  const auto whole = std::count_if(bystanders.begin(), bystanders.end(),
                                   [](const Sent* one) { return one->ending == Ending::complete; });
  say(
      fmt::format("  the clients saw {} exchanges cut, the last byte {:.0f} ms after the order; {} "
                  "of {} bystanders on billing got their whole answer",
                  cut, milliseconds(last - sent), whole, bystanders.size()));
  const std::uint64_t said = summary_["switch"]["receipt"]["streams_cut"].get<std::uint64_t>();
  summary_["clients"] = {{"cut", cut},
                         {"last_byte_ms", milliseconds(last - sent)},
                         {"acked_ms", milliseconds(acked - sent)},
                         {"bystanders", bystanders.size()}};
  CORDON_CO_CHECK(claim(cut > 0 && said >= cut && said <= cut + at_the_door,
                        "receipt and clients agree on how many streams were cut"));
  CORDON_CO_CHECK(
      claim(!bystanders.empty() && whole == std::ssize(bystanders), "no bystander was touched"));
  co_return Done{};
}

net::Task<Done> DemoStory::nothing_happens() {
  CORDON_CO_CHECK(co_await pause(kUneventful));
  std::string target = "/api/v1/traffic?window=60s";
  CORDON_CO_TRY(const Json traffic, co_await get(std::move(target)));
  target = "/api/v1/incidents";
  CORDON_CO_TRY(const Json incidents, co_await get(std::move(target)));
  target = "/api/v1/signals";
  CORDON_CO_TRY(const Json signals, co_await get(std::move(target)));
  const std::size_t whole = count([](const Sent& s) { return s.ending == Ending::complete; });
  const std::size_t other =
      count([](const Sent& s) { return !is_running(s) && s.ending != Ending::complete; });
  say(fmt::format(
      "the node counts {} exchanges and {} errors; the clients saw {} whole answers "
      "and {} others",
      internal::show(traffic, "exchanges"), internal::show(traffic, "errors"), whole, other));
  CORDON_CO_CHECK(claim(whole > 100 && other == 0, "every client got whole answers"));
  CORDON_CO_CHECK(claim(signals["items"].empty(), "no detector fired"));
  CORDON_CO_CHECK(claim(incidents["items"].empty(), "no incident opened"));
  co_return Done{};
}

}  // namespace cordon::cli::internal
