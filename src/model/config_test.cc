#include "model/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace cordon::model {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kWhole = R"(node: edge-1
data_dir: /var/lib/cordon
listen: {gateway: '0.0.0.0:9000', control: '[::1]:9001'}
tls:
  gateway: {cert: a.pem, key: a.key}
threads: 2
journal: {segment_bytes: 8MiB, lazy_window: 5ms, queue_bytes_max: 2MiB}
limits: {body_bytes_max: 64KiB, exchanges_max: 10, exchange_time_max: 30s}
rulepacks: {dir: packs, files: [more.yaml]}
providers:
  - name: sim
    dialect: openai
    base_url: http://127.0.0.1:4010/v1/
    key_env: SIM_KEY
    timeouts: {connect: 1s, first_byte: 5s, idle: 2s}
  - {name: big, base_url: 'https://api.example.com', key_file: /etc/big.key, ca_file: ca.pem}
routes:
  - name: support
    targets: [{provider: sim, model: small}, {provider: big, model: large}]
    fallback: [{provider: big, model: safe}]
    rulepacks: [core-leakage, house-rules]
    mode: emergency
    durability: before_forward
    capture: on
    uninspected: pass
    translate: on
  - {name: sales, targets: [{provider: big, model: large}]}
tenants:
  - name: acme
    key_sha256: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]
    routes: ['*']
  - {name: beta, key_sha256: [], routes: [sales]}
flags: [{name: assistant}, {name: agent, enabled: false}]
detectors:
  - {name: leaks, kind: burst, class: data_leakage, window: 30s, baseline: 10m, min_count: 5}
  - {name: canaries, kind: canary, class: prompt_injection_bypass, tokens: [CANARY-7f3a]}
severity: {tenants: 2, records: 10, route_percent: 0.5, window: 5m}
containment: {expiry_max: 7d}
auto_containment: [{class: data_leakage, severity: SEV-1, do: act}]
)";

std::string refusal(std::string_view text) {
  const auto config = Config::parse(text, "cordon.yaml");
  return config ? "accepted" : config.error().detail;
}

TEST(Config, AnEmptyFileIsEnough) {
  for (const std::string_view text : {"", "# nothing yet\n", "{}\n", "routes:\ntenants: []\n"}) {
    const auto config = Config::parse(text, "cordon.yaml");
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->gateway.address, "127.0.0.1");
    EXPECT_EQ(config->gateway.port, 8080);
    EXPECT_EQ(config->control.port, 8081);
    EXPECT_FALSE(config->gateway.tls());
    EXPECT_EQ(config->threads, 0U);
    EXPECT_TRUE(config->routes.empty());
    EXPECT_TRUE(config->tenants.empty()) << "nobody may call unless named";
    EXPECT_EQ(config->detectors.size(), 4U);
    EXPECT_EQ(config->severity.tenants, 3U);
    EXPECT_EQ(config->severity.records, 100U);
    EXPECT_EQ(config->severity.route_percent, 1.0);
    EXPECT_EQ(config->severity.window, 15min);
  }
}

