// Who is told what happened, and through which door: audiences, connectors, and a message on its
// way. Values only; `incident` writes the text, `connect` delivers it, `app` joins them.
#pragma once

#include "base/clock.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::model {

/// Who an update is written for. `legal` stands for legal and executive readers.
enum class Audience : std::uint8_t { engineering, product, support, legal, customer };
inline constexpr std::size_t kAudienceCount = 5;
[[nodiscard]] std::string_view to_string(Audience audience) noexcept;
/// Refuses any other word as `invalid` and lists these.
[[nodiscard]] Result<Audience> parse_audience(std::string_view text);
/// Whether a second person must approve the text before it is sent.
[[nodiscard]] constexpr bool needs_approval(Audience audience) noexcept {
  return audience == Audience::legal || audience == Audience::customer;
}

/// Who a page calls: whoever is on call, or executives.
enum class PageAudience : std::uint8_t { on_call, executives };
inline constexpr std::size_t kPageAudienceCount = 2;
[[nodiscard]] std::string_view to_string(PageAudience audience) noexcept;

/// What a connector speaks. `webhook` posts a CloudEvent; `slack` and `mattermost` are incoming
/// webhooks of chats; `pagerduty` posts an event of its version 2, and takes pages only.
enum class ConnectorKind : std::uint8_t { webhook, slack, mattermost, pagerduty };
[[nodiscard]] std::string_view to_string(ConnectorKind kind) noexcept;

/// One way out of the node. The URL is a secret: chats put their token into it.
struct ConnectorConfig {
  std::string name;
  ConnectorKind kind = ConnectorKind::webhook;
  std::string url;
  std::string url_env;              ///< an environment variable that holds the URL; one of the two
  std::string routing_key_env;      ///< of a pagerduty: the variable that holds its integration key
  std::string ca_file;              ///< certificates to trust; empty trusts the system's
  std::vector<Audience> audiences;  ///< whose updates it takes
  std::vector<PageAudience> pages;  ///< whom it calls; one of the two lists has something
  std::uint32_t attempts_max = 5;
  std::chrono::milliseconds timeout{10'000};  ///< of one attempt
  friend bool operator==(const ConnectorConfig&, const ConnectorConfig&) = default;
};

/// Who writes the draft for customers once its rule fires: Cordon, or a person, who is then late
/// after `customer_due`.
enum class CustomerDraft : std::uint8_t { automatic, by_person };

/// When customers must be told, and who answers for the text.
struct UpdatesConfig {
  CustomerDraft customer_draft = CustomerDraft::automatic;
  std::uint32_t customer_tenants = 1;         ///< external tenants with delivered harm
  std::vector<std::string> internal_tenants;  ///< these are not customers
  std::string approver;  ///< whose approval the texts for customers and legal ask for
  std::chrono::milliseconds customer_due{3'600'000};
  friend bool operator==(const UpdatesConfig&, const UpdatesConfig&) = default;
};

/// A message on its way to one connector: an update, or a page if `page` is set.
struct Message {
  std::string key;  ///< the same for every attempt of one delivery
  std::string incident;
  std::string update;
  std::string page;
  std::string person;  ///< of a page: who is called; empty: everybody of the audience
  std::string audience;
  std::string severity;
  std::string state;
  std::string title;
  std::string text;  ///< plain text: a connector escapes all of it for its channel
  std::string source;
  WallTime sent_at{};
};

/// What became of a delivery.
enum class DeliveryOutcome : std::uint8_t {
  sent,      ///< the receiver said yes
  failed,    ///< it did not, and nothing more is tried
  in_doubt,  ///< it may have arrived; trying again could tell people twice
};
[[nodiscard]] std::string_view to_string(DeliveryOutcome outcome) noexcept;
[[nodiscard]] Result<DeliveryOutcome> parse_delivery_outcome(std::string_view text);

/// The end of a delivery, with what a person needs to know about it. Never a URL.
struct Delivery {
  DeliveryOutcome outcome = DeliveryOutcome::failed;
  std::uint32_t attempts = 0;
  int status = 0;  ///< of the last answer; 0 if there was none
  std::string reason;
};

}  // namespace cordon::model
