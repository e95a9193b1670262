// The configuration, read again: whole or not at all, with every measure still in force, and two
// people where it protects less.
#include "journal/memory_disk.h"
#include "tests/simulation/control_world.h"

#include <gtest/gtest.h>

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;
using containment::Role;

constexpr WallTime kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

std::string config(std::string_view mode = "emergency", std::string_view more = "") {
  return "providers: [{name: sim, base_url: 'http://127.0.0.1:1/v1'}]\n"
         "routes: [{name: support, targets: [{provider: sim, model: m}], rulepacks: [], mode: " +
         std::string(mode) + "}]\n" + std::string(more);
}
std::string with_flag() {
  return config("emergency", "flags: [{name: agent}]\n");
}

/// A world that has begun, and two people of it.
class ControlReload : public ::testing::Test {
 protected:
  ControlReload() : clock_(kStart) {
    open(1, config());
    EXPECT_FALSE(world_->begin().empty());
    anna_ = mint("anna", {Role::admin});
    bob_ = mint("bob", {Role::approver});
  }

  void open(std::uint64_t seed, std::string text) {
    world_.reset();  // the journal has one owner at a time
    world_ = std::make_unique<ControlWorld>(disk_, clock_, seed, std::move(text));
  }
  containment::Identity mint(const std::string& person, containment::Roles roles) {
    containment::MintToken order{
        person, roles, clock_.wall() + 24h, {model::ActorKind::service, "cordon"}};
    const auto minted = world_->run(world_->control().mint(std::move(order)));
    EXPECT_TRUE(minted) << minted.error().detail;
    return {minted->event.token.id, person, roles};
  }
  Result<api::ReloadAnswer> reload() {
    api::ReloadOrder order;
    order.by = anna_.actor();
    order.token = anna_.token;
    order.reason = "test";
    return world_->run(world_->control().reload(std::move(order)));
  }
  Result<api::Given> give(const api::ReloadAnswer& waiting) {
    return world_->run(world_->control().give(waiting.asked->id, bob_));
  }
  std::vector<model::EntryKind> kinds_since(std::uint64_t from) {
    std::vector<model::EntryKind> kinds;
    for (const std::string& bytes : world_->entries(from))
      kinds.push_back(*model::peek_kind(bytes));
    return kinds;
  }
  model::Mode mode() { return world_->gateways().obeyed()->routes.at(0).mode; }

  ManualClock clock_;
  journal::MemoryDisk disk_;
  std::unique_ptr<ControlWorld> world_;
  containment::Identity anna_;
  containment::Identity bob_;
};

TEST_F(ControlReload, IsObeyedAndWrittenDown) {
  world_->source().write(with_flag());
  const std::uint64_t before = world_->durable();
  const std::uint64_t number = world_->gateways().obeyed()->number;
  const auto done = reload();
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->changed, std::vector<std::string>{"flag agent is new"});
  EXPECT_EQ(world_->gateways().obeyed()->number, number + 1);
  EXPECT_EQ(world_->gateways().obeyed()->flags.size(), 1U);
  using model::EntryKind;
  EXPECT_EQ(kinds_since(before), (std::vector{EntryKind::config_change,
                                              EntryKind::generation_change, EntryKind::receipt}));
  const auto entry = *model::parse_entry(world_->entries(before).at(0));
  EXPECT_EQ(entry.body.value("digest", ""), done->digest);
  EXPECT_EQ(entry.body.value("actor", ""), "person:anna");
  ASSERT_TRUE(done->receipt);
  EXPECT_FALSE(done->receipt->partial());
  EXPECT_EQ(done->receipt->containment, entry.id);
}