TEST(Config, ReadsEveryKey) {
  const auto config = Config::parse(kWhole, "cordon.yaml");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->node, "edge-1");
  EXPECT_EQ(config->data_dir, "/var/lib/cordon");
  EXPECT_EQ(config->gateway.address, "0.0.0.0");
  EXPECT_EQ(config->gateway.cert_file, "a.pem");
  EXPECT_TRUE(config->gateway.tls());
  EXPECT_EQ(config->control.address, "::1");
  EXPECT_EQ(config->control.port, 9001);
  EXPECT_EQ(config->threads, 2U);
  EXPECT_EQ(config->journal.segment_bytes, 8U << 20U);
  EXPECT_EQ(config->journal.lazy_window, 5ms);
  EXPECT_EQ(config->limits.body_bytes_max, 65536U);
  EXPECT_EQ(config->limits.exchange_time_max, 30s);
  ASSERT_EQ(config->providers.size(), 2U);
  EXPECT_EQ(config->providers[0].provider.endpoint, (Endpoint{false, "127.0.0.1", 4010, "/v1"}));
  EXPECT_EQ(config->providers[0].key_env, "SIM_KEY");
  EXPECT_EQ(config->providers[0].provider.timeouts.idle, 2s);
  EXPECT_EQ(config->providers[1].provider.endpoint, (Endpoint{true, "api.example.com", 443, ""}));
  EXPECT_EQ(config->providers[1].key_file, "/etc/big.key");
  ASSERT_EQ(config->routes.size(), 2U);
  EXPECT_EQ(config->routes[0].targets[1], (Target{"big", "large"}));
  EXPECT_EQ(config->routes[0].fallback[0], (Target{"big", "safe"}));
  EXPECT_EQ(config->routes[0].mode, Mode::emergency);
  EXPECT_EQ(config->routes[0].durability, Durability::before_forward);
  EXPECT_EQ(config->routes[0].capture, Capture::on);
  EXPECT_EQ(config->routes[1].capture, Capture::off);
  EXPECT_EQ(config->routes[0].uninspected, Uninspected::pass);
  EXPECT_EQ(config->routes[1].uninspected, Uninspected::refuse);
  EXPECT_EQ(config->routes[0].translate, Translate::on);
  EXPECT_EQ(config->routes[1].translate, Translate::off) << "nothing is translated unasked";
  EXPECT_EQ(config->routes[0].rulepacks[1], "house-rules");
  EXPECT_EQ(config->routes[1].rulepacks, (std::vector<std::string>{"core-drift", "core-injection",
                                                                   "core-leakage", "core-unsafe"}))
      << "a route that names no rulepack has the built-in ones";
  EXPECT_EQ(config->tenants[1].routes, std::vector<std::string>{"sales"});
  EXPECT_TRUE(config->flags[0].enabled);
  EXPECT_FALSE(config->flags[1].enabled);
  EXPECT_EQ(config->detectors[0].min_count, 5U);
  EXPECT_EQ(config->detectors[1].kind, DetectorKind::canary);
  EXPECT_EQ(config->detectors[1].tokens, std::vector<std::string>{"CANARY-7f3a"});
  EXPECT_EQ(config->containment.expiry_max, 24h * 7);
  ASSERT_EQ(config->auto_containment.size(), 1U);
  EXPECT_EQ(config->auto_containment[0].severity, 1);
  EXPECT_EQ(config->auto_containment[0].what, AutoDo::act);
}

struct BadConfig {
  std::string_view text;
  std::string_view error;
};

void PrintTo(const BadConfig& bad, std::ostream* out) {
  *out << bad.text;
}

class RefusedConfig : public testing::TestWithParam<BadConfig> {};

TEST_P(RefusedConfig, SaysWhereAndWhatWasExpected) {
  EXPECT_EQ(refusal(GetParam().text), GetParam().error);
}

