#include "model/config_reload.h"

#include <gtest/gtest.h>

#include <string>

namespace cordon::model {
namespace {

Config config(std::string_view text) {
  auto read = Config::parse(text, "test.yaml");
  EXPECT_TRUE(read) << read.error().detail;
  return read ? *read : Config{};
}

using Keys = std::vector<std::string_view>;

TEST(ConfigReload, NamesEveryKeyThatTakesARestart) {
  const Config before = config("");
  const std::pair<const char*, const char*> cases[] = {
      {"node: other", "node"},
      {"data_dir: elsewhere", "data_dir"},
      {"listen: {gateway: '127.0.0.1:9'}", "listen.gateway"},
      {"listen: {control: '127.0.0.1:9'}", "listen.control"},
      {"tls: {gateway: {cert: a, key: b}}", "tls.gateway"},
      {"tls: {control: {cert: a, key: b}}", "tls.control"},
      {"tls: {control: {cert: a, key: b, client_ca: c}}", "tls.control"},
      {"threads: 3", "threads"},
      {"journal: {lazy_window: 20ms}", "journal"},
      {"limits: {connections_max: 7}", "limits.connections_max"},
      {"detectors: []", "detectors"},
      {"severity: {tenants: 5}", "severity"},
      {"rota: [anna]", "rota"},
      {"escalation: {accept: 2m}", "escalation"},
      {"connectors: [{name: c, kind: slack, url: 'http://127.0.0.1:1/', audiences: [support]}]",
       "connectors"},
      {"updates: {customer_tenants: 2}", "updates"},
  };
  const std::string_view ca = "tls: {gateway: {cert: a, key: b, client_ca: c}}";
  const std::string_view let =
      "tls: {gateway: {cert: a, key: b, client_ca: c, client_cert: optional}}";
  EXPECT_EQ(keys_for_restart(config("tls: {gateway: {cert: a, key: b}}"), config(ca)),
            Keys{"tls.gateway"});
  EXPECT_EQ(keys_for_restart(config(ca), config(let)), Keys{"tls.gateway"});
  for (const auto& [text, key] : cases) {
    EXPECT_EQ(keys_for_restart(before, config(text)), Keys{key}) << text;
    EXPECT_EQ(keys_for_restart(config(text), before), Keys{key}) << text;
  }
}

TEST(ConfigReload, LetsTheRestChangeAtOnce) {
  const Config before = config("");
  const Config after = config(R"(
providers: [{name: p, base_url: 'http://127.0.0.1:1/v1'}]
routes: [{name: r, targets: [{provider: p, model: m}]}]
tenants: [{name: t, key_sha256: [], routes: [r]}]
flags: [{name: f}]
limits: {body_bytes_max: 1KiB, answer_bytes_max: 1KiB, exchanges_max: 1, exchange_time_max: 1s}
ingest: {reports_per_minute: 1}
containment: {expiry_max: 1h}
auto_containment: [{class: data_leakage, severity: SEV-1, do: ask}]
)");
  EXPECT_TRUE(keys_for_restart(before, after).empty());
  EXPECT_EQ(keys_beside_generation(before, after),
            (Keys{"ingest", "containment", "auto_containment"}));
  EXPECT_EQ(keys_beside_generation(before, config("rulepacks: {dir: packs}")), Keys{"rulepacks"});
  EXPECT_TRUE(keys_beside_generation(after, after).empty());
}

}  // namespace
}  // namespace cordon::model