TEST_F(ControlReload, KeepsTheKeysThatWereIssuedEvenOfATenantThatItTakesAway) {
  const std::string tenant = "tenants: [{name: acme, routes: ['*']}]\n";
  world_->source().write(config("emergency", tenant));
  ASSERT_TRUE(reload());
  containment::IssueKey issue{"acme", "batch", {"support"}, std::nullopt, anna_.actor()};
  const auto issued = world_->run(world_->control().issue_key(std::move(issue)));
  ASSERT_TRUE(issued) << issued.error().detail;
  EXPECT_FALSE(issued->receipt.partial());
  const auto obeyed = [this] { return world_->gateways().obeyed()->keys; };
  ASSERT_EQ(obeyed().size(), 1U);
  EXPECT_EQ(obeyed()[0].id, issued->key.id);
  world_->source().write(config("emergency", tenant + "flags: [{name: agent}]\n"));
  ASSERT_TRUE(reload());
  EXPECT_EQ(obeyed().size(), 1U);
  EXPECT_EQ(world_->gateways().obeyed()->flags.size(), 1U);
  // Without its tenant it is nobody's, and not revoked: what runs by it may end.
  world_->source().write(with_flag());
  ASSERT_TRUE(reload());
  EXPECT_EQ(obeyed().size(), 1U);
  const auto revoked =
      world_->run(world_->control().revoke_key(issued->key.id, "leaked", anna_.actor()));
  ASSERT_TRUE(revoked) << revoked.error().detail;
  EXPECT_TRUE(obeyed().empty());
  EXPECT_EQ(world_->gateways().obeyed()->flags.size(), 1U) << "what was read again stays";
}

TEST_F(ControlReload, OfTheSameFileIsNoChange) {
  const std::uint64_t before = world_->durable();
  const auto done = reload();
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_TRUE(done->changed.empty());
  EXPECT_FALSE(done->receipt);
  EXPECT_EQ(world_->durable(), before);
}

TEST_F(ControlReload, OfABrokenFileLeavesTheLastGoodOneInForce) {
  const auto obeyed = world_->gateways().obeyed();
  const std::pair<std::string, const char*> cases[] = {
      {"routes: [{name: support, modes: emergency}]\n", "test.yaml:1:"},
      {config("strict"), "found 'strict'"},
      {config("emergency", "threads: 3\n"), "threads cannot change while the node runs"},
      {"routes: [", "test.yaml:"},
  };
  for (const auto& [text, words] : cases) {
    world_->source().write(text);
    const std::uint64_t before = world_->durable();
    const auto refused = reload();
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().detail.find(words), std::string::npos) << refused.error().detail;
    EXPECT_EQ(world_->gateways().obeyed(), obeyed);
    ASSERT_EQ(kinds_since(before), std::vector{model::EntryKind::refusal});
    const auto entry = *model::parse_entry(world_->entries(before).at(0));
    EXPECT_EQ(entry.body.value("command", ""), "reload_config");
    EXPECT_EQ(entry.body.value("reason", ""), refused.error().detail);
  }
  world_->source().write(with_flag());
  EXPECT_TRUE(reload());
}

TEST_F(ControlReload, KeepsMeasuresInForce) {
  containment::Set set;
  set.id = world_->control().make_id();
  set.scope = "route=support";
  set.reason = "test";
  set.by = anna_.actor();
  set.by_token = anna_.token;
  set.expires_at = clock_.wall() + 1h;
  ASSERT_TRUE(world_->run(world_->control().contain(set)));
  world_->source().write(with_flag());
  ASSERT_TRUE(reload());
  ASSERT_EQ(world_->gateways().obeyed()->measures.size(), 1U);
  EXPECT_EQ(world_->gateways().obeyed()->measures[0].id, set.id);
  // What the measures are put on afterwards is the new configuration.
  set.id = world_->control().make_id();
  set.scope = "flag=agent";
  ASSERT_TRUE(world_->run(world_->control().contain(set)));
  EXPECT_EQ(world_->gateways().obeyed()->measures.size(), 2U);
  EXPECT_EQ(world_->gateways().obeyed()->flags.size(), 1U);
}

