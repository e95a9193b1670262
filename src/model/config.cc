#include "model/config.h"

#include "codec/yaml.h"
#include "model/internal/config_signals.h"
#include "model/internal/read_comms.h"
#include "model/internal/read_resilience.h"
#include "model/internal/read_usage.h"
#include "model/internal/yaml_fields.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <set>

namespace cordon::model {
namespace {

using codec::YamlNode;
using namespace internal;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, kDialectCount> kDialects = {"openai", "anthropic"};
constexpr std::array<std::string_view, 4> kModes = {"observe", "standard", "emergency", "lockdown"};
constexpr std::array<std::string_view, 3> kDurabilities = {"before_answer", "before_forward",
                                                           "deferred"};
constexpr std::array<std::string_view, kIncidentClassCount> kClasses = {
    "prompt_injection_bypass", "unsafe_output", "data_leakage", "policy_drift"};
constexpr std::array<std::string_view, 2> kClientCerts = {"required", "optional"};
constexpr std::array<std::string_view, 3> kAutoDo = {"shadow", "ask", "act"};
constexpr std::array<std::string_view, 3> kSeverities = {"SEV-1", "SEV-2", "SEV-3"};

constexpr std::size_t kItemsMax = 10'000;
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr Milliseconds kDay = std::chrono::hours(24);

/// `127.0.0.1:8080` or `[::1]:8080`.
Result<Listen> as_listen(const YamlNode& node) {
  const auto refuse = [&node] {
    return tl::make_unexpected(node.expected("an IP address and a port like 127.0.0.1:8080"));
  };
  CORDON_TRY(const std::string text, node.as_nonempty_string());
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return refuse();
  std::string address = text.substr(0, colon);
  const bool six = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (six) address = address.substr(1, address.size() - 2);
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  if (inet_pton(six ? AF_INET6 : AF_INET, address.c_str(), parsed.data()) != 1) return refuse();
  Listen listen{address, 0, {}, {}};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, listen.port);
  if (error != std::errc() || stop != end) return refuse();
  return listen;
}

Status read_listen(const YamlNode& root, Config& config) {
  const YamlNode* node = section(root, "listen");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"gateway", "control"};
  CORDON_CHECK(node->check_keys(kKeys));
  if (const YamlNode* gateway = node->find("gateway")) {
    CORDON_TRY(config.gateway, as_listen(*gateway));
  }
  if (const YamlNode* control = node->find("control")) {
    CORDON_TRY(config.control, as_listen(*control));
    if (config.control.port != 0 && config.control.port == config.gateway.port &&
        config.control.address == config.gateway.address) {
      return tl::make_unexpected(control->expected("another address or port than the gateway's"));
    }
  }
  return {};
}

Status read_certificate(const YamlNode& tls, std::string_view key, Listen& listen) {
  const YamlNode* node = section(tls, key);
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 4> kKeys = {"cert", "key", "client_ca",
                                                            "client_cert"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(node->require("cert"));
  CORDON_CHECK(node->require("key"));
  CORDON_CHECK(read_text(*node, "cert", listen.cert_file));
  CORDON_CHECK(read_text(*node, "key", listen.key_file));
  CORDON_CHECK(read_text(*node, "client_ca", listen.client_ca));
  if (const YamlNode* need = node->find("client_cert");
      need != nullptr && listen.client_ca.empty()) {
    return tl::make_unexpected(need->error("found client_cert, expected client_ca beside it"));
  }
  return read_word(*node, "client_cert", kClientCerts, listen.client_cert);
}

Status read_tls(const YamlNode& root, Config& config) {
  const YamlNode* node = section(root, "tls");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"gateway", "control"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_certificate(*node, "gateway", config.gateway));
  return read_certificate(*node, "control", config.control);
}

