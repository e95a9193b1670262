// The handlers of the table in routes.cc, one each; openapi.json says what they take and give.
#pragma once

#include "api/routes.h"

namespace cordon::api {

net::Task<Result<Reply>> handle_livez(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_readyz(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_metrics(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_openapi(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_whoami(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_state(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_generation(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_tokens(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_mint_token(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_revoke_token(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_containments(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_containment(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_receipt(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_renew(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_release(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_set_switch(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_set_mode(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_set_fallback(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_set_rollback(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_approvals(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_give_approval(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_decline(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_preview(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_diff(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_generations(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_past_generation(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_revoke_generation(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_signals(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_report_signal(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_alertmanager(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_report(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_read_report(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_baseline(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_baseline_diff(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_pin_baseline(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_options(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_reload_config(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_pages(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_ack_page(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_incidents(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_incident(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_timeline(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_severity(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_commander(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_role(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_set_severity(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_exposure(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_merge(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_impact(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_affected(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_related(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_move(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_mitigations(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_declare_mitigation(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_scorecard(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_evidence(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_freeze(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_updates(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_draft_update(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_update(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_approve_update(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_send_update(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_ack_update(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_review(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_draft_review(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_lint_review(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_move_review(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_actions(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_add_action(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_finish_action(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_verify_action(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_exception(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_score(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_rulepacks(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_rulepack(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_rulepack_text(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_publish_rulepack(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_rollback_rulepack(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_replays(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_build_replay(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_run_replays(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_export_replay(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_traffic(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_checkpoint(ControlPlane& control, const Call& call);
net::Task<Result<Reply>> handle_vkey(ControlPlane& control, const Call& call);

}  // namespace cordon::api
