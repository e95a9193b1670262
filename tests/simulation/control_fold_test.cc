// State is the fold over the journal, whatever was ordered: random commands of every kind, valid
// and not, and after each refusal exactly one entry and nothing else.
#include "tests/simulation/control_world.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;
using containment::Identity;
using containment::Role;

constexpr WallTime kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
constexpr const char* kConfig = R"(
node: node-1
providers:
  - {name: sim, base_url: "http://127.0.0.1:1/v1"}
  - {name: other, base_url: "http://127.0.0.1:2/v1"}
routes:
  - {name: support, targets: [{provider: sim, model: small}],
     fallback: [{provider: other, model: safe}], rulepacks: []}
  - {name: sales, targets: [{provider: other, model: large}], mode: emergency, rulepacks: []}
tenants:
  - {name: acme, routes: ['*'],
     key_sha256: ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']}
flags:
  - {name: agent, enabled: true}
)";

/// What came of one command.
struct Outcome {
  std::string name;
  std::optional<Errc> refused;
};

template <class T>
std::optional<Errc> refusal_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional<Errc>(result.error().code);
}

/// Random commands from a few people, each of whom may or may not be allowed to.
class Orders {
 public:
  Orders(ControlWorld& world, ManualClock& clock, std::uint64_t seed)
      : world_(world), clock_(clock), random_(seed) {}

  void mint_people() {
    people_.push_back(mint("anna", {Role::commander}, {model::ActorKind::service, "cordon"}));
    people_.push_back(
        mint("bob", {Role::approver, Role::responder}, {model::ActorKind::service, "cordon"}));
    people_.push_back(mint("carl", {Role::approver}, {model::ActorKind::person, "anna"}));
  }

  Outcome give() {
    switch (random_.below(15)) {
      case 0:
      case 1:
        return set();
      case 2:
        return renew();
      case 3:
        return release();
      case 4:
        return consent();
      case 5:
        return decline();
      case 6:
        return revoke_generation();
      case 7:
        return mint_token();
      case 8:
        return revoke_token();
      case 9:
        return report();
      case 10:
      case 11:
        return change_key();
      default:
        return command();
    }
  }

  [[nodiscard]] const std::vector<std::string>& secrets() const noexcept { return secrets_; }

  /// One that is in order, to the first generation, whose routes were others.
  [[nodiscard]] Result<api::Ordered<api::Contained>> roll_back_to_the_first() {
    containment::Set set;
    set.id = world_.control().make_id();
    set.measure = model::Measure::rollback;
    set.generation = 1;
    set.reason = "the first was better";
    set.expires_at = clock_.wall() + std::chrono::hours(1);
    set.by = people_.front().actor();
    set.by_token = people_.front().token;
    return world_.run(world_.control().contain(std::move(set)));
  }

 private:
  Identity mint(const std::string& who, containment::Roles roles, model::Actor by) {
    containment::MintToken order{who, roles, std::nullopt, std::move(by)};
    const auto minted = world_.run(world_.control().mint(std::move(order)));
    EXPECT_TRUE(minted) << minted.error().detail;
    return {minted->event.token.id, who, roles};
  }
  template <class T>
  const T& pick(const std::vector<T>& of) {
    return of[random_.below(of.size())];
  }
  std::string reason() {
    return pick<std::string>({"leak", "drill \"q\"", "fixed", "\xc3\xa9", "", "\xff"});
  }
  const Identity& somebody() { return pick(people_); }
  std::optional<WallTime> until() {
    if (random_.below(10) == 0) return std::nullopt;
    return clock_.wall() - 2min + std::chrono::minutes(random_.below(40));
  }
  std::string a_measure() {
    const auto in_force = world_.control().measures().in_force();
    if (in_force.empty() || random_.below(6) == 0) return "nothing-like-it";
    return in_force[random_.below(in_force.size())]->id;
  }
  std::string a_wish() {
    const auto asked = world_.control().approvals().waiting(clock_.wall());
    if (asked.empty() || random_.below(6) == 0) return a_measure();
    return asked[random_.below(asked.size())]->id;
  }
  std::string an_incident() {
    const auto incidents = world_.control().watch().desk().incidents();
    if (incidents.empty() || random_.below(6) == 0) return "INC-2026-99999";
    return incidents[random_.below(incidents.size())]->id;
  }