Status read_journal(const YamlNode& root, JournalConfig& journal) {
  const YamlNode* node = section(root, "journal");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 3> kKeys = {"segment_bytes", "lazy_window",
                                                            "queue_bytes_max"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_bytes(*node, "segment_bytes", kMiB, 4 * kGiB, journal.segment_bytes));
  CORDON_CHECK(read_duration(*node, "lazy_window", 1ms, 1s, journal.lazy_window));
  return read_bytes(*node, "queue_bytes_max", kMiB, kGiB, journal.queue_bytes_max);
}

Status read_limits(const YamlNode& root, Limits& limits) {
  const YamlNode* node = section(root, "limits");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 5> kKeys = {"body_bytes_max", "answer_bytes_max",
                                                            "connections_max", "exchanges_max",
                                                            "exchange_time_max"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_bytes(*node, "body_bytes_max", kKiB, kGiB, limits.body_bytes_max));
  CORDON_CHECK(read_bytes(*node, "answer_bytes_max", kKiB, kGiB, limits.answer_bytes_max));
  CORDON_CHECK(read_count(*node, "connections_max", 1, 1'000'000, limits.connections_max));
  CORDON_CHECK(read_count(*node, "exchanges_max", 1, 1'000'000, limits.exchanges_max));
  return read_duration(*node, "exchange_time_max", 1s, kDay, limits.exchange_time_max);
}

Status read_timeouts(const YamlNode& provider, Timeouts& timeouts) {
  const YamlNode* node = section(provider, "timeouts");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 3> kKeys = {"connect", "first_byte", "idle"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_duration(*node, "connect", 10ms, 60s, timeouts.connect));
  CORDON_CHECK(read_duration(*node, "first_byte", 10ms, 1h, timeouts.first_byte));
  return read_duration(*node, "idle", 10ms, 1h, timeouts.idle);
}

Status read_client_certificate(const YamlNode& node, ProviderConfig& provider) {
  const YamlNode* const cert = node.find("client_cert");
  const YamlNode* const key = node.find("client_key");
  if (cert == nullptr && key == nullptr) return {};
  CORDON_CHECK(node.require("client_cert"));
  CORDON_CHECK(node.require("client_key"));
  if (!provider.provider.endpoint.tls) {
    return tl::make_unexpected(cert->error("found client_cert, expected an https base_url"));
  }
  CORDON_CHECK(read_text(node, "client_cert", provider.client_cert));
  return read_text(node, "client_key", provider.client_key);
}

Status read_providers(const YamlNode& root, Config& config) {
  Names names("provider");
  return each(root, "providers", kItemsMax, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 11> kKeys = {
        "name",        "dialect",    "base_url", "key_env", "key_file",    "ca_file",
        "client_cert", "client_key", "timeouts", "breaker", "retry_budget"};
    CORDON_CHECK(node.check_keys(kKeys));
    ProviderConfig provider;
    CORDON_TRY(provider.provider.name, names.take(node));
    CORDON_CHECK(read_word(node, "dialect", kDialects, provider.provider.dialect));
    CORDON_TRY(const YamlNode* url, node.require("base_url"));
    CORDON_TRY(const std::string text, url->as_nonempty_string());
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint) {
      return tl::make_unexpected(
          url->expected("a base URL like https://api.example.com/v1 without user, query or "
                        "fragment"));
    }
    provider.provider.endpoint = *endpoint;
    CORDON_CHECK(read_text(node, "key_env", provider.key_env));
    CORDON_CHECK(read_text(node, "key_file", provider.key_file));
    CORDON_CHECK(read_text(node, "ca_file", provider.provider.ca_file));
    CORDON_CHECK(read_client_certificate(node, provider));
    if (!provider.key_env.empty() && !provider.key_file.empty()) {
      return tl::make_unexpected(
          node.find("key_file")->error("found key_file beside key_env, expected one of them"));
    }
    CORDON_CHECK(read_timeouts(node, provider.provider.timeouts));
    CORDON_CHECK(read_health(node, provider.provider));
    config.providers.push_back(std::move(provider));
    return {};
  });
}