TEST_F(ControlReload, ThatProtectsLessTakesASecondPersonForThatVeryFile) {
  world_->source().write(config("standard"));
  const auto waiting = reload();
  ASSERT_TRUE(waiting) << waiting.error().detail;
  ASSERT_TRUE(waiting->asked);
  EXPECT_EQ(waiting->asked->act, containment::Act::reload);
  EXPECT_EQ(waiting->weaker.size(), 1U);
  EXPECT_EQ(mode(), model::Mode::emergency);
  const auto again = reload();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);

  world_->source().write(config("observe"));
  const auto other = give(*waiting);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().detail.find("another than the one"), std::string::npos);
  EXPECT_EQ(mode(), model::Mode::emergency);

  world_->source().write(config("standard"));
  const std::uint64_t before = world_->durable();
  const auto given = give(*waiting);
  ASSERT_TRUE(given) << given.error().detail;
  EXPECT_EQ(mode(), model::Mode::standard);
  const auto entry = *model::parse_entry(world_->entries(before).at(0));
  EXPECT_EQ(entry.body.value("approved_by", ""), "person:bob");
  EXPECT_TRUE(world_->control().approvals().waiting(clock_.wall()).empty());
  EXPECT_FALSE(give(*waiting));
}

TEST_F(ControlReload, ThatProtectsLessIsRefusedToASignal) {
  world_->source().write(config("standard"));
  api::ReloadOrder order;
  order.by = {model::ActorKind::service, "sighup"};
  const auto refused = world_->run(world_->control().reload(std::move(order)));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("cordon config reload"), std::string::npos);
  EXPECT_EQ(mode(), model::Mode::emergency);
  order.by = {model::ActorKind::service, "sighup"};
  world_->source().write(with_flag());
  EXPECT_TRUE(world_->run(world_->control().reload(std::move(order))));
}

// A class that no rule sees any more is unknown, and never zero.
TEST_F(ControlReload, PutsANewRulepackInForceAndKnowsWhichClassesAreSeen) {
  world_->source().add_pack(R"(rulepack: words
version: 1.0.0
rules:
  - id: words.bad
    class: unsafe_output
    on: [response]
    match: {pattern: 'bad-word'}
    action: block
    rationale: A word.
    tests: {match: ['a bad-word'], pass: ['a word']}
)");
  const std::string with_pack =
      "rulepacks: {files: [words.yaml]}\n"
      "providers: [{name: sim, base_url: 'http://127.0.0.1:1/v1'}]\n"
      "routes: [{name: support, targets: [{provider: sim, model: m}], rulepacks: [words], "
      "mode: emergency}]\n";
  world_->source().write(with_pack);
  const std::uint64_t before = world_->durable();
  ASSERT_TRUE(reload());
  using model::EntryKind;
  EXPECT_EQ(kinds_since(before), (std::vector{EntryKind::config_change, EntryKind::rulepack_change,
                                              EntryKind::generation_change, EntryKind::receipt}));
  const auto measured = [this] {
    world_->tick();
    return world_->control().options().watch.desk.measured;
  };
  EXPECT_EQ(measured(), std::set{model::IncidentClass::unsafe_output});
  world_->source().write(config());
  const auto waiting = reload();
  ASSERT_TRUE(waiting) << waiting.error().detail;
  ASSERT_TRUE(waiting->asked);
  EXPECT_EQ(waiting->weaker.at(0), "route support would lose the rulepack words");
  ASSERT_TRUE(give(*waiting));
  EXPECT_TRUE(measured().empty());
}

TEST_F(ControlReload, LeavesWhatARestartWithTheSameFileFinds) {
  world_->source().write(with_flag());
  ASSERT_TRUE(reload());
  const std::string digest = world_->gateways().obeyed()->digest;
  const std::uint64_t durable = world_->durable();
  open(2, with_flag());
  EXPECT_TRUE(world_->begin().empty());
  EXPECT_EQ(world_->gateways().obeyed()->digest, digest);
  EXPECT_EQ(world_->durable(), durable);
}

}  // namespace
}  // namespace cordon::simulation
