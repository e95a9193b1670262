#include "api/routes.h"

#include "api/handlers.h"
#include "base/percent.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::api {
namespace {

using containment::Role;

constexpr std::optional<Role> kAnybody;
// A thousand alerts with their labels.
constexpr std::size_t kNotificationBytesMax = 2 * 1024 * 1024;

constexpr std::array kRoutes = {
    Route{"GET", "/livez", kAnybody, handle_livez},
    Route{"GET", "/readyz", kAnybody, handle_readyz},
    Route{"GET", "/metrics", kAnybody, handle_metrics},
    Route{"GET", "/api/v1/openapi.json", kAnybody, handle_openapi},
    Route{"GET", "/api/v1/whoami", Role::viewer, handle_whoami},
    Route{"GET", "/api/v1/state", Role::viewer, handle_state},
    Route{"GET", "/api/v1/generations/current", Role::viewer, handle_generation},
    Route{"GET", "/api/v1/generations", Role::viewer, handle_generations},
    Route{"GET", "/api/v1/generations/{id}", Role::viewer, handle_past_generation},
    Route{"POST", "/api/v1/generations/{id}/revoke", Role::commander, handle_revoke_generation},
    Route{"GET", "/api/v1/diff", Role::viewer, handle_diff},
    Route{"GET", "/api/v1/preview", Role::viewer, handle_preview},
    Route{"GET", "/api/v1/tokens", Role::admin, handle_tokens},
    Route{"POST", "/api/v1/tokens", Role::admin, handle_mint_token},
    Route{"POST", "/api/v1/tokens/{id}/revoke", Role::admin, handle_revoke_token},
    Route{"GET", "/api/v1/keys", Role::viewer, handle_keys},
    Route{"POST", "/api/v1/keys", Role::admin, handle_issue_key},
    Route{"POST", "/api/v1/keys/{id}/rotate", Role::admin, handle_rotate_key},
    Route{"POST", "/api/v1/keys/{id}/expire", Role::admin, handle_expire_key},
    Route{"POST", "/api/v1/keys/{id}/revoke", Role::responder, handle_revoke_key},
    Route{"GET", "/api/v1/containments", Role::viewer, handle_containments},
    Route{"GET", "/api/v1/containments/{id}", Role::viewer, handle_containment},
    Route{"GET", "/api/v1/containments/{id}/receipt", Role::viewer, handle_receipt},
    Route{"POST", "/api/v1/containments/{id}/renew", Role::responder, handle_renew},
    Route{"POST", "/api/v1/containments/{id}/release", Role::responder, handle_release},
    Route{"POST", "/api/v1/switches", Role::responder, handle_set_switch},
    Route{"POST", "/api/v1/modes", Role::responder, handle_set_mode},
    Route{"POST", "/api/v1/fallbacks", Role::responder, handle_set_fallback},
    Route{"POST", "/api/v1/rollbacks", Role::commander, handle_set_rollback},
    Route{"POST", "/api/v1/config/reload", Role::admin, handle_reload_config},
    Route{"GET", "/api/v1/approvals", Role::viewer, handle_approvals},
    Route{"POST", "/api/v1/approvals/{id}/give", Role::approver, handle_give_approval},
    Route{"POST", "/api/v1/approvals/{id}/decline", Role::responder, handle_decline},
    Route{"GET", "/api/v1/signals", Role::viewer, handle_signals},
    Route{"POST", "/api/v1/signals", Role::responder, handle_report_signal},
    Route{"POST", "/api/v1/ingest/alertmanager", Role::ingest, handle_alertmanager,
          kNotificationBytesMax},
    Route{"POST", "/api/v1/reports", Role::ingest, handle_report},
    Route{"GET", "/api/v1/reports/{id}", Role::responder, handle_read_report},
    Route{"GET", "/api/v1/baseline", Role::viewer, handle_baseline},
    Route{"POST", "/api/v1/baseline", Role::policy_author, handle_pin_baseline},
    Route{"GET", "/api/v1/baseline/diff", Role::viewer, handle_baseline_diff},
    Route{"GET", "/api/v1/pages", Role::viewer, handle_pages},
    Route{"POST", "/api/v1/pages/{id}/ack", Role::responder, handle_ack_page},
    Route{"GET", "/api/v1/incidents", Role::viewer, handle_incidents},
    Route{"GET", "/api/v1/incidents/{id}", Role::viewer, handle_incident},
    Route{"GET", "/api/v1/incidents/{id}/timeline", Role::viewer, handle_timeline},
    Route{"GET", "/api/v1/incidents/{id}/severity", Role::viewer, handle_severity},
    Route{"POST", "/api/v1/incidents/{id}/commander", Role::responder, handle_commander},
    Route{"POST", "/api/v1/incidents/{id}/severity", Role::responder, handle_set_severity},
    Route{"GET", "/api/v1/incidents/{id}/options", Role::viewer, handle_options},
    Route{"GET", "/api/v1/incidents/{id}/related", Role::viewer, handle_related},
    Route{"POST", "/api/v1/incidents/{id}/roles", Role::responder, handle_role},
    Route{"POST", "/api/v1/incidents/{id}/exposure", Role::responder, handle_exposure},
    Route{"POST", "/api/v1/incidents/{id}/affected", Role::responder, handle_affected},
    Route{"POST", "/api/v1/incidents/{id}/impact", Role::responder, handle_impact},
    Route{"POST", "/api/v1/incidents/{id}/merge", Role::responder, handle_merge},
    Route{"POST", "/api/v1/incidents/{id}/move", Role::responder, handle_move},
    Route{"GET", "/api/v1/incidents/{id}/mitigations", Role::viewer, handle_mitigations},
    Route{"POST", "/api/v1/incidents/{id}/mitigations", Role::responder, handle_declare_mitigation},
    Route{"GET", "/api/v1/incidents/{id}/scorecard", Role::viewer, handle_scorecard},
    Route{"GET", "/api/v1/incidents/{id}/evidence", Role::auditor, handle_evidence},
    Route{"POST", "/api/v1/incidents/{id}/evidence", Role::responder, handle_freeze},
    Route{"GET", "/api/v1/incidents/{id}/updates", Role::viewer, handle_updates},
    Route{"POST", "/api/v1/incidents/{id}/updates", Role::responder, handle_draft_update},
    Route{"GET", "/api/v1/updates/{id}", Role::viewer, handle_update},
    Route{"POST", "/api/v1/updates/{id}/approve", Role::approver, handle_approve_update},
    Route{"POST", "/api/v1/updates/{id}/send", Role::responder, handle_send_update},
    Route{"POST", "/api/v1/updates/{id}/ack", Role::viewer, handle_ack_update},
    Route{"GET", "/api/v1/incidents/{id}/review", Role::viewer, handle_review},
    Route{"POST", "/api/v1/incidents/{id}/review", Role::responder, handle_draft_review},
    Route{"POST", "/api/v1/incidents/{id}/review/lint", Role::viewer, handle_lint_review},
    Route{"POST", "/api/v1/incidents/{id}/review/move", Role::responder, handle_move_review},
    Route{"GET", "/api/v1/incidents/{id}/actions", Role::viewer, handle_actions},
    Route{"POST", "/api/v1/incidents/{id}/actions", Role::responder, handle_add_action},
    Route{"POST", "/api/v1/actions/{id}/done", Role::responder, handle_finish_action},
    Route{"POST", "/api/v1/actions/{id}/verify", Role::responder, handle_verify_action},
    Route{"POST", "/api/v1/incidents/{id}/exception", Role::responder, handle_exception},
    Route{"GET", "/api/v1/incidents/{id}/score", Role::viewer, handle_score},
    Route{"GET", "/api/v1/rulepacks", Role::viewer, handle_rulepacks},
    Route{"POST", "/api/v1/rulepacks", Role::policy_author, handle_publish_rulepack,
          kPackBodyBytesMax},
    Route{"GET", "/api/v1/rulepacks/{id}", Role::viewer, handle_rulepack},
    Route{"GET", "/api/v1/rulepacks/{id}/text", Role::policy_author, handle_rulepack_text},
    Route{"POST", "/api/v1/rulepacks/{id}/rollback", Role::policy_author, handle_rollback_rulepack},
    Route{"GET", "/api/v1/replays", Role::viewer, handle_replays},
    Route{"POST", "/api/v1/replays/run", Role::policy_author, handle_run_replays,
          kPackBodyBytesMax},
    Route{"POST", "/api/v1/replays/{id}/export", Role::auditor, handle_export_replay},
    Route{"POST", "/api/v1/incidents/{id}/replays", Role::responder, handle_build_replay,
          kPackBodyBytesMax},
    Route{"GET", "/api/v1/traffic", Role::viewer, handle_traffic},
    Route{"GET", "/api/v1/usage", Role::viewer, handle_usage},
    Route{"GET", "/api/v1/log/checkpoint", kAnybody, handle_checkpoint},
    Route{"GET", "/api/v1/log/vkey", kAnybody, handle_vkey},
};

/// Whether `path` has the shape of `pattern`; `id` is what `{id}` stood for.
bool fits(std::string_view pattern, std::string_view path, std::string& id) {
  constexpr std::string_view kHole = "{id}";
  const std::size_t hole = pattern.find(kHole);
  if (hole == pattern.npos) return pattern == path;
  const std::string_view before = pattern.substr(0, hole);
  const std::string_view after = pattern.substr(hole + kHole.size());
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after)) {
    return false;
  }
  path.remove_prefix(before.size());
  path.remove_suffix(after.size());
  if (path.find('/') != path.npos) return false;
  id = std::string(path);
  return true;
}