Status read_targets(const YamlNode& route, std::string_view key, Words providers,
                    std::vector<Target>& targets) {
  return each(route, key, kTargetsMax, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 3> kKeys = {"provider", "model", "weight"};
    // A fallback is tried in order, so nothing weighs in it.
    CORDON_CHECK(node.check_keys(std::span(kKeys).first(key == "targets" ? 3 : 2)));
    CORDON_TRY(const YamlNode* provider, node.require("provider"));
    CORDON_TRY(const YamlNode* model, node.require("model"));
    if (providers.empty()) {
      return tl::make_unexpected(provider->expected("a provider, but the file names none"));
    }
    CORDON_TRY(const std::size_t index, provider->as_one_of(providers));
    CORDON_TRY(std::string name, as_name(*model));
    Target target{std::string(providers[index]), std::move(name)};
    CORDON_CHECK(read_count(node, "weight", 1, kWeightMax, target.weight));
    const bool known = std::any_of(targets.begin(), targets.end(), [&](const Target& other) {
      return other.provider == target.provider && other.model == target.model;
    });
    if (known) {
      return tl::make_unexpected(node.error(fmt::format(
          "found target {}/{} a second time, expected each once", target.provider, target.model)));
    }
    targets.push_back(std::move(target));
    return {};
  });
}

Status read_rulepack_names(const YamlNode& node, std::string_view key, const RulepacksConfig& known,
                           std::vector<std::string>& rulepacks) {
  return each(node, key, 100, [&](const YamlNode& item) -> Status {
    if (known.dir.empty() && known.files.empty()) {
      CORDON_CHECK(item.as_one_of(kBuiltinRulepacks));
    }
    CORDON_TRY(std::string name, as_name(item));
    if (std::find(rulepacks.begin(), rulepacks.end(), name) != rulepacks.end()) {
      return tl::make_unexpected(item.error(
          fmt::format("found the rulepack '{}' a second time, expected each once", name)));
    }
    rulepacks.push_back(std::move(name));
    return {};
  });
}

Status read_route_rulepacks(const YamlNode& node, const RulepacksConfig& known,
                            RouteConfig& route) {
  if (section(node, "rulepacks") == nullptr) {
    route.rulepacks.assign(std::begin(kBuiltinRulepacks), std::end(kBuiltinRulepacks));
  } else {
    CORDON_CHECK(read_rulepack_names(node, "rulepacks", known, route.rulepacks));
  }
  const YamlNode* own = section(node, "fallback_rulepacks");
  if (own == nullptr) return {};
  if (route.fallback.empty()) {
    return tl::make_unexpected(own->error("found rulepacks for a fallback, expected `fallback`"));
  }
  route.fallback_rulepacks.emplace();
  return read_rulepack_names(node, "fallback_rulepacks", known, *route.fallback_rulepacks);
}

Status read_routes(const YamlNode& root, Config& config) {
  Names names("route");
  const auto providers = views_of(config.providers, [](const ProviderConfig& provider) {
    return std::string_view(provider.provider.name);
  });
  return each(root, "routes", kItemsMax, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 13> kKeys = {
        "name",   "targets",    "fallback", "rulepacks",   "fallback_rulepacks",
        "mode",   "durability", "capture",  "uninspected", "retry",
        "choose", "on_cut",     "translate"};
    static constexpr std::array<std::string_view, 2> kSwitch = {"off", "on"};
    static constexpr std::array<std::string_view, 2> kUninspected = {"refuse", "pass"};
    CORDON_CHECK(node.check_keys(kKeys));
    RouteConfig route;
    CORDON_TRY(route.name, names.take(node));
    CORDON_TRY(const YamlNode* targets, node.require("targets"));
    CORDON_CHECK(read_targets(node, "targets", providers, route.targets));
    // A route without targets decides for other gateways; that is never what a slip leaves behind.
    if (route.targets.empty() && !targets->is_sequence()) {
      return tl::make_unexpected(
          targets->error("found no target, expected at least one, or [] for a route that only "
                         "decides for other gateways"));
    }
    CORDON_CHECK(read_targets(node, "fallback", providers, route.fallback));
    if (route.targets.empty() && !route.fallback.empty()) {
      return tl::make_unexpected(targets->error("found no target, expected one beside `fallback`"));
    }
    CORDON_CHECK(read_route_rulepacks(node, config.rulepacks, route));
    CORDON_CHECK(read_word(node, "mode", kModes, route.mode));
    CORDON_CHECK(read_word(node, "durability", kDurabilities, route.durability));
    CORDON_CHECK(read_word(node, "capture", kSwitch, route.capture));
    CORDON_CHECK(read_word(node, "uninspected", kUninspected, route.uninspected));
    CORDON_CHECK(read_word(node, "translate", kSwitch, route.translate));
    CORDON_CHECK(read_resilience(node, route));
    config.routes.push_back(std::move(route));
    return {};
  });
}