constexpr BadConfig kBad[] = {
    {"nod: a\n",
     "cordon.yaml:1:1: unknown key 'nod', expected one of node, data_dir, listen, tls, threads, "
     "journal, providers, routes, tenants, flags, rulepacks, limits, detectors, severity, "
     "ingest, rota, escalation, containment, auto_containment, connectors, "
     "updates, prices (nearest: node)"},
    {"node: a\nnode: b\n",
     "cordon.yaml:2:1: found the key 'node' a second time, expected it once (the first value is "
     "on line 1)"},
    {"node: a b\n",
     "cordon.yaml:1:7: found 'a b', expected a name of 1 to 128 bytes without spaces, commas, "
     "quotes, '=' or '*'"},
    {"- a\n", "cordon.yaml:1:1: found a list, expected a map"},
    {"listen: {gateway: localhost:80}\n",
     "cordon.yaml:1:19: found 'localhost:80', expected an IP address and a port like "
     "127.0.0.1:8080"},
    {"listen: {gateway: '127.0.0.1:80', control: '127.0.0.1:80'}\n",
     "cordon.yaml:1:44: found '127.0.0.1:80', expected another address or port than the gateway's"},
    {"tls: {gateway: {cert: a.pem}}\n", "cordon.yaml:1:16: missing key 'key'"},
    {"threads: 0\n", "cordon.yaml:1:10: found '0', expected a whole number from 1 to 256"},
    {"journal: {lazy_window: 10}\n",
     "cordon.yaml:1:24: found '10', expected a duration from 1ms to 1000ms, such as 250ms, 10s, "
     "5m, 1h or 30d"},
    {"limits: {body_bytes_max: many}\n",
     "cordon.yaml:1:26: found 'many', expected a size from 1024 to 1073741824 bytes, such as "
     "4096, 64KiB or 10MiB"},
    {"providers: [{base_url: 'http://a'}]\n", "cordon.yaml:1:13: missing key 'name'"},
    {"providers:\n  - {name: a, base_url: 'http://a'}\n  - {name: a, base_url: 'http://b'}\n",
     "cordon.yaml:3:12: found the provider 'a' a second time, expected each name once (first on "
     "line 2)"},
    {"providers: [{name: a, base_url: 'ftp://a'}]\n",
     "cordon.yaml:1:33: found 'ftp://a', expected a base URL like https://api.example.com/v1 "
     "without user, query or fragment"},
    {"providers: [{name: a, base_url: 'http://a', dialect: opnai}]\n",
     "cordon.yaml:1:54: found 'opnai', expected one of openai, anthropic (nearest: openai)"},
    {"providers: [{name: a, base_url: 'http://a', key_env: K, key_file: f}]\n",
     "cordon.yaml:1:67: found key_file beside key_env, expected one of them"},
    {"routes: [{name: r, targets: [{provider: a, model: m}]}]\n",
     "cordon.yaml:1:41: found 'a', expected a provider, but the file names none"},
    {"providers: [{name: sim, base_url: 'http://a'}]\nroutes: [{name: r, targets: [{provider: "
     "sym, model: m}]}]\n",
     "cordon.yaml:2:41: found 'sym', expected one of sim (nearest: sim)"},
    {"routes: [{name: r, targets: }]\n",
     "cordon.yaml:1:20: found no target, expected at least one, or [] for a route that only "
     "decides "
     "for other gateways"},
    {"providers: [{name: a, base_url: 'http://a'}]\nroutes: [{name: r, targets: [], fallback: "
     "[{provider: a, model: m}]}]\n",
     "cordon.yaml:2:29: found no target, expected one beside `fallback`"},
    {"routes: [{name: '*', targets: []}]\n",
     "cordon.yaml:1:17: found '*', expected a name of 1 to 128 bytes without spaces, commas, "
     "quotes, '=' or '*'"},
    {"providers: [{name: a, base_url: 'http://a'}]\nroutes: [{name: r, targets: [{provider: a, "
     "model: m}], mode: emergncy}]\n",
     "cordon.yaml:2:62: found 'emergncy', expected one of observe, standard, emergency, lockdown "
     "(nearest: emergency)"},
    {"providers: [{name: a, base_url: 'http://a'}]\nroutes: [{name: r, targets: [{provider: a, "
     "model: m}], translate: true}]\n",
     "cordon.yaml:2:67: found 'true', expected one of off, on"},
    {"providers: [{name: a, base_url: 'http://a'}]\nroutes: [{name: r, targets: [{provider: a, "
     "model: m}], rulepacks: [core-leakge]}]\n",
     "cordon.yaml:2:68: found 'core-leakge', expected one of core-drift, core-injection, "
     "core-leakage, core-unsafe (nearest: core-leakage)"},
    {"providers: [{name: a, base_url: 'http://a'}]\nroutes: [{name: r, targets: [{provider: a, "
     "model: m}, {provider: a, model: m}]}]\n",
     "cordon.yaml:2:55: found target a/m a second time, expected each once"},
    {"tenants: [{name: t, key_sha256: [sk-secret], routes: []}]\n",
     "cordon.yaml:1:34: found something else, expected the SHA-256 of a key: 64 lower-case hex "
     "digits"},
    {"tenants: [{name: t, key_sha256: [], routes: [suport]}]\n",
     "cordon.yaml:1:46: found 'suport', expected one of *"},
    {"tenants: [{name: t, routes: [], limits: {requests_per_minute: 0}}]\n",
     "cordon.yaml:1:63: found '0', expected a whole number from 1 to 10000000"},
    {"tenants: [{name: t, routes: [], limits: {tokens_per_minut: 5}}]\n",
     "cordon.yaml:1:42: unknown key 'tokens_per_minut', expected one of requests_per_minute, "
     "tokens_per_minute, cost_per_minute, requests_per_day, tokens_per_day, cost_per_day (nearest: "
     "tokens_per_minute)"},
    {"flags: [{name: f, enabled: yes}]\n", "cordon.yaml:1:28: found 'yes', expected true or false"},
    {"detectors: [{name: d, kind: canary}]\n", "cordon.yaml:1:13: missing key 'tokens'"},
    {"detectors: [{name: d, kind: canary, tokens: []}]\n",
     "cordon.yaml:1:45: found no token, expected at least one"},
    {"detectors: [{name: d, kind: canary, tokens: [ab12]}]\n",
     "cordon.yaml:1:46: found a token of another size, expected 8 to 256 bytes"},
    {"detectors: [{name: d, kind: canary, tokens: [confidential]}]\n",
     "cordon.yaml:1:46: found a token that answers may hold by chance, a word or a number, "
     "expected "
     "letters and digits mixed, like the ones of a random id"},
    {"detectors: [{name: d, kind: canary, tokens: ['20261125']}]\n",
     "cordon.yaml:1:46: found a token that answers may hold by chance, a word or a number, "
     "expected "
     "letters and digits mixed, like the ones of a random id"},
    {"detectors: [{name: d, kind: canary, tokens: ['two words 1']}]\n",
     "cordon.yaml:1:46: found blanks or other signs in a token, expected printable ASCII"},
    {"detectors: [{name: d, kind: canary, tokens: [abcdefgh], window: 5s}]\n",
     "cordon.yaml:1:65: found window, expected it only on a burst detector"},
    {"detectors: [{name: d, kind: burst, window: 1h, baseline: 1m}]\n",
     "cordon.yaml:1:13: found a baseline shorter than the window, expected at least the window"},
    {"severity: {route_percent: 101}\n",
     "cordon.yaml:1:27: found '101', expected a number from 0.0001 to 100"},
    {"auto_containment: [{class: data_leak, severity: SEV-1, do: act}]\n",
     "cordon.yaml:1:28: found 'data_leak', expected one of prompt_injection_bypass, "
     "unsafe_output, data_leakage, policy_drift (nearest: data_leakage)"},
    {"auto_containment: [{class: data_leakage, do: act}]\n",
     "cordon.yaml:1:20: missing key 'severity'"},
};
INSTANTIATE_TEST_SUITE_P(Table, RefusedConfig, testing::ValuesIn(kBad));

