#include "model/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace cordon::model {
namespace {

using namespace std::chrono_literals;

std::string refusal(std::string_view text) {
  const auto config = Config::parse(text, "cordon.yaml");
  return config ? "accepted" : config.error().detail;
}

TEST(CommsConfig, ReadsEveryKey) {
  const auto config = Config::parse(R"(
connectors:
  - name: ops
    kind: slack
    url_env: OPS_HOOK
    ca_file: ca.pem
    audiences: [engineering, support]
    attempts_max: 3
    timeout: 2s
  - {name: pages, kind: webhook, url: 'http://127.0.0.1:9/x?a=b', audiences: [customer]}
updates:
  customer_draft: by_person
  customer_tenants: 2
  internal_tenants: [qa]
  approver: cleo
  customer_due: 30m
)",
                                    "cordon.yaml");
  ASSERT_TRUE(config) << config.error().detail;
  ASSERT_EQ(config->connectors.size(), 2U);
  const ConnectorConfig& ops = config->connectors[0];
  EXPECT_EQ(ops.kind, ConnectorKind::slack);
  EXPECT_EQ(ops.url_env, "OPS_HOOK");
  EXPECT_EQ(ops.ca_file, "ca.pem");
  EXPECT_EQ(ops.audiences, (std::vector<Audience>{Audience::engineering, Audience::support}));
  EXPECT_EQ(ops.attempts_max, 3U);
  EXPECT_EQ(ops.timeout, 2s);
  EXPECT_EQ(config->connectors[1].url, "http://127.0.0.1:9/x?a=b");
  EXPECT_EQ(config->updates.customer_draft, CustomerDraft::by_person);
  EXPECT_EQ(config->updates.customer_tenants, 2U);
  EXPECT_EQ(config->updates.internal_tenants, std::vector<std::string>{"qa"});
  EXPECT_EQ(config->updates.approver, "cleo");
  EXPECT_EQ(config->updates.customer_due, 30min);
}

TEST(CommsConfig, RefusesWithPlaceAndExpectationAndNeverRepeatsAUrl) {
  const std::pair<std::string_view, std::string_view> bad[] = {
      {"connectors: [{name: a, kind: slak, url: 'http://h', audiences: [support]}]\n",
       "found 'slak', expected one of webhook, slack, mattermost, pagerduty (nearest: slack)"},
      {"connectors: [{name: a, kind: slack, audiences: [support]}]\n",
       "found no address, expected url or url_env"},
      {"connectors: [{name: a, kind: slack, url: 'http://h', url_env: H, audiences: [support]}]\n",
       "found url beside url_env"},
      {"connectors: [{name: a, kind: slack, url: 'http://h'}]\n",
       "found no audience, expected at least one in audiences (updates) or pages (calls)"},
      {"connectors: [{name: a, kind: pagerduty, pages: [on_call]}]\n", "found no routing_key_env"},
      {"connectors: [{name: a, kind: pagerduty, routing_key_env: K, audiences: [support]}]\n",
       "expected pages only on kind pagerduty"},
      {"connectors: [{name: a, kind: slack, url: 'http://h', pages: [anybody]}]\n",
       "found 'anybody', expected one of on_call, executives"},
      {"connectors: [{name: a, kind: slack, url: 'http://h', pages: [on_call], "
       "routing_key_env: K}]\n",
       "expected it only on kind pagerduty"},
      {"connectors: [{name: a, kind: slack, url: 'http://h', audiences: []}]\n",
       "found no audience, expected at least one"},
      {"connectors: [{name: a, kind: slack, url: 'http://h', audiences: [press]}]\n",
       "found 'press', expected one of engineering, product, support, legal, customer"},
      {"connectors: [{name: a, kind: slack, url: 'http://h', audiences: [legal, legal]}]\n",
       "found legal a second time"},
      {"updates: {customer_tenants: 0}\n", "expected a whole number from 1"},
      {"updates: {aprover: x}\n", "unknown key 'aprover'"},
  };
  for (const auto& [text, expected] : bad) {
    EXPECT_NE(refusal(text).find(expected), std::string::npos) << text << "\n" << refusal(text);
  }
  for (const std::string_view url : {"file:///etc/SECRET", "https://user:SECRET@host/",
                                     "http:///SECRET", "http://h/#SECRET", "http://h/a SECRET"}) {
    const std::string said = refusal("connectors: [{name: a, kind: slack, url: '" +
                                     std::string(url) + "', audiences: [support]}]\n");
    EXPECT_NE(said.find("found something else"), std::string::npos) << said;
    EXPECT_EQ(said.find("SECRET"), std::string::npos) << said;
  }
}

TEST(CommsConfig, EveryKeyIsOnItsPage) {
  std::ifstream in("docs/formats/config.md");
  std::stringstream page;
  page << in.rdbuf();
  for (const char* key :
       {"connectors[].name", "connectors[].kind", "connectors[].url", "connectors[].url_env",
        "connectors[].ca_file", "connectors[].audiences", "connectors[].attempts_max",
        "connectors[].timeout", "updates.customer_draft", "updates.customer_tenants",
        "updates.internal_tenants", "updates.approver", "updates.customer_due"}) {
    EXPECT_NE(page.str().find("`" + std::string(key) + "`"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace cordon::model