Result<std::string> as_key_hash(const YamlNode& node) {
  CORDON_TRY(std::string text, node.as_nonempty_string());
  const bool hex = text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
                     return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                   });
  if (hex) return text;
  // What stands there may be the key itself, so it is not repeated.
  return tl::make_unexpected(
      node.error("found something else, expected the SHA-256 of a key: 64 lower-case hex digits"));
}

/// A hash alone, or `{sha256, limits}`. Answers with the hash.
Result<std::string> read_key_hash(const YamlNode& item, const Prices& prices, Tenant& tenant) {
  if (!item.is_mapping()) return as_key_hash(item);
  static constexpr std::array<std::string_view, 2> kKeys = {"sha256", "limits"};
  CORDON_CHECK(item.check_keys(kKeys));
  CORDON_TRY(const YamlNode* node, item.require("sha256"));
  CORDON_TRY(std::string hash, as_key_hash(*node));
  UsageLimits limits;
  CORDON_CHECK(read_usage_limits(item, prices, limits));
  if (limits.any()) tenant.key_limits.push_back({hash, limits});
  return hash;
}

Status read_tenants(const YamlNode& root, Config& config) {
  Names names("tenant");
  std::set<std::string> keys_seen;
  auto routes = views_of(config.routes,
                         [](const RouteConfig& route) { return std::string_view(route.name); });
  routes.emplace_back("*");
  return each(root, "tenants", kItemsMax, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 4> kKeys = {"name", "key_sha256", "routes",
                                                              "limits"};
    CORDON_CHECK(node.check_keys(kKeys));
    Tenant tenant;
    CORDON_TRY(tenant.name, names.take(node));
    CORDON_CHECK(each(node, "key_sha256", 100, [&](const YamlNode& item) -> Status {
      CORDON_TRY(std::string hash, read_key_hash(item, config.prices, tenant));
      if (!keys_seen.insert(hash).second) {
        return tl::make_unexpected(
            item.error("found a key hash a second time, expected each key to name one tenant"));
      }
      tenant.key_sha256.push_back(std::move(hash));
      return {};
    }));
    CORDON_CHECK(node.require("routes"));
    CORDON_CHECK(each(node, "routes", kItemsMax, [&](const YamlNode& item) -> Status {
      CORDON_TRY(const std::size_t index, item.as_one_of(routes));
      tenant.routes.emplace_back(routes[index]);
      return {};
    }));
    CORDON_CHECK(read_usage_limits(node, config.prices, tenant.limits));
    config.tenants.push_back(std::move(tenant));
    return {};
  });
}

Status read_flags(const YamlNode& root, Config& config) {
  Names names("flag");
  return each(root, "flags", kItemsMax, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 2> kKeys = {"name", "enabled"};
    CORDON_CHECK(node.check_keys(kKeys));
    Flag flag;
    CORDON_TRY(flag.name, names.take(node));
    if (const YamlNode* enabled = node.find("enabled")) {
      CORDON_TRY(flag.enabled, enabled->as_bool());
    }
    config.flags.push_back(std::move(flag));
    return {};
  });
}