TEST(Config, NeverRepeatsWhatMayBeAKey) {
  const std::string error =
      refusal("tenants: [{name: t, key_sha256: [sk-live-123456], routes: []}]\n");
  EXPECT_EQ(error.find("123456"), error.npos) << error;
}

TEST(Config, RefusesAnotherTenantsKey) {
  const std::string hash(64, 'a');
  EXPECT_EQ(refusal("tenants:\n  - {name: a, key_sha256: [" + hash + "], routes: []}\n" +
                    "  - {name: b, key_sha256: [" + hash + "], routes: []}\n"),
            "cordon.yaml:3:28: found a key hash a second time, expected each key to name one "
            "tenant");
}

// A text cut anywhere is refused or is a smaller configuration; it never crashes.
TEST(Config, SurvivesBeingCutAtEveryByte) {
  std::size_t refused = 0;
  for (std::size_t cut = 0; cut < kWhole.size(); ++cut) {
    const auto config = Config::parse(kWhole.substr(0, cut), "cordon.yaml");
    if (config) continue;
    ++refused;
    EXPECT_TRUE(config.error().detail.starts_with("cordon.yaml:")) << config.error().detail;
  }
  EXPECT_GT(refused, kWhole.size() / 4);
}

// What a page shows is what works.
TEST(Config, ReadsTheExampleOfTranslation) {
  std::ifstream in("docs/formats/translation.md");
  std::stringstream page;
  page << in.rdbuf();
  const std::string text = page.str();
  const std::size_t begin = text.find("```yaml\n");
  ASSERT_NE(begin, text.npos);
  const std::string example = text.substr(begin + 8, text.find("```", begin + 8) - begin - 8);
  const auto config = Config::parse(example, "translation.md");
  ASSERT_TRUE(config) << config.error().detail;
  ASSERT_EQ(config->routes.size(), 1U);
  EXPECT_EQ(config->routes[0].translate, Translate::on);
  ASSERT_EQ(config->routes[0].targets.size(), 2U);
}

