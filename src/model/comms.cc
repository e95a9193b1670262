#include "model/comms.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace cordon::model {
namespace {

constexpr std::array<std::string_view, kAudienceCount> kAudiences = {
    "engineering", "product", "support", "legal", "customer"};
constexpr std::array<std::string_view, 4> kKinds = {"webhook", "slack", "mattermost", "pagerduty"};
constexpr std::array<std::string_view, kPageAudienceCount> kPageAudiences = {"on_call",
                                                                             "executives"};
constexpr std::array<std::string_view, 3> kOutcomes = {"sent", "failed", "in_doubt"};

template <std::size_t N>
Result<std::size_t> index_in(const std::array<std::string_view, N>& words, std::string_view text,
                             std::string_view what) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    return fail(Errc::invalid, fmt::format("unknown {} '{}', expected one of {}", what,
                                           text.substr(0, 40), fmt::join(words, ", ")));
  }
  return static_cast<std::size_t>(found - words.begin());
}

}  // namespace

std::string_view to_string(Audience audience) noexcept {
  return kAudiences[static_cast<std::size_t>(audience)];
}
Result<Audience> parse_audience(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kAudiences, text, "audience"));
  return static_cast<Audience>(at);
}

std::string_view to_string(PageAudience audience) noexcept {
  return kPageAudiences[static_cast<std::size_t>(audience)];
}

std::string_view to_string(ConnectorKind kind) noexcept {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::string_view to_string(DeliveryOutcome outcome) noexcept {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}
Result<DeliveryOutcome> parse_delivery_outcome(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kOutcomes, text, "outcome of a delivery"));
  return static_cast<DeliveryOutcome>(at);
}

}  // namespace cordon::model
