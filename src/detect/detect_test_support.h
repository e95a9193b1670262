// Ends of exchanges as tests write them.
#pragma once

#include "model/exchange.h"

#include <string>

namespace cordon::detect {

inline const WallTime kNoon = *parse_rfc3339("2026-01-05T12:00:00Z");

/// A clean, complete exchange of 2 ms.
inline model::EndRecord clean(const std::string& route = "support",
                              const std::string& tenant = "acme") {
  model::EndRecord end;
  end.head = {"x", 7, tenant, route, "", "sim", "large", model::Mode::standard};
  end.status = 200;
  end.total_us = 2'000;
  end.tokens_in = 10;
  end.tokens_out = 20;
  return end;
}

/// A leak of `delivered` card numbers; 0 is one that was redacted.
inline model::EndRecord leak(std::uint32_t delivered, const std::string& route = "support",
                             const std::string& tenant = "acme") {
  model::EndRecord end = clean(route, tenant);
  model::Hit hit;
  hit.rule = "leak.card-number";
  hit.of_class = model::IncidentClass::data_leakage;
  hit.data_kind = "payment_card";
  hit.personal = true;
  hit.verdict = model::Action::redact;
  hit.action = delivered > 0 ? model::Action::allow : model::Action::redact;
  hit.count = delivered > 0 ? delivered : 1;
  hit.delivered = delivered;
  end.hits = {hit};
  return end;
}

}  // namespace cordon::detect
