#include "api/pages.h"

#include <gtest/gtest.h>

namespace cordon::api {
namespace {

const model::Actor kPager{model::ActorKind::service, "connect"};
const model::Actor kAnna{model::ActorKind::person, "anna"};
constexpr WallTime kNow{std::chrono::hours(1)};

class PagesTest : public testing::Test {
 protected:
  PagesTest() {
    Page page;
    page.id = "p1";
    page.incident = "INC-2026-00001";
    page.audience = "on_call";
    page.reason = "asked to command";
    pages_.add(std::move(page));
  }
  std::string happen(const PageEvent& event, const model::Actor& actor = kPager) {
    const codec::Json body = to_body(event, "INC-2026-00001", actor);
    const Status done = pages_.observe(*codec::parse_json(codec::write_json(body)), kNow);
    return done ? std::string(pages_.find("p1")->status()) : done.error().detail;
  }
  static PageEnded ended(const char* connector, model::DeliveryOutcome outcome) {
    PageEnded end{"p1", connector, {}};
    end.delivery.outcome = outcome;
    end.delivery.attempts = 2;
    return end;
  }
  Pages pages_;
};

TEST_F(PagesTest, AreSentOnceOneDoorTookThemAndFailedWhenNoneDid) {
  EXPECT_EQ(pages_.find("p1")->status(), "waiting");
  EXPECT_EQ(happen(PageRouted{"p1", {"a", "b"}, {}}), "waiting");
  EXPECT_EQ(happen(PageRouted{"p1", {"c"}, {}}), "waiting") << "routed once";
  EXPECT_EQ(pages_.find("p1")->outbox.size(), 2U);
  EXPECT_EQ(happen(ended("a", model::DeliveryOutcome::failed)), "waiting");
  EXPECT_EQ(pages_.open().size(), 1U);
  EXPECT_EQ(happen(ended("b", model::DeliveryOutcome::failed)), "failed");
  EXPECT_TRUE(pages_.open().empty());
  EXPECT_EQ(happen(ended("b", model::DeliveryOutcome::sent)), "failed") << "an end is an end";
}

TEST_F(PagesTest, ThatGoNowhereSayWhyAndMayBeAcknowledged) {
  EXPECT_EQ(happen(PageRouted{"p1", {}, "no connector pages on_call"}), "unsent");
  EXPECT_TRUE(pages_.open().empty());
  happen(PageAcked{"p1"}, kAnna);
  const codec::Json json = to_json(*pages_.find("p1"));
  EXPECT_EQ(json["unsent"], "no connector pages on_call");
  EXPECT_EQ(json["acked_by"], "person:anna");
  EXPECT_EQ(json["deliveries"].size(), 0U);
}

TEST_F(PagesTest, AreCorruptWhenABodyIsNoneOfItsOwn) {
  const codec::Json good = to_body(ended("a", model::DeliveryOutcome::sent), "", kPager);
  const auto broken = [&](const char* key, codec::Json value) {
    codec::Json body = good;
    body[key] = std::move(value);
    const Status done = pages_.observe(body, kNow);
    return done ? Errc::conflict : done.error().code;
  };
  EXPECT_EQ(broken("event", "burnt"), Errc::corrupt);
  EXPECT_EQ(broken("outcome", "lost"), Errc::corrupt);
  EXPECT_EQ(broken("actor", "nobody"), Errc::corrupt);
  EXPECT_EQ(broken("colour", "red"), Errc::corrupt);
  EXPECT_EQ(broken("page", "p9"), Errc::conflict) << "of a page that is forgotten: nothing";
}

}  // namespace
}  // namespace cordon::api