// A key that is read and not on the page would be a secret of the source.
TEST(Config, EveryKeyIsOnItsPage) {
  std::ifstream in("docs/formats/config.md");
  std::stringstream page;
  page << in.rdbuf();
  for (const std::string_view key : {"node",
                                     "data_dir",
                                     "listen.gateway",
                                     "listen.control",
                                     "tls.gateway",
                                     "tls.control",
                                     "tls.gateway.client_ca",
                                     "tls.gateway.client_cert",
                                     "threads",
                                     "journal.segment_bytes",
                                     "journal.lazy_window",
                                     "journal.queue_bytes_max",
                                     "limits.body_bytes_max",
                                     "limits.answer_bytes_max",
                                     "limits.connections_max",
                                     "limits.exchanges_max",
                                     "limits.exchange_time_max",
                                     "rulepacks.dir",
                                     "rulepacks.files",
                                     "providers[].name",
                                     "providers[].dialect",
                                     "providers[].base_url",
                                     "providers[].key_env",
                                     "providers[].key_file",
                                     "providers[].ca_file",
                                     "providers[].client_cert",
                                     "providers[].client_key",
                                     "providers[].timeouts",
                                     "routes[].name",
                                     "routes[].targets",
                                     "routes[].fallback",
                                     "routes[].rulepacks",
                                     "routes[].fallback_rulepacks",
                                     "routes[].mode",
                                     "routes[].durability",
                                     "routes[].capture",
                                     "routes[].uninspected",
                                     "routes[].translate",
                                     "tenants[].name",
                                     "tenants[].key_sha256",
                                     "tenants[].routes",
                                     "tenants[].limits.requests_per_minute",
                                     "tenants[].limits.tokens_per_minute",
                                     "flags[].name",
                                     "flags[].enabled",
                                     "detectors[].name",
                                     "detectors[].kind",
                                     "detectors[].class",
                                     "detectors[].window",
                                     "detectors[].baseline",
                                     "detectors[].min_count",
                                     "detectors[].false_alarms_per_day",
                                     "detectors[].tokens",
                                     "severity.tenants",
                                     "severity.records",
                                     "severity.route_percent",
                                     "severity.window",
                                     "containment.expiry_max",
                                     "auto_containment[].class",
                                     "auto_containment[].severity",
                                     "auto_containment[].do"}) {
    EXPECT_NE(page.str().find("`" + std::string(key) + "`"), std::string::npos) << key;
  }
}

TEST(Config, ReadsWhichClientsAListenerTrustsAndWhatAProviderIsShown) {
  const auto read = Config::parse(R"(
tls:
  gateway: {cert: a.pem, key: a.key, client_ca: clients.pem}
  control: {cert: a.pem, key: a.key, client_ca: people.pem, client_cert: optional}
providers:
  - {name: p, base_url: 'https://api.example.com', client_cert: us.pem, client_key: us.key}
)",
                                  "test.yaml");
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->gateway.client_ca, "clients.pem");
  EXPECT_EQ(read->gateway.client_cert, ClientCert::required);
  EXPECT_EQ(read->control.client_ca, "people.pem");
  EXPECT_EQ(read->control.client_cert, ClientCert::optional);
  EXPECT_EQ(read->providers[0].client_cert, "us.pem");
  EXPECT_EQ(read->providers[0].client_key, "us.key");
}

TEST(Config, RefusesClientCertificatesThatWouldNeverBeAskedOrShown) {
  const std::pair<const char*, const char*> cases[] = {
      {"tls: {gateway: {client_ca: c}}", "cert"},
      {"tls: {gateway: {cert: a, key: b, client_cert: optional}}",
       "1:47: found client_cert, expected client_ca beside it"},
      {"tls: {gateway: {cert: a, key: b, client_ca: c, client_cert: maybe}}", "found 'maybe'"},
      {"providers: [{name: p, base_url: 'https://a.test', client_cert: c}]", "client_key"},
      {"providers: [{name: p, base_url: 'https://a.test', client_key: c}]", "client_cert"},
      {"providers: [{name: p, base_url: 'http://a.test', client_cert: c, client_key: k}]",
       "found client_cert, expected an https base_url"},
  };
  for (const auto& [text, told] : cases) {
    const auto read = Config::parse(text, "test.yaml");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().detail.find("test.yaml:1:"), 0U) << read.error().detail;
    EXPECT_NE(read.error().detail.find(told), std::string::npos) << read.error().detail;
  }
}

}  // namespace
}  // namespace cordon::model