  Outcome set() {
    containment::Set set;
    set.id = random_.below(30) == 0 ? a_measure() : world_.control().make_id();
    set.measure = static_cast<model::Measure>(random_.below(4));
    set.scope = pick<std::string>({"route=support", "route=sales", "route=suport", "tenant=acme",
                                   "model=small", "provider=other", "flag=agent",
                                   "use_case=anything", "route=*,tenant=acme", "planet=earth"});
    if (set.measure == model::Measure::fallback) {
      set.scope = random_.below(3) == 0 ? "route=sales" : "route=support";
      if (random_.below(3) == 0) set.break_glass = "nothing else answers";
    }
    if (set.measure == model::Measure::mode) set.mode = static_cast<model::Mode>(random_.below(4));
    if (set.measure == model::Measure::rollback) {
      set.scope = "";
      // Only the first generation had other routes.
      set.generation = 1;
      if (random_.below(3) > 0) {
        set.generation = 1 + random_.below(world_.control().generation().number + 2);
      }
    }
    set.reason = reason();
    if (random_.below(4) == 0) set.incident = an_incident();
    set.expires_at = until();
    set.by = somebody().actor();
    set.by_token = token_of(set.by.name);
    const std::string name = "set " + std::string(model::to_string(set.measure));
    return {name, refusal_of(world_.run(world_.control().contain(std::move(set))))};
  }
  std::string token_of(const std::string& person) {
    for (const Identity& each : people_) {
      if (each.person == person) return each.token;
    }
    return "";
  }
  Outcome renew() {
    containment::Renew renew{a_measure(), until(), reason(), somebody().actor()};
    return {"renew", refusal_of(world_.run(world_.control().renew(std::move(renew))))};
  }
  Outcome release() {
    Identity by = somebody();
    return {"release",
            refusal_of(world_.run(world_.control().release(a_measure(), reason(), std::move(by))))};
  }
  Outcome consent() {
    Identity by = somebody();
    return {"consent", refusal_of(world_.run(world_.control().give(a_wish(), std::move(by))))};
  }
  Outcome decline() {
    if (random_.below(3) != 0) return consent();
    return {
        "decline",
        refusal_of(world_.run(world_.control().decline(a_wish(), reason(), somebody().actor())))};
  }
  Outcome revoke_generation() {
    const std::uint64_t newest = world_.control().generation().number;
    const std::uint64_t number = random_.below(8) == 0 ? newest / 2 : newest + 5;
    containment::RevokeGeneration no{number, reason(), somebody().actor()};
    return {"revoke generation",
            refusal_of(world_.run(world_.control().revoke_generation(std::move(no))))};
  }
  Outcome mint_token() {
    containment::Roles roles;
    if (random_.below(3) != 0) roles.add(static_cast<Role>(random_.below(7)));
    containment::MintToken order{pick<std::string>({"dora", "emil", "not a name", ""}), roles,
                                 clock_.wall() + 1h, somebody().actor()};
    auto minted = world_.run(world_.control().mint(std::move(order)));
    if (minted) spare_tokens_.push_back(minted->event.token.id);
    return {"mint", refusal_of(minted)};
  }
  Outcome revoke_token() {
    const std::string id =
        spare_tokens_.empty() || random_.below(3) == 0 ? "no-such-token" : pick(spare_tokens_);
    return {"revoke token",
            refusal_of(world_.run(world_.control().revoke(id, somebody().actor())))};
  }
  Outcome change_key() {
    const std::string id = keys_.empty() || random_.below(5) == 0 ? "no-such-key" : pick(keys_);
    const auto note = [this](const Result<api::KeyChanged>& changed) {
      if (changed && !changed->secret.empty()) {
        keys_.push_back(changed->key.id);
        secrets_.push_back(changed->secret);
      }
      return refusal_of(changed);
    };
    switch (random_.below(4)) {
      case 0: {
        containment::IssueKey issue;
        issue.tenant = pick<std::string>({"acme", "acme", "nobody"});
        issue.name = "batch";
        issue.routes = {pick<std::string>({"support", "*", "suport"})};
        issue.expires_at = until();
        issue.by = somebody().actor();
        return {"issue key", note(world_.run(world_.control().issue_key(std::move(issue))))};
      }
      case 1: {
        containment::RotateKey rotate{id, std::chrono::minutes(random_.below(20)), std::nullopt,
                                      somebody().actor()};
        return {"rotate key", note(world_.run(world_.control().rotate_key(std::move(rotate))))};
      }
      case 2:
        return {"expire key",
                note(world_.run(world_.control().expire_key(
                    id, std::chrono::minutes(random_.below(20)), reason(), somebody().actor())))};
      default:
        return {"revoke key",
                note(world_.run(world_.control().revoke_key(id, reason(), somebody().actor())))};
    }
  }
  Outcome report() {
    if (world_.control().watch().desk().incidents().size() > 40) return set();
    detect::Signal signal;
    signal.source = detect::SignalSource::analyst_review;
    signal.reporter = somebody().actor();
    signal.of_class = static_cast<model::IncidentClass>(random_.below(4));
    signal.scope = *model::Scope::parse(pick<std::string>({"route=support", "tenant=acme"}));
    signal.time = clock_.wall();
    signal.summary = "seen by a person";
    signal.dedupe_key = pick<std::string>({"", "same", "same", "other"});
    return {"report", refusal_of(world_.run(world_.control().report(std::move(signal))))};
  }
  Outcome command() {
    incident::Command command = incident::Note{reason()};
    switch (random_.below(6)) {
      case 0:
        command = incident::Move{static_cast<incident::State>(random_.below(6)), reason()};
        break;
      case 1:
        command = incident::ProposeCommander{pick<std::string>({"anna", "bob", ""})};
        break;
      case 2:
        command = incident::AcceptCommander{};
        break;
      case 3:
        command = incident::ConfirmSeverity{};
        break;
      case 4:
        command = incident::Merge{an_incident(), reason()};
        break;
      default:
        break;
    }
    const std::string name = "incident " + std::string(incident::name_of(command));
    Identity by = somebody();
    return {name, refusal_of(world_.run(
                      world_.control().order(an_incident(), std::move(by), std::move(command))))};
  }