/// One key or value of a query, where a plus is a space.
Result<std::string> query_text(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  auto decoded = percent_decoded(text);
  if (!decoded) return fail(Errc::invalid, "a query with a broken % escape");
  return *std::move(decoded);
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

Found find_route(std::string_view method, std::string_view path) {
  Found found;
  for (const Route& route : kRoutes) {
    std::string id;
    if (!fits(route.pattern, path, id)) continue;
    found.path_known = true;
    if (route.method != method) continue;
    found.route = &route;
    found.id = std::move(id);
    break;
  }
  return found;
}

Result<std::map<std::string, std::string, std::less<>>> parse_query(std::string_view text) {
  constexpr std::size_t kKeysMax = 32;
  std::map<std::string, std::string, std::less<>> query;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view part = text.substr(0, end);
    const std::size_t equals = part.find('=');
    CORDON_TRY(std::string key, query_text(std::string(part.substr(0, equals))));
    CORDON_TRY(std::string value,
               query_text(equals == part.npos ? "" : std::string(part.substr(equals + 1))));
    if (!query.emplace(std::move(key), std::move(value)).second || query.size() > kKeysMax) {
      return fail(Errc::invalid,
                  fmt::format("a query key stands twice, or there are more than {}", kKeysMax));
    }
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return query;
}

}  // namespace cordon::api