Status read_rulepacks(const YamlNode& root, RulepacksConfig& rulepacks) {
  const YamlNode* node = section(root, "rulepacks");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"dir", "files"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_text(*node, "dir", rulepacks.dir));
  return each(*node, "files", 1'000, [&](const YamlNode& item) -> Status {
    CORDON_TRY(std::string file, item.as_nonempty_string());
    rulepacks.files.push_back(std::move(file));
    return {};
  });
}

Status read_containment(const YamlNode& root, ContainmentConfig& containment) {
  const YamlNode* node = section(root, "containment");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 1> kKeys = {"expiry_max"};
  CORDON_CHECK(node->check_keys(kKeys));
  return read_duration(*node, "expiry_max", 1min, 365 * kDay, containment.expiry_max);
}

Status read_auto_containment(const YamlNode& root, Config& config) {
  std::set<std::pair<IncidentClass, int>> seen;
  return each(root, "auto_containment", 100, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 3> kKeys = {"class", "severity", "do"};
    CORDON_CHECK(node.check_keys(kKeys));
    for (const std::string_view key : kKeys) {
      CORDON_CHECK(node.require(key));
    }
    AutoContainment rule;
    std::size_t severity = 0;
    CORDON_CHECK(read_word(node, "class", kClasses, rule.of_class));
    CORDON_CHECK(read_word(node, "severity", kSeverities, severity));
    CORDON_CHECK(read_word(node, "do", kAutoDo, rule.what));
    rule.severity = static_cast<int>(severity) + 1;
    if (!seen.emplace(rule.of_class, rule.severity).second) {
      return tl::make_unexpected(
          node.error(fmt::format("found {} and SEV-{} a second time, expected each pair once",
                                 to_string(rule.of_class), rule.severity)));
    }
    config.auto_containment.push_back(rule);
    return {};
  });
}

Status read_root(const YamlNode& root, Config& config) {
  static constexpr std::array<std::string_view, 22> kKeys = {
      "node",       "data_dir",    "listen",           "tls",
      "threads",    "journal",     "providers",        "routes",
      "tenants",    "flags",       "rulepacks",        "limits",
      "detectors",  "severity",    "ingest",           "rota",
      "escalation", "containment", "auto_containment", "connectors",
      "updates",    "prices"};
  CORDON_CHECK(root.check_keys(kKeys));
  if (const YamlNode* node = root.find("node")) {
    CORDON_TRY(config.node, as_name(*node));
  }
  CORDON_CHECK(read_text(root, "data_dir", config.data_dir));
  CORDON_CHECK(read_count(root, "threads", 1, 256, config.threads));
  CORDON_CHECK(read_listen(root, config));
  CORDON_CHECK(read_tls(root, config));
  CORDON_CHECK(read_journal(root, config.journal));
  CORDON_CHECK(read_limits(root, config.limits));
  CORDON_CHECK(read_rulepacks(root, config.rulepacks));
  CORDON_CHECK(read_providers(root, config));
  CORDON_CHECK(read_prices(root, config));
  CORDON_CHECK(read_routes(root, config));
  CORDON_CHECK(read_tenants(root, config));
  CORDON_CHECK(read_flags(root, config));
  CORDON_CHECK(read_detectors(root, config.detectors));
  CORDON_CHECK(read_severity(root, config.severity));
  CORDON_CHECK(read_ingest(root, config.ingest));
  CORDON_CHECK(read_escalation(root, config.escalation));
  CORDON_CHECK(read_containment(root, config.containment));
  CORDON_CHECK(read_auto_containment(root, config));
  CORDON_CHECK(read_connectors(root, config));
  return read_updates(root, config.updates);
}

}  // namespace

std::string_view to_string(AutoDo what) noexcept {
  return kAutoDo[static_cast<std::size_t>(what)];
}

Result<Config> Config::parse(std::string_view text, std::string_view file) {
  CORDON_TRY(const YamlNode root, codec::parse_yaml(text, file));
  Config config;
  if (root.is_null()) {
    config.detectors = default_detectors();
    return config;
  }
  CORDON_CHECK(read_root(root, config));
  return config;
}

}  // namespace cordon::model
