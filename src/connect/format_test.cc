#include "connect/format.h"

#include <gtest/gtest.h>

namespace cordon::connect {
namespace {

using model::ConnectorKind;

constexpr const char* kHostile =
    "<!channel> <@U024BE7LH> @here <https://evil.example|pay> [pay](https://evil.example) "
    "<script>alert(1)</script> **bold** `code` & \u4f60\u597d";

model::Message hostile() {
  model::Message message;
  message.key = "INC-2026-00001-U01/chat";
  message.incident = "INC-2026-00001";
  message.update = "INC-2026-00001-U01";
  message.audience = "support";
  message.severity = "SEV-1";
  message.state = "active";
  message.title = kHostile;
  message.text = kHostile;
  message.source = "/cordon/node-1";
  return message;
}

codec::Json body_of(ConnectorKind kind, const model::Message& message) {
  return *codec::parse_json(format(kind, message).body);
}

TEST(Format, SlackGetsTextAlwaysAndNothingInItPingsLinksOrRenders) {
  const codec::Json body = body_of(ConnectorKind::slack, hostile());
  const auto text = body["text"].get<std::string>();
  EXPECT_EQ(text.find('<'), text.npos);
  EXPECT_EQ(text.find('>'), text.npos);
  EXPECT_NE(text.find("&lt;!channel&gt;"), text.npos);
  EXPECT_EQ(body["mrkdwn"], false);
  EXPECT_EQ(body["link_names"], false);
  ASSERT_GE(body["blocks"].size(), 2U);
  for (const codec::Json& block : body["blocks"]) {
    EXPECT_EQ(block["text"]["type"], "plain_text");
    EXPECT_EQ(block["text"]["text"].get<std::string>().find('<'), std::string::npos);
  }
}

TEST(Format, SlackCutsLongTextsBetweenCharactersAndLosesNothing) {
  model::Message message = hostile();
  message.text.clear();
  for (int i = 0; i < 3'000; ++i) message.text += "\u4f60";
  message.title = message.text;
  const codec::Json body = body_of(ConnectorKind::slack, message);
  std::string joined;
  for (const codec::Json& block : body["blocks"]) {
    const auto piece = block["text"]["text"].get<std::string>();
    EXPECT_EQ(piece.find("\uFFFD"), piece.npos) << "a character was cut";
    if (block["type"] == "section") joined += piece;
  }
  EXPECT_EQ(joined, message.text);
  EXPECT_LE(body["blocks"][0]["text"]["text"].get<std::string>().size(), 150U);
}

TEST(Format, MattermostGetsTextThatMentionsNobodyAndIsNoMarkdown) {
  const codec::Json body = body_of(ConnectorKind::mattermost, hostile());
  EXPECT_EQ(body.size(), 1U) << "blocks are dropped there, so none are sent";
  const auto text = body["text"].get<std::string>();
  EXPECT_EQ(text.find("@here"), text.npos);
  EXPECT_EQ(text.find("<script"), text.npos);
  EXPECT_EQ(text.find("<!channel"), text.npos);
  EXPECT_EQ(text.find("](http"), text.npos);
  EXPECT_NE(text.find(R"(\[pay\]\(https://evil\.example\))"), text.npos) << text;
  EXPECT_NE(text.find(R"(\*\*bold\*\*)"), text.npos);
}

TEST(Format, AWebhookGetsACloudEventWithTheTextAsItIs) {
  const Posted posted = format(ConnectorKind::webhook, hostile());
  EXPECT_EQ(posted.content_type, "application/cloudevents+json");
  const codec::Json body = *codec::parse_json(posted.body);
  EXPECT_EQ(body["specversion"], "1.0");
  EXPECT_EQ(body["id"], "INC-2026-00001-U01/chat");
  EXPECT_EQ(body["subject"], "INC-2026-00001");
  EXPECT_EQ(body["severitynumber"], 21);
  EXPECT_EQ(body["data"]["text"], kHostile);
}

TEST(Format, InvalidUtf8StillMakesAValidBody) {
  model::Message message = hostile();
  message.text = "broken \xff\xfe text";
  for (const auto kind :
       {ConnectorKind::webhook, ConnectorKind::slack, ConnectorKind::mattermost}) {
    EXPECT_TRUE(codec::parse_json(format(kind, message).body).has_value());
  }
}

model::Message a_page() {
  model::Message message = hostile();
  message.update.clear();
  message.page = "0198c0de-0000-7000-8000-000000000001";
  message.person = "anna";
  message.audience = "on_call";
  return message;
}

TEST(Format, PagerDutyGetsOneBoundedEventForEachPageAndNoOtherKindTheKey) {
  model::Message message = a_page();
  for (int i = 0; i < 600; ++i) message.title += "\u4f60";
  const Posted posted = format(ConnectorKind::pagerduty, message, "R0UT1NG");
  EXPECT_EQ(posted.content_type, "application/json");
  const codec::Json event = *codec::parse_json(posted.body);
  EXPECT_EQ(event["routing_key"], "R0UT1NG");
  EXPECT_EQ(event["event_action"], "trigger");
  EXPECT_EQ(event["dedup_key"], "cordon:INC-2026-00001:0198c0de-0000-7000-8000-000000000001");
  EXPECT_EQ(event["payload"]["severity"], "critical");
  const auto summary = event["payload"]["summary"].get<std::string>();
  EXPECT_LE(summary.size(), 1'024U);
  EXPECT_EQ(summary.find("\uFFFD"), summary.npos) << "a character was cut";
  EXPECT_EQ(event["payload"]["custom_details"]["text"], kHostile) << "text stays text";
  for (const auto kind :
       {ConnectorKind::webhook, ConnectorKind::slack, ConnectorKind::mattermost}) {
    EXPECT_EQ(format(kind, message, "R0UT1NG").body.find("R0UT1NG"), std::string::npos);
  }
  message.severity = "unset";
  EXPECT_EQ(body_of(ConnectorKind::pagerduty, message)["payload"]["severity"], "error");
}

TEST(Format, APageIsACloudEventOfItsOwnType) {
  const codec::Json event = body_of(ConnectorKind::webhook, a_page());
  EXPECT_EQ(event["type"], "dev.cordon.page.v1");
  EXPECT_EQ(event["data"]["page"], "0198c0de-0000-7000-8000-000000000001");
  EXPECT_EQ(event["data"]["person"], "anna");
  EXPECT_FALSE(event["data"].contains("update"));
}

}  // namespace
}  // namespace cordon::connect