  ControlWorld& world_;
  ManualClock& clock_;
  SeededRandom random_;
  std::vector<Identity> people_;
  std::vector<std::string> spare_tokens_;
  std::vector<std::string> keys_;
  std::vector<std::string> secrets_;
};

std::uint64_t a_seed() {
  const char* given = std::getenv("CORDON_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : SystemRandom().below(1'000'000);
}

/// The rule for what was refused: one entry, of that kind, and the state is as it was.
void expect_one_refusal(ControlWorld& world, std::uint64_t before, const std::string& name) {
  const auto written = world.entries(before);
  ASSERT_EQ(written.size(), 1U) << name;
  const auto entry = model::parse_entry(written.front());
  ASSERT_TRUE(entry) << name;
  EXPECT_EQ(entry->kind, model::EntryKind::refusal) << name << ": " << written.front();
}

void expect_the_same(const std::map<std::string, std::string>& live,
                     const std::map<std::string, std::string>& folded) {
  for (const auto& [key, value] : live) {
    const auto found = folded.find(key);
    ASSERT_NE(found, folded.end()) << key;
    ASSERT_EQ(found->second, value) << key;
  }
  ASSERT_EQ(live.size(), folded.size());
}

TEST(ControlFold, EqualsTheLiveStateAfterTenThousandCommandsAndARefusalLeavesOneEntry) {
  const std::uint64_t seed = a_seed();
  SCOPED_TRACE("CORDON_SEED=" + std::to_string(seed));
  std::printf("CORDON_SEED=%llu\n", static_cast<unsigned long long>(seed));
  ManualClock clock(kStart);
  journal::MemoryDisk disk;
  {
    // Another configuration once, so that there is a generation worth going back to.
    std::string earlier = kConfig;
    earlier.replace(earlier.find("model: small"), 12, "model: early");
    ControlWorld before(disk, clock, seed + 4, earlier);
    ASSERT_FALSE(before.begin().empty());
  }
  ControlWorld world(disk, clock, seed, kConfig);
  ASSERT_TRUE(world.begin().empty());
  Orders orders(world, clock, seed + 1);
  orders.mint_people();
  const auto rolled_back = orders.roll_back_to_the_first();
  ASSERT_TRUE(rolled_back) << rolled_back.error().detail;
  std::map<std::string, std::pair<std::size_t, std::size_t>> counts;  // accepted, refused
  SeededRandom random(seed + 2);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t before = world.durable();
    const bool look = i % 50 == 0;
    const auto known = look ? world.everything() : std::map<std::string, std::string>();
    const Outcome outcome = orders.give();
    auto& count = counts[outcome.name];
    ++(outcome.refused ? count.second : count.first);
    if (outcome.refused) {
      ASSERT_NO_FATAL_FAILURE(expect_one_refusal(world, before, outcome.name));
      if (look) {
        auto after = world.everything();
        after["log"] = known.at("log");  // it holds the refusal
        ASSERT_NO_FATAL_FAILURE(expect_the_same(known, after));
      }
    } else {
      ASSERT_GT(world.durable(), before) << outcome.name;
    }
    ASSERT_EQ(world.gateways().obeyed()->digest, world.control().generation().digest);
    if (random.below(4) == 0) {
      clock.advance(std::chrono::seconds(random.below(120)));
      world.tick();
    }
    if (i % 2'500 != 2'499) continue;
    const auto live = world.everything();
    const auto killed = disk.after_kill();
    ControlWorld again(*killed, clock, seed + 3, kConfig);
    ASSERT_NO_FATAL_FAILURE(expect_the_same(live, again.everything())) << "after " << i;
    const std::uint64_t entries = again.durable();
    EXPECT_TRUE(again.begin().empty());
    EXPECT_EQ(again.durable(), entries) << "a start that changes nothing writes nothing";
    EXPECT_EQ(again.control().generation().digest, world.control().generation().digest);
  }
  ASSERT_FALSE(orders.secrets().empty());
  std::string journal;
  for (const std::string& entry : world.entries(0)) journal += entry;
  for (const std::string& secret : orders.secrets()) {
    ASSERT_EQ(journal.find(secret.substr(20)), journal.npos) << "a key stands in the journal";
  }
  for (const auto& [name, count] : counts) {
    std::printf("%-28s %5zu done %5zu refused\n", name.c_str(), count.first, count.second);
  }
  for (const char* name : {"set switch", "set mode", "set fallback", "set rollback", "renew",
                           "release", "consent", "decline", "revoke generation", "mint",
                           "revoke token", "issue key", "rotate key", "expire key", "revoke key"}) {
    // By chance a rollback hardly ever finds other routes; one was set before all.
    if (std::string_view(name) != "set rollback") {
      EXPECT_GT(counts[name].first, 0U) << name;
    }
    EXPECT_GT(counts[name].second, 0U) << name;
  }
}

}  // namespace
}  // namespace cordon::simulation
