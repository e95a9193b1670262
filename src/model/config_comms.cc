#include "model/internal/read_comms.h"
#include "model/internal/yaml_fields.h"

#include <array>

namespace cordon::model::internal {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 4> kConnectorKinds = {"webhook", "slack", "mattermost",
                                                             "pagerduty"};
constexpr std::array<std::string_view, kPageAudienceCount> kPageWords = {"on_call", "executives"};
constexpr std::string_view kPagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";
constexpr std::array<std::string_view, kAudienceCount> kAudienceWords = {
    "engineering", "product", "support", "legal", "customer"};
constexpr std::array<std::string_view, 2> kCustomerDrafts = {"automatic", "by_person"};
constexpr std::size_t kUrlBytesMax = 2'048;

/// http or https, a host, no user. What stands there may be a secret, so it is never repeated.
bool is_web_url(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!url.starts_with(scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    const bool printable = std::all_of(url.begin(), url.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte > 0x20 && byte < 0x7f;
    });
    return !authority.empty() && authority.find('@') == authority.npos && printable &&
           url.find('#') == url.npos && url.size() <= kUrlBytesMax;
  }
  return false;
}

Status read_address(const YamlNode& node, ConnectorConfig& connector) {
  CORDON_CHECK(read_text(node, "url", connector.url));
  CORDON_CHECK(read_text(node, "url_env", connector.url_env));
  if (connector.kind == ConnectorKind::pagerduty && connector.url.empty() &&
      connector.url_env.empty()) {
    connector.url = kPagerDutyUrl;
    return {};
  }
  if (connector.url.empty() == connector.url_env.empty()) {
    return tl::make_unexpected(node.error(connector.url.empty()
                                              ? "found no address, expected url or url_env"
                                              : "found url beside url_env, expected one of them"));
  }
  if (connector.url.empty() || is_web_url(connector.url)) return {};
  return tl::make_unexpected(node.find("url")->error(
      "found something else, expected a URL like https://hooks.example.com/T0/B0/x without user "
      "or fragment"));
}

/// A list of words, each at most once.
template <class E, std::size_t N>
Status read_listeners(const YamlNode& node, std::string_view key,
                      const std::array<std::string_view, N>& words, std::vector<E>& all) {
  if (node.find(key) == nullptr) return {};
  return each(node, key, N, [&](const YamlNode& item) -> Status {
    CORDON_TRY(const std::size_t index, item.as_one_of(words));
    const auto listener = static_cast<E>(index);
    if (std::find(all.begin(), all.end(), listener) != all.end()) {
      return tl::make_unexpected(item.error(
          fmt::format("found {} a second time, expected each audience once", words[index])));
    }
    all.push_back(listener);
    return {};
  });
}

Status read_audiences(const YamlNode& node, ConnectorConfig& connector) {
  CORDON_CHECK(read_listeners(node, "audiences", kAudienceWords, connector.audiences));
  CORDON_CHECK(read_listeners(node, "pages", kPageWords, connector.pages));
  if (connector.audiences.empty() && connector.pages.empty()) {
    const YamlNode* list = node.find("audiences");
    return tl::make_unexpected((list != nullptr ? *list : node)
                                   .error("found no audience, expected at least one in audiences "
                                          "(updates) or pages (calls)"));
  }
  return {};
}

/// What only PagerDuty has, and what it has not.
Status read_pagerduty(const YamlNode& node, ConnectorConfig& connector) {
  CORDON_CHECK(read_text(node, "routing_key_env", connector.routing_key_env));
  if (connector.kind != ConnectorKind::pagerduty) {
    if (connector.routing_key_env.empty()) return {};
    return tl::make_unexpected(node.find("routing_key_env")
                                   ->error("found routing_key_env, expected it only on kind "
                                           "pagerduty"));
  }
  if (connector.routing_key_env.empty()) {
    return tl::make_unexpected(node.error(
        "found no routing_key_env, expected the environment variable that holds the key"));
  }
  if (connector.audiences.empty()) return {};
  return tl::make_unexpected(node.find("audiences")
                                 ->error("found audiences, expected pages only on kind pagerduty: "
                                         "it calls people, it is no channel for updates"));
}

}  // namespace

Status read_connectors(const YamlNode& root, Config& config) {
  Names names("connector");
  return each(root, "connectors", 100, [&](const YamlNode& node) -> Status {
    static constexpr std::array<std::string_view, 10> kKeys = {
        "name",    "kind",      "url",   "url_env",      "routing_key_env",
        "ca_file", "audiences", "pages", "attempts_max", "timeout"};
    CORDON_CHECK(node.check_keys(kKeys));
    ConnectorConfig connector;
    CORDON_TRY(connector.name, names.take(node));
    CORDON_CHECK(node.require("kind"));
    CORDON_CHECK(read_word(node, "kind", kConnectorKinds, connector.kind));
    CORDON_CHECK(read_address(node, connector));
    CORDON_CHECK(read_text(node, "ca_file", connector.ca_file));
    CORDON_CHECK(read_audiences(node, connector));
    CORDON_CHECK(read_pagerduty(node, connector));
    CORDON_CHECK(read_count(node, "attempts_max", 1, 20, connector.attempts_max));
    CORDON_CHECK(read_duration(node, "timeout", 100ms, 60s, connector.timeout));
    config.connectors.push_back(std::move(connector));
    return {};
  });
}

Status read_updates(const YamlNode& root, UpdatesConfig& updates) {
  const YamlNode* node = section(root, "updates");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 5> kKeys = {
      "customer_draft", "customer_tenants", "internal_tenants", "approver", "customer_due"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_word(*node, "customer_draft", kCustomerDrafts, updates.customer_draft));
  CORDON_CHECK(read_count(*node, "customer_tenants", 1, 1'000'000, updates.customer_tenants));
  if (const YamlNode* approver = node->find("approver")) {
    CORDON_TRY(updates.approver, as_name(*approver));
  }
  CORDON_CHECK(each(*node, "internal_tenants", 10'000, [&](const YamlNode& item) -> Status {
    CORDON_TRY(std::string name, as_name(item));
    updates.internal_tenants.push_back(std::move(name));
    return {};
  }));
  return read_duration(*node, "customer_due", 1min, 24h, updates.customer_due);
}

}  // namespace cordon::model::internal
