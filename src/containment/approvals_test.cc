// One list, one id each, one rule, for whatever takes a second person.
#include "containment/approvals.h"

#include "containment/ledger_test_support.h"

namespace cordon::containment {
namespace {

class ApprovalList : public Ledger {
 protected:
  Asked wanted(Act act, const std::string& about, const std::string& id) const {
    Asked asked;
    asked.id = id;
    asked.act = act;
    asked.about = about;
    asked.incident = "INC-2026-00001";
    asked.what = "do it";
    asked.why = "it weakens";
    asked.reason = "caf\xc3\xa9 \"q\"";
    asked.order = {{"to", "closed"}};
    asked.by = kAnna;
    asked.by_token = anna_;
    asked.at = now_;
    return asked;
  }
  /// Every event is folded twice, once as it is and once read back.
  void fold(const ApprovalEvent& event) {
    list_.evolve(event);
    const auto back = parse_approval_event(*codec::parse_json(codec::write_json(to_body(event))));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(*back, event);
    folded_.evolve(*back);
    EXPECT_EQ(list_, folded_);
  }
  std::string ask(Asked asked) {
    const auto event = list_.ask(std::move(asked));
    if (!event) return said(event.error());
    fold(*event);
    return "ok";
  }
  std::string yes(const std::string& id, const std::string& who, const std::string& token) {
    const auto asked = list_.give(id, {{ActorKind::person, who}, token, id}, tokens_, now_);
    return asked ? asked->about : said(asked.error());
  }
  std::string no(const std::string& id, const std::string& reason) {
    const auto event = list_.decline(id, reason, kAnna, now_);
    if (!event) return said(event.error());
    fold(*event);
    return "ok";
  }
  static std::string said(const Error& error) {
    return std::string(to_string(error.code)) + ": " + error.detail;
  }
  Approvals list_;
  Approvals folded_;
};

TEST_F(ApprovalList, TakesTheYesOfAnIndependentApproverAndOfNobodyElse) {
  for (const Act act :
       {Act::set, Act::release, Act::rulepack, Act::move, Act::severity, Act::exception}) {
    const std::string id = "a-" + std::string(to_string(act));
    ASSERT_EQ(ask(wanted(act, "x", id)), "ok");
    EXPECT_EQ(yes(id, "anna", anna_),
              "invalid: person:anna asks and approves; it takes a second person");
    EXPECT_EQ(yes(id, "carl", "no-token"),
              "invalid: person:carl holds no valid token with the approver role");
    const std::string plain = mint("dora", {Role::commander, Role::responder});
    EXPECT_EQ(yes(id, "dora", plain),
              "invalid: person:dora holds no valid token with the approver role");
    EXPECT_EQ(yes(id, "bob", bob_), "x");
  }
  EXPECT_EQ(list_.waiting(now_).size(), 6U) << "looking takes nothing off the list";
}

TEST_F(ApprovalList, RefusesWhomTheAskerCreated) {
  const std::string creature = mint("carl", {Role::approver}, kAnna);
  ASSERT_EQ(ask(wanted(Act::move, "INC-2026-00001", "a1")), "ok");
  EXPECT_EQ(yes("a1", "carl", creature),
            "invalid: person:carl has the approver role from person:anna, who asks; it takes "
            "somebody whom the requester did not create");
  EXPECT_EQ(yes("a1", "bob", bob_), "INC-2026-00001");
}

TEST_F(ApprovalList, HoldsEachThingOnceAndNamesTheOneThatWaits) {
  ASSERT_EQ(ask(wanted(Act::release, "s1", "a1")), "ok");
  EXPECT_EQ(ask(wanted(Act::release, "s1", "a2")),
            "conflict: person:anna asked already: do it; it waits for a second person as approval "
            "a1: give it, or decline it first");
  EXPECT_EQ(ask(wanted(Act::release, "s2", "a2")), "ok");
  EXPECT_EQ(ask(wanted(Act::move, "s1", "a3")), "ok") << "another act about the same";
  ASSERT_NE(list_.find(Act::release, "s1", now_), nullptr);
  EXPECT_EQ(list_.find(Act::release, "s1", now_)->id, "a1");
}

TEST_F(ApprovalList, ForgetsAfterItsTime) {
  ASSERT_EQ(ask(wanted(Act::release, "s1", "a1")), "ok");
  ASSERT_EQ(ask(wanted(Act::move, "INC-2026-00001", "a2")), "ok");
  now_ += kEnforcedWait - 1ns;
  EXPECT_EQ(yes("a1", "bob", bob_), "s1");
  now_ += 1ns;
  EXPECT_TRUE(yes("a1", "bob", bob_).starts_with("not_found: ")) << yes("a1", "bob", bob_);
  EXPECT_EQ(yes("a2", "bob", bob_), "INC-2026-00001") << "what is only recorded waits longer";
  EXPECT_EQ(ask(wanted(Act::release, "s1", "a3")), "ok") << "and may be asked again";
  now_ = kStart + kRecordedWait;
  EXPECT_TRUE(yes("a2", "bob", bob_).starts_with("not_found: "));
}

TEST_F(ApprovalList, EndsWithANoWithAReasonAndWithWhatItIsAbout) {
  ASSERT_EQ(ask(wanted(Act::release, "s1", "a1")), "ok");
  EXPECT_EQ(no("a1", " "), "invalid: the reason is missing; say why, for whoever reads this later");
  EXPECT_EQ(no("a1", "\xff"), "invalid: the reason is not UTF-8 text");
  EXPECT_TRUE(no("a1", std::string(2'000, 'x')).starts_with("invalid: the reason is 2000 bytes"));
  EXPECT_TRUE(no("a9", "why").starts_with("not_found: "));
  EXPECT_EQ(no("a1", "still leaking"), "ok");
  EXPECT_TRUE(yes("a1", "bob", bob_).starts_with("not_found: "));
  ASSERT_EQ(ask(wanted(Act::release, "s1", "a2")), "ok");
  list_.settle(Act::release, "s1");
  EXPECT_TRUE(list_.waiting(now_).empty()) << "nothing is left to say yes to";
}

TEST_F(ApprovalList, IsBoundedAndAskedByPeople) {
  for (std::size_t i = 0; i < kAskedMax; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_EQ(ask(wanted(Act::release, "s" + name, "a" + name)), "ok");
  }
  EXPECT_EQ(ask(wanted(Act::release, "one", "more")),
            "exhausted: 100 approvals are waited for, the most there may be");
  now_ += kEnforcedWait;
  EXPECT_EQ(ask(wanted(Act::release, "one", "more")), "ok");
  Asked robot = wanted(Act::release, "two", "machine");
  robot.by = kDetect;
  robot.by_token.clear();
  EXPECT_EQ(ask(robot),
            "invalid: what takes two people is asked by one of them, not by service:detect");
}

TEST_F(ApprovalList, IsCorruptWhenABodyIsNoneOfItsOwn) {
  ASSERT_EQ(ask(wanted(Act::move, "INC-2026-00001", "a1")), "ok");
  const codec::Json good = to_body(ApprovalEvent(*list_.find(Act::move, "INC-2026-00001", now_)));
  const auto broken = [&good](const char* key, codec::Json value) {
    codec::Json body = good;
    body[key] = std::move(value);
    const auto read = parse_approval_event(body);
    return read ? Errc::conflict : read.error().code;
  };
  EXPECT_EQ(broken("act", "dance"), Errc::corrupt);
  EXPECT_EQ(broken("event", "wished"), Errc::corrupt);
  EXPECT_EQ(broken("order", "closed"), Errc::corrupt);
  EXPECT_EQ(broken("actor", "nobody"), Errc::corrupt);
  EXPECT_EQ(broken("until", "soon"), Errc::corrupt);
  EXPECT_EQ(broken("colour", "red"), Errc::corrupt);
  codec::Json half = {{"approved_by", "person:bob"}};
  codec::ObjectReader reader(half, "x");
  EXPECT_EQ(read_approval(reader).error().code, Errc::invalid);
}

}  // namespace
}  // namespace cordon::containment
