# Signals of others, correlation, severity and people; read by tests/e2e/run.

# own_node EXTRA: a node of this case alone, with EXTRA at the end of its configuration. The caller
# has declared `packs` (more keys of each route) if it wants any, and `work`, `gateway`, `control`, `node`, `upstream`, CORDON_SERVER and CORDON_TOKEN local.
own_node() {
  mkdir -p "$work"
  start_sim
  cat >"$work/cordon.yaml" <<YAML
node: e2e-signals
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
journal: {segment_bytes: 1MiB}
threads: 1
providers: [{name: sim, base_url: "$upstream/v1"}]
routes:
  - {name: support, targets: [{provider: sim, model: sim-small}]${packs:-}}
  - {name: leaky, targets: [{provider: sim, model: sim-leak}], mode: observe${packs:-}}
  - {name: watched, targets: [{provider: sim, model: sim-leak}]${packs:-}}
tenants: [{name: acme, key_sha256: [$(printf %s "$key" | sha256sum | cut -d' ' -f1)], routes: ['*']}]
$1
YAML
  start_node || { wrong "the node did not start: $(tail -c 600 "$work/node.log")"; return 1; }
}
# token PERSON ROLE: mints one, its file on standard output.
token() {
  local out=$work/$1-$2.token
  [ -s "$out" ] || "$binary" token mint "$1" --role "$2" --expires-in 1h --out "$out" >/dev/null 2>&1
  echo "$out"
}
# api_post FILE PATH BODY: status code on standard output, the answer in $work/answer.
api_post() {
  printf %s "$3" >"$work/body"
  curl -sS -m 20 -o "$work/answer" -w '%{http_code}' -H 'content-type: application/json' \
    -H "authorization: Bearer $(cat "$1")" --data-binary "@$work/body" "$control$2"
}
field() { json "$1" <"$work/answer"; }
incidents() { "$binary" incident list --json | python3 -c 'import json,sys
print(len(json.load(sys.stdin)["items"]))'; }
# of INCIDENT PATH: a field of an incident, as python's str.
of() { "$binary" incident show "$1" --json | json "$2"; }
# wait_for TEXT COMMAND...: until its output holds the text, 15 seconds at most.
wait_for() {
  local text=$1 i
  shift
  for i in $(seq 150); do
    "$@" >"$work/output" 2>&1
    grep -qF -- "$text" "$work/output" && return 0
    sleep 0.1
  done
  wrong "no '$text' in: $(head -c 1500 "$work/output")"
}
entries_of() { "$binary" api GET /api/v1/state --json | json journal.durable; }

# alert STATUS FINGERPRINT STARTSAT [LABELS]: one notification.
alert() {
  local labels=${4:-'"cordon_class":"unsafe_output","route":"support","severity":"critical"'}
  cat <<JSON
{"version":"4","groupKey":"{}:{g$RANDOM}","truncatedAlerts":0,"status":"$1","receiver":"cordon","groupLabels":{},
 "commonLabels":{},"commonAnnotations":{},"externalURL":"http://am:9093","notification_reason":"x",
 "alerts":[{"status":"$1","labels":{"alertname":"Bad",$labels},"annotations":{"summary":"it is bad"},
 "startsAt":"$3","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/g","fingerprint":"$2"}]}
JSON
}

# case prometheus_and_alertmanager_open_one_incident
case_prometheus_and_alertmanager_open_one_incident() {
  command -v prometheus >/dev/null && command -v prometheus-alertmanager >/dev/null ||
    { wrong "prometheus and prometheus-alertmanager are not installed: ./dev deps"; return 1; }
  CORDON_BINARY=$binary timeout 120 python3 "$root/tests/e2e/alerts.py" "$work/alerts" ||
    wrong "see above"
}

# case alertmanager_notifications_are_taken_once_in_any_order
case_alertmanager_notifications_are_taken_once_in_any_order() {
  local work=$work/am gateway control node upstream CORDON_SERVER CORDON_TOKEN i
  own_node '' || return 1
  local sender
  sender=$(token am ingest)
  local at=2026-01-05T10:03:00Z
  # Resolved before it ever fired: remembered, and no incident.
  [ "$(api_post "$sender" /api/v1/ingest/alertmanager "$(alert resolved aa "$at")")" = 200 ] ||
    { wrong "$(cat "$work/answer")"; return 1; }
  [ "$(field ended)" = 1 ] || return 1
  sleep 0.7
  [ "$(incidents)" = 0 ] || { wrong "a resolved alert opened an incident"; return 1; }
  for i in 1 2 3 4 5; do
    [ "$(api_post "$sender" /api/v1/ingest/alertmanager "$(alert firing aa "$at")")" = 200 ] || return 1
  done
  [ "$(field repeated)" = 1 ] || { wrong "$(cat "$work/answer")"; return 1; }
  wait_for INC- "$binary" incident list || return 1
  local id
  id=$("$binary" incident list --json | json items.0.id)
  [ "$(of "$id" class)" = unsafe_output ] && [ "$(of "$id" scope)" = route=support ] || return 1
  # The same class and scope, another alert: one incident, two signals. Another class: another one.
  api_post "$sender" /api/v1/ingest/alertmanager "$(alert firing bb "$at")" >/dev/null
  api_post "$sender" /api/v1/ingest/alertmanager \
    "$(alert firing cc "$at" '"cordon_class":"policy_drift","route":"support"')" >/dev/null
  wait_for policy_drift "$binary" incident list || return 1
  [ "$(incidents)" = 2 ] || { wrong "$(incidents) incidents"; return 1; }
  [ "$("$binary" incident show "$id" --json | python3 -c 'import json,sys
print(len(json.load(sys.stdin)["signals"]))')" = 2 ] || { wrong "not two signals"; return 1; }
  # Declined: what is sent again stays history, what fires anew is news.
  expect 0 declined "$binary" incident move "$id" declined --reason 'a test' || return 1
  local before
  before=$(entries_of)
  for i in 1 2 3; do
    api_post "$sender" /api/v1/ingest/alertmanager "$(alert firing aa "$at")" >/dev/null
    api_post "$sender" /api/v1/ingest/alertmanager "$(alert resolved aa "$at")" >/dev/null
  done
  sleep 0.7
  [ "$(incidents)" = 2 ] && [ "$(entries_of)" = "$before" ] ||
    { wrong "a repetition left a trace: $before, now $(entries_of)"; return 1; }
  # After a crash it is still known.
  kill -9 "$node"
  wait "$node" 2>/dev/null
  start_node || return 1
  api_post "$sender" /api/v1/ingest/alertmanager "$(alert firing aa "$at")" >/dev/null
  [ "$(field repeated)" = 1 ] || { wrong "forgotten: $(cat "$work/answer")"; return 1; }
  api_post "$sender" /api/v1/ingest/alertmanager "$(alert firing aa 2026-01-05T11:00:00Z)" >/dev/null
  wait_for INC-2026 "$binary" incident list || return 1
  for i in $(seq 50); do [ "$(incidents)" = 3 ] && break; sleep 0.1; done
  [ "$(incidents)" = 3 ] || wrong "$(incidents) incidents after it fired anew"
}

# case alertmanager_refuses_what_it_cannot_read
case_alertmanager_refuses_what_it_cannot_read() {
  local work=$work/am-bad gateway control node upstream CORDON_SERVER CORDON_TOKEN
  own_node '' || return 1
  local sender viewer before
  sender=$(token am ingest)
  viewer=$(token vera viewer)
  refused() { # STATUS TEXT TOKEN BODY
    local got
    got=$(api_post "$3" /api/v1/ingest/alertmanager "$4")
    [ "$got" = "$1" ] || { wrong "status $got, not $1: $(head -c 300 "$work/answer")"; return 1; }
    grep -qF -- "$2" "$work/answer" || wrong "no '$2' in $(head -c 400 "$work/answer")"
  }
  before=$(entries_of)
  refused 400 payload "$sender" '{"text":"my own payload"}' || return 1
  refused 400 payload "$sender" '{"version":"4","alerts":7}' || return 1
  refused 400 'version' "$sender" "$(alert firing aa 2026-01-05T10:03:00Z | sed 's/"version":"4"/"version":"3"/')" || return 1
  refused 400 'nearest is unsafe_output' "$sender" \
    "$(alert firing aa 2026-01-05T10:03:00Z '"cordon_class":"unsafe_outputs","route":"support"')" || return 1
  refused 400 'no class' "$sender" "$(alert firing aa 2026-01-05T10:03:00Z '"route":"support"')" || return 1
  # Five refusals, five entries, nothing else.
  [ "$(entries_of)" = $((before + 5)) ] || { wrong "$before entries, now $(entries_of)"; return 1; }
  refused 403 ingest "$viewer" "$(alert firing aa 2026-01-05T10:03:00Z)" || return 1
  printf wrong >"$work/none"
  refused 401 '' "$work/none" "$(alert firing aa 2026-01-05T10:03:00Z)" || return 1
  expect 1 viewer "$binary" incident list --token-file "$sender" || return 1
  [ "$(incidents)" = 0 ] || { wrong "something opened an incident"; return 1; }
  head -c 3000000 /dev/zero | tr '\0' ' ' >"$work/large"
  [ "$(curl -sS -m 20 -o /dev/null -w '%{http_code}' -H 'content-type: application/json' \
    -H "authorization: Bearer $(cat "$sender")" --data-binary "@$work/large" \
    "$control/api/v1/ingest/alertmanager")" = 413 ] || wrong "3 MB were not too large"
}

# case customer_report_opens_an_incident_and_its_text_stays_out_of_the_log
case_customer_report_opens_an_incident_and_its_text_stays_out_of_the_log() {
  local work=$work/report gateway control node upstream CORDON_SERVER CORDON_TOKEN
  own_node 'ingest: {reports_per_minute: 4}' || return 1
  local desk
  desk=$(token desk ingest)
  echo 'my neighbour Petronella got my invoice' >"$work/mail.txt"
  expect 0 customer_report "$binary" report send --class data_leakage --scope route=support,tenant=acme \
    --text-file "$work/mail.txt" --ticket T-9 --token-file "$desk" --json || return 1
  local signal
  signal=$(json id <"$work/output")
  wait_for INC- "$binary" incident list || return 1
  if grep -rqF Petronella "$work/data/journal" "$work/node.log"; then wrong "the text is in a log"; return 1; fi
  # Nobody confirmed it: it is in triage, and does not count as detected.
  local id
  id=$("$binary" incident list --json | json items.0.id)
  [ "$(of "$id" state)" = triage ] && [ "$(of "$id" detection.counted)" = False ] &&
    [ "$(of "$id" detection.sources.0.source)" = customer_report ] || { wrong "it counts already"; return 1; }
  expect 0 Petronella "$binary" report show "$signal" --purpose 'confirm the source' || return 1
  grep -rqF 'confirm the source' "$work/data/journal" ||
    { wrong "who read it is not on record"; return 1; }
  expect 1 responder "$binary" report show "$signal" --purpose x --token-file "$desk" || return 1
  expect 11 '' "$binary" report show "$id" --purpose x || return 1
  expect 0 active "$binary" incident move "$id" active --reason 'invoice seen' || return 1
  [ "$(of "$id" detection.counted)" = True ] || { wrong "confirmed and not counted"; return 1; }
  # Repeated, broken, too long, too many.
  expect 12 'said so already' "$binary" report send --class data_leakage --scope route=support \
    --text-file "$work/mail.txt" --ticket T-9 --token-file "$desk" || return 1
  expect 10 'nearest is data_leakage' "$binary" api POST /api/v1/reports --token-file "$desk" \
    --data '{"class":"data_leak","scope":"route=support","text":"x"}' || return 1
  expect 10 'text' "$binary" api POST /api/v1/reports --token-file "$desk" \
    --data "{\"class\":\"data_leakage\",\"scope\":\"route=support\",\"text\":\"$(head -c 4001 /dev/zero | tr '\0' a)\"}" || return 1
  expect 15 'reports_per_minute' "$binary" report send --class data_leakage --scope route=support \
    --text-file "$work/mail.txt" --token-file "$desk" || return 1
  [ "$(incidents)" = 1 ] || wrong "$(incidents) incidents"
}

# case severity_rises_on_first_impact_and_takes_two_people_to_fall
case_severity_rises_on_first_impact_and_takes_two_people_to_fall() {
  local work=$work/severity gateway control node upstream CORDON_SERVER CORDON_TOKEN
  own_node '' || return 1
  local anna ben cleo dora emil approval id
  anna=$(token anna commander)
  ben=$(token ben responder)
  cleo=$(token cleo viewer)
  dora=$(token dora approver)
  emil=$(token emil responder)
  expect 0 '' "$binary" signal report --class data_leakage --scope route=leaky \
    --summary 'a control failed in review' --token-file "$ben" || return 1
  wait_for SEV-3 "$binary" incident list || return 1
  id=$("$binary" incident list --json | json items.0.id)
  expect 0 impact "$binary" incident severity "$id" || return 1
  ask 200 '' "${good/support/leaky}" || return 1
  wait_for SEV-1 "$binary" incident list || return 1
  [ "$(of "$id" impact.delivered_exchanges)" = 1 ] && [ "$(of "$id" provisional)" = True ] ||
    { wrong "$("$binary" incident show "$id" --json)"; return 1; }
  expect 0 '' "$binary" incident severity "$id" --json || return 1
  python3 - "$work/output" <<'PY' || return 1
import json, sys
answer = json.load(open(sys.argv[1]))
assert [one["to"] for one in answer["history"]] == ["SEV-3", "SEV-1"], answer["history"]
fired = [one for one in answer["predicates"] if one["fired"]]
assert fired and all("number" in one and "threshold" in one for one in fired), fired
PY
  # Down: nobody commands, then one person, then the same person again, then somebody without the
  # role, then without the commander, then two as they should be.
  expect 12 commander "$binary" incident set-severity "$id" SEV-2 --reason 'a test record' --token-file "$ben" || return 1
  expect 0 '' "$binary" incident commander "$id" --token-file "$anna" || return 1
  expect 10 reason "$binary" api POST "/api/v1/incidents/$id/severity" --data '{"to":"SEV-2"}' || return 1
  expect 0 'waits for a second person' "$binary" incident set-severity "$id" SEV-2 --reason 'a test record' --token-file "$ben" || return 1
  approval=$("$binary" approval list --json | json items.0.id)
  expect 12 "$approval" "$binary" incident set-severity "$id" SEV-2 --reason 'a test record' --token-file "$ben" || return 1
  expect 1 approver "$binary" approval give "$approval" --token-file "$emil" || return 1
  expect 12 commander "$binary" approval give "$approval" --token-file "$dora" || return 1
  expect 0 SEV-1 "$binary" incident list || return 1
  expect 0 '' "$binary" approval decline "$approval" --reason 'the commander asks' --token-file "$ben" || return 1
  expect 1 responder "$binary" incident set-severity "$id" SEV-2 --reason x --token-file "$cleo" || return 1
  expect 10 SEV-0 "$binary" api POST "/api/v1/incidents/$id/severity" --data '{"to":"SEV-0","reason":"x"}' || return 1
  expect 0 'waits for a second person' "$binary" incident set-severity "$id" SEV-2 --reason 'a test record' --token-file "$anna" || return 1
  approval=$("$binary" approval list --json | json items.0.id)
  expect 10 'it takes a second person' "$binary" approval give "$approval" --token-file "$(token anna approver)" || return 1
  expect 0 SEV-2 "$binary" approval give "$approval" --token-file "$dora" || return 1
  sleep 1.2
  [ "$(of "$id" severity)" = SEV-2 ] || { wrong "numbers that were looked at raised it again"; return 1; }
  # A worse number speaks again, and one person is enough to raise it.
  ask 200 '' "${good/support/leaky}" || return 1
  wait_for SEV-1 "$binary" incident list || return 1
  expect 10 'overlap, expected SEV-2 to begin below SEV-1' "$binary" config check /dev/stdin \
    <<<"severity: {SEV-1: {records: 10}, SEV-2: {exchanges: 10}}" || return 1
}

# case alert_may_state_the_severity_and_clocks_that_are_wrong_show
case_alert_may_state_the_severity_and_clocks_that_are_wrong_show() {
  local work=$work/stated gateway control node upstream CORDON_SERVER CORDON_TOKEN id
  own_node '' || return 1
  expect 0 '' "$binary" signal report --class data_leakage --scope route=support --severity SEV-2 \
    --summary 'seen in review' --evidence https://tickets/7 --time 2099-01-01T00:00:00Z || return 1
  wait_for SEV-2 "$binary" incident list || return 1
  id=$("$binary" incident list --json | json items.0.id)
  [ "$(of "$id" detection.sources.0.clock_suspect)" = True ] || { wrong "the clock is not suspect"; return 1; }
  [ "$(of "$id" detection.sources.0.evidence)" = https://tickets/7 ] || return 1
  expect 0 stated_sev2 "$binary" incident severity "$id" || return 1
  expect 10 'detector' "$binary" api POST /api/v1/signals \
    --data '{"source":"detector","class":"data_leakage","scope":"route=support","summary":"x"}' || return 1
  expect 10 'summary' "$binary" api POST /api/v1/signals \
    --data '{"class":"data_leakage","scope":"route=support"}' || return 1
  expect 10 'evidence' "$binary" api POST /api/v1/signals \
    --data "{\"class\":\"data_leakage\",\"scope\":\"route=support\",\"summary\":\"x\",\"evidence\":\"$(head -c 501 /dev/zero | tr '\0' a)\"}" || return 1
  expect 10 'not a time' "$binary" signal report --class data_leakage --scope route=support --summary x --time tomorrow
}

# case nobody_answers_so_it_escalates_along_the_rota
case_nobody_answers_so_it_escalates_along_the_rota() {
  local work=$work/rota gateway control node upstream CORDON_SERVER CORDON_TOKEN id
  local packs=', rulepacks: [core-leakage]'
  own_node 'rota: [anna, ben]
escalation: {accept: 1s, contain: 2s}
severity: {unset_from: 1s}' || return 1
  local ben
  ben=$(token ben commander)
  # No rule sees this class: every fact is unset, until it counts.
  expect 0 '' "$binary" signal report --class policy_drift --scope route=support --summary 'answers changed' || return 1
  wait_for INC- "$binary" incident list || return 1
  id=$("$binary" incident list --json | json items.0.id)
  wait_for SEV-1 "$binary" incident list || return 1
  wait_for '"person":"ben"' "$binary" incident show "$id" --json || return 1
  expect 0 '' "$binary" incident timeline "$id" --json || return 1
  python3 - "$work/output" <<'PY' || { wrong "$(head -c 1500 "$work/output")"; return 1; }
import json, sys
events = [item["fields"] for item in json.load(open(sys.argv[1]))["items"] if item["kind"] == "incident_event"]
candidate = [e for e in events if e["event"] == "severity_changed" and e.get("candidate")]
assert candidate and candidate[0]["to"] == "SEV-1", events
pages = [e for e in events if e["event"] == "paged"]
assert any("candidate" in p["reason"] for p in pages), pages
proposed = [e for e in events if e["event"] == "commander_proposed"]
assert proposed[0]["person"] == "anna", proposed
escalated = [e for e in events if e["event"] == "escalated" and e["about"] == "commander"]
assert escalated[0]["from"] == "anna" and escalated[0]["to"] == "ben", escalated
PY
  expect 0 '' "$binary" incident commander "$id" --token-file "$ben" || return 1
  # Accepted: nobody else is called to command; nothing contained: that escalates, once.
  wait_for '"about":"containment"' "$binary" incident show "$id" --json || return 1
  sleep 2
  [ "$("$binary" incident show "$id" --json | grep -o '"about":"containment"' | wc -l)" = 1 ] ||
    { wrong "it escalated more than once"; return 1; }
  [ "$(of "$id" commander)" = ben ] || wrong "not ben"
}

# case roles_are_accepted_handed_over_with_a_reason_and_never_a_team
case_roles_are_accepted_handed_over_with_a_reason_and_never_a_team() {
  local work=$work/roles gateway control node upstream CORDON_SERVER CORDON_TOKEN id
  own_node '' || return 1
  local anna ben sender
  anna=$(token anna commander)
  ben=$(token ben responder)
  sender=$(token machine ingest)
  expect 0 '' "$binary" signal report --class data_leakage --scope route=support --severity SEV-1 --summary seen || return 1
  wait_for SEV-1 "$binary" incident list || return 1
  id=$("$binary" incident list --json | json items.0.id)
  expect 10 'a team is not one' "$binary" incident role "$id" commander --propose security-team || return 1
  expect 10 'no person' "$binary" incident role "$id" commander --propose machine || return 1
  expect 10 'unknown role' "$binary" api POST "/api/v1/incidents/$id/roles" --data '{"role":"boss"}' || return 1
  expect 0 '' "$binary" incident role "$id" commander --propose anna || return 1
  [ "$(of "$id" proposed_commander)" = anna ] || { wrong "not proposed"; return 1; }
  expect 0 '' "$binary" incident role "$id" commander --token-file "$anna" || return 1
  [ "$(of "$id" roles.commander.person)" = anna ] || return 1
  expect 10 'reason' "$binary" incident role "$id" commander --propose ben --token-file "$anna" || return 1
  expect 12 'has not handed over' "$binary" incident role "$id" commander --token-file "$ben" || return 1
  expect 0 '' "$binary" incident role "$id" commander --propose ben --reason 'end of my shift' --token-file "$anna" || return 1
  [ "$(of "$id" commander)" = anna ] || { wrong "handed over before it was accepted"; return 1; }
  expect 0 '' "$binary" incident role "$id" commander --token-file "$ben" || return 1
  [ "$(of "$id" commander)" = ben ] || return 1
  expect 0 '' "$binary" incident role "$id" scribe --token-file "$anna" || return 1
  expect 12 already "$binary" incident role "$id" scribe --token-file "$anna" || return 1
  expect 0 '' "$binary" incident role "$id" customer_liaison --propose ben || return 1
  [ "$(of "$id" roles.customer_liaison.proposed)" = ben ] || return 1
  wait_for 'asked to be customer_liaison' "$binary" incident show "$id" --json || return 1
  # Who is affected: what people know stands beside what was computed.
  ask 200 '' "${good/support/leaky}" || return 1
  expect 0 '' "$binary" signal report --class data_leakage --scope route=leaky --summary seen || return 1
  wait_for route=leaky "$binary" incident list || return 1
  id=$("$binary" incident list --json | json items.1.id)
  expect 0 '' "$binary" incident affected "$id" --tenant umbrella --route leaky --reason 'a ticket' || return 1
  [ "$(of "$id" affected.computed.tenants.0)" = acme ] && [ "$(of "$id" affected.stated.tenants.0)" = umbrella ] &&
    [ "$(of "$id" affected.warning.left_out.0)" = acme ] || { wrong "$(of "$id" affected)"; return 1; }
  expect 10 reason "$binary" api POST "/api/v1/incidents/$id/affected" --data '{"tenants":["a"]}' || return 1
  expect 10 'list of names' "$binary" api POST "/api/v1/incidents/$id/affected" --data '{"tenants":"a","reason":"x"}'
}

# case incidents_of_two_classes_never_merge_and_a_repetition_is_graver
case_incidents_of_two_classes_never_merge_and_a_repetition_is_graver() {
  local work=$work/merge gateway control node upstream CORDON_SERVER CORDON_TOKEN a b c
  own_node '' || return 1
  local report=(signal report --scope route=support --summary seen)
  expect 0 '' "$binary" "${report[@]}" --class data_leakage || return 1
  expect 0 '' "$binary" "${report[@]}" --class unsafe_output || return 1
  expect 0 '' "$binary" signal report --scope route=watched --summary seen --class data_leakage || return 1
  wait_for route=watched "$binary" incident list || return 1
  a=$("$binary" incident list --json | json items.0.id)
  b=$("$binary" incident list --json | json items.1.id)
  c=$("$binary" incident list --json | json items.2.id)
  expect 12 'two classes are never one incident' "$binary" incident merge "$a" --into "$b" --reason same || return 1
  expect 11 '' "$binary" incident merge "$a" --into INC-2026-99999 --reason same || return 1
  expect 10 reason "$binary" api POST "/api/v1/incidents/$a/merge" --data "{\"into\":\"$c\"}" || return 1
  expect 0 beside "$binary" incident related "$a" || return 1
  expect 0 merged "$binary" incident merge "$c" --into "$a" --reason 'one leak' || return 1
  [ "$(of "$a" absorbed.0)" = "$c" ] || { wrong "not absorbed"; return 1; }
  # A SEV-3 is closed by one person; the same again is a repetition: graver, and executives hear.
  local to
  for to in active contained stable closed; do
    expect 0 "$to" "$binary" incident move "$a" "$to" --reason 'as it should be' || return 1
  done
  expect 0 '' "$binary" "${report[@]}" --class data_leakage || return 1
  wait_for SEV-2 "$binary" incident list || return 1
  local again
  again=$("$binary" incident list --json | json items.3.id)
  [ "$(of "$again" recurrence_of.0)" = "$a" ] || { wrong "no repetition of $a"; return 1; }
  wait_for executives "$binary" incident show "$again" --json || return 1
  expect 0 earlier "$binary" incident related "$again" || return 1
  [ "$(of "$a" state)" = closed ] || wrong "a closed incident took a signal"
}

# case policy_drift_against_a_pinned_baseline_opens_an_incident
case_policy_drift_against_a_pinned_baseline_opens_an_incident() {
  local work=$work/drift gateway control node upstream CORDON_SERVER CORDON_TOKEN id
  own_node '' || return 1
  expect 11 'cannot assess' "$binary" baseline diff || return 1
  expect 10 reason "$binary" api POST /api/v1/baseline --data '{}' || return 1
  expect 1 policy_author "$binary" baseline pin --reason x --token-file "$(token ben responder)" || return 1
  expect 0 '' "$binary" baseline pin --reason 'as reviewed' || return 1
  expect 0 '' "$binary" baseline diff --json || return 1
  [ "$(json drift <"$work/output")" = False ] || { wrong "drift at once"; return 1; }
  # A release that drops a rulepack from one route and lets another only watch.
  kill "$node" && wait "$node" 2>/dev/null
  sed -i 's/^  - {name: support, .*/  - {name: support, targets: [{provider: sim, model: sim-small}], rulepacks: [core-injection]}/
    s/^  - {name: watched, \(.*\)}$/  - {name: watched, \1, mode: observe}/' "$work/cordon.yaml"
  start_node || return 1
  expect 0 rule_missing "$binary" baseline diff || return 1
  expect 0 mode_weaker "$binary" baseline diff || return 1
  wait_for route=watched "$binary" incident list || return 1
  wait_for route=support "$binary" incident list || return 1
  [ "$(incidents)" = 2 ] || { wrong "$(incidents) incidents"; return 1; }
  id=$("$binary" incident list --json | json items.0.id)
  [ "$(of "$id" class)" = policy_drift ] || return 1
  expect 0 '"what":"mode_weaker"' "$binary" signal list --json || return 1
  # The same drift again is no news, also after a restart; pinning anew accepts it.
  kill "$node" && wait "$node" 2>/dev/null
  start_node || return 1
  sleep 1.2
  [ "$(incidents)" = 2 ] && [ "$("$binary" signal list --json | grep -o '"detector":"drift"' | wc -l)" = 2 ] ||
    { wrong "said twice"; return 1; }
  expect 0 '' "$binary" baseline pin --reason 'accepted' || return 1
  expect 0 '' "$binary" baseline diff --json || return 1
  [ "$(json drift <"$work/output")" = False ] || wrong "still drift after pinning"
}
