#include "incident/review.h"

#include <gtest/gtest.h>

namespace cordon::incident {
namespace {

const std::string kEntry = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001";
const std::set<std::string, std::less<>> kEntries = {kEntry};
const std::vector<std::string> kPeople = {"anna", "ben"};

std::size_t findings(std::string_view text) {
  return lint(text, kPeople).size();
}

TEST(ReviewLint, FlagsAPersonOrARoleWhereACauseBelongs) {
  EXPECT_EQ(findings("It leaked because Anna forgot the rule."), 1U);
  EXPECT_EQ(findings("The leak was caused by an engineer."), 1U);
  EXPECT_EQ(findings("The on-call should have seen it."), 1U);
  EXPECT_EQ(findings("Human error let it pass."), 1U);
  const auto found = lint("Fine.\nThis is due to ben.", kPeople);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].line, 2U);
  EXPECT_EQ(found[0].found, "ben");
}

TEST(ReviewLint, LeavesFactsAboutPeopleAndCausesInSystemsAlone) {
  EXPECT_EQ(findings("anna took command at 12:03."), 0U);
  EXPECT_EQ(findings("It leaked because the rule leak.card was in shadow."), 0U);
  EXPECT_EQ(findings("The benchmark failed to start."), 0U) << "ben is not in benchmark";
  EXPECT_EQ(findings("## Because of anna\n| because | anna |"), 0U) << "titles and tables";
  EXPECT_EQ(findings(""), 0U);
}

TEST(ReviewText, MarksEverySentenceThatCitesNothing) {
  const auto checked = check_review("# Review\n\nIt began at noon [" + kEntry +
                                        "]. It was bad. The rule held. [" + kEntry + "]\n",
                                    kEntries);
  ASSERT_TRUE(checked.has_value()) << checked.error().detail;
  EXPECT_EQ(checked->assertions, 1U);
  EXPECT_NE(checked->text.find("It was bad. *(assertion)* The rule held."), std::string::npos)
      << checked->text;
  const auto again = check_review(checked->text, kEntries);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->text, checked->text) << "marking twice changes nothing";
  EXPECT_EQ(again->assertions, 1U);
}

TEST(ReviewText, RefusesACitationOfWhatIsNoEntryOfTheIncident) {
  const auto checked = check_review("It began [0190aaaa-bbbb-7ccc-8ddd-eeeeffff0002].\n", kEntries);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, Errc::invalid);
  EXPECT_NE(checked.error().detail.find("line 1"), std::string::npos);
  EXPECT_FALSE(check_review("", kEntries).has_value());
  EXPECT_FALSE(check_review(" \n", kEntries).has_value());
  EXPECT_FALSE(check_review(std::string(kReviewBytesMax + 1, 'a'), kEntries).has_value());
}

TEST(ReviewText, ReadsControlsFromTheirSectionOnly) {
  const auto checked = check_review(
      "## What happened\n- leak.card: nothing\n"
      "## Why controls did not prevent it\n"
      "- `leak.card`: disabled. In shadow since Monday [" +
          kEntry +
          "].\n"
          "- core-injection: absent\n## Actions\n- x: y\n",
      kEntries);
  ASSERT_TRUE(checked.has_value()) << checked.error().detail;
  ASSERT_EQ(checked->controls.size(), 2U);
  EXPECT_EQ(checked->controls[0].name, "leak.card");
  EXPECT_EQ(checked->controls[0].finding, ControlFinding::disabled);
  EXPECT_EQ(checked->controls[1].finding, ControlFinding::absent);
  EXPECT_FALSE(check_review("## Why controls did not prevent it\n- leak.card: asleep.\n", kEntries)
                   .has_value())
      << "a finding is one of six words";
}

}  // namespace
}  // namespace cordon::incident
