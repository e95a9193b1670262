#include "dialect/protocol.h"

#include "dialect/callout.h"
#include "dialect/internal/protocols.h"

#include <array>

namespace cordon::dialect {
namespace {

const std::array<const Protocol*, kSurfaceCount>& all() noexcept {
  static const std::array<const Protocol*, kSurfaceCount> kAll = {
      &openai::protocol(Surface::chat),
      &anthropic::protocol(Surface::messages),
      &anthropic::protocol(Surface::count_tokens),
      &openai::protocol(Surface::completions),
      &openai::protocol(Surface::embeddings),
      &openai::protocol(Surface::moderations),
      &openai::protocol(Surface::responses),
      &callout::litellm(),
      &callout::portkey(),
      &callout::agentgateway_request(),
      &callout::agentgateway_response(),
      &callout::kong()};
  return kAll;
}

}  // namespace

const Protocol& protocol_of(model::Dialect dialect) noexcept {
  return protocol_of(dialect == model::Dialect::anthropic ? Surface::messages : Surface::chat);
}

const Protocol& protocol_of(Surface surface) noexcept {
  return *all()[static_cast<std::size_t>(surface)];
}

const Protocol* protocol_at(std::string_view path) noexcept {
  for (const Protocol* const protocol : all()) {
    if (protocol->gateway_path() == path) return protocol;
  }
  if (!path.starts_with(kCalloutPrefix)) return nullptr;
  for (const Protocol* const protocol : all()) {
    if (protocol->answered_by() != AnsweredBy::decision) continue;
    if (!callout_route(path, *protocol).empty()) return protocol;
  }
  return nullptr;
}

}  // namespace cordon::dialect
