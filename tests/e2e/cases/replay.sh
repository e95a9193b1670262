# Rulepacks that change while the node runs, and incidents that become replay tests.
# shellcheck shell=bash disable=SC2154

# A node of its own, with a rulepack from a file and three people: anna asks, ben approves.
house() {
  local action=$1 words=$2 state=${3:-live}
  cat <<YAML
rulepack: house
version: 1
rules:
  - id: house.project
    class: data_leakage
    on: [request, response]
    match: {dictionary: [$words]}
    action: $action
    state: $state
    rationale: Names of projects stay in the house.
    tests: {match: ['falcon'], pass: ['sparrow']}
YAML
}
need_house() {
  [ -z "${house_ready:-}" ] || { export CORDON_SERVER=$house_control; return 0; }
  [ -n "${upstream:-}" ] || start_sim
  mkdir -p "$work/house"
  house warn falcon >"$work/house/house.yaml"
  house block 'falcon, osprey' >"$work/house/stricter.yaml"
  house warn 'falcon, osprey' >"$work/house/useless.yaml"
  cat >"$work/house/cordon.yaml" <<YAML
node: e2e-house
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
journal: {segment_bytes: 1MiB}
threads: 2
providers: [{name: sim, base_url: "$upstream/v1"}]
rulepacks: {files: ["$work/house/house.yaml"]}
routes:
  - {name: support, targets: [{provider: sim, model: sim-small}], rulepacks: [core-leakage, house]}
  - name: leaky
    targets: [{provider: sim, model: sim-leak}]
    rulepacks: [core-leakage, house]
    mode: observe
    capture: on
tenants: [{name: acme, key_sha256: [$(printf %s "$key" | sha256sum | cut -d' ' -f1)], routes: ['*']}]
YAML
  start_house || { wrong "the node did not start: $(tail -c 600 "$work/house/node.log")"; return 1; }
  local token=$work/house/admin.token
  "$binary" token mint anna --role policy_author --role responder --role auditor --expires-in 1h \
    --out "$work/house/anna" --token-file "$token" >/dev/null || return 1
  "$binary" token mint ben --role approver --expires-in 1h --out "$work/house/ben" \
    --token-file "$token" >/dev/null || return 1
  # As commands, so that `expect` can run them.
  local person
  mkdir -p "$work/house/bin"
  for person in anna ben; do
    printf '#!/bin/sh\nexec "%s" "$@" --token-file "%s"\n' "$binary" "$work/house/$person" \
      >"$work/house/bin/$person"
    chmod +x "$work/house/bin/$person"
  done
  PATH=$work/house/bin:$PATH
  house_ready=yes
}
start_house() {
  rm -f "$work/house/addresses.json"
  "$binary" serve --config "$work/house/cordon.yaml" --data "$work/house/data" \
    --admin-token-file "$work/house/admin.token" --addresses-file "$work/house/addresses.json" \
    >>"$work/house/node.log" 2>&1 &
  house_node=$!
  pids+=("$house_node")
  local i
  for i in $(seq 400); do
    [ -s "$work/house/addresses.json" ] && break
    kill -0 "$house_node" 2>/dev/null || return 1
    sleep 0.05
  done
  house_control=http://$(json control <"$work/house/addresses.json")
  house_gateway=http://$(json gateway <"$work/house/addresses.json")
  export CORDON_SERVER=$house_control
}
in_force() { anna rulepack show house --json | json digest; }
digest_of() { sha256sum "$1" | cut -d' ' -f1; }
# says STATUS TEXT: a request with this text has this status.
says() {
  local gateway=$house_gateway
  ask "$1" '' "{\"model\":\"support\",\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]}"
}

# case rulepack_published_is_obeyed_by_every_thread_and_survives_kill_9
case_rulepack_published_is_obeyed_by_every_thread_and_survives_kill_9() {
  need_house || return 1
  says 200 'what is falcon' || return 1
  expect 0 'A is weaker than B' anna rulepack diff house "$work/house/stricter.yaml" || return 1
  expect 0 'house.project' anna rulepack publish "$work/house/stricter.yaml" --dry-run || return 1
  [ "$(in_force)" = "$(digest_of "$work/house/house.yaml")" ] || { wrong 'a dry run published'; return 1; }
  anna rulepack publish "$work/house/stricter.yaml" --reason 'falcon leaked' --json \
    >"$work/house/published.json" || { wrong "$(cat "$work/house/published.json")"; return 1; }
  local want
  for want in state=in_force receipt.partial=False diff.strength=stronger; do
    [ "$(json "${want%%=*}" <"$work/house/published.json")" = "${want#*=}" ] ||
      { wrong "$want: $(cat "$work/house/published.json")"; return 1; }
  done
  python3 - "$work/house/published.json" <<'PY' || { wrong 'no time to policy update'; return 1; }
import json, sys
answer = json.load(open(sys.argv[1]))
assert answer["ttpu_ms"] > 0 and answer["receipt"]["nodes"][0]["threads"] == 2, answer
PY
  local i
  for i in 1 2 3 4 5 6; do says 400 'what is falcon' || return 1; done
  kill -9 "$house_node"
  wait "$house_node" 2>/dev/null
  start_house || return 1
  says 400 'what is falcon' || return 1
  expect 0 "$(digest_of "$work/house/stricter.yaml")" anna rulepack list
}

# The id of the one approval that waits.
waiting() { ben approval list --json | json items.0.id; }

# case rulepack_that_protects_less_waits_for_a_second_person
case_rulepack_that_protects_less_waits_for_a_second_person() {
  need_house || return 1
  [ "$(in_force)" = "$(digest_of "$work/house/stricter.yaml")" ] ||
    anna rulepack publish "$work/house/stricter.yaml" --reason 'for the case' >/dev/null || return 1
  local file
  file=$(digest_of "$work/house/house.yaml")
  expect 11 "$file" anna rulepack rollback house 0123456789abcdef --reason 'no such' || return 1
  expect 0 'waits for a second person' anna rulepack rollback house "${file:0:12}" \
    --reason 'too strict' || return 1
  says 400 'what is falcon' || return 1
  local approval
  approval=$(waiting) || return 1
  expect 0 "$approval" anna rulepack show house || return 1
  expect 12 "$approval" anna rulepack rollback house "${file:0:12}" --reason 'too strict' || return 1
  expect 1 approver anna approval give "$approval" || return 1
  expect 11 'nothing waits' ben approval give "$file" || return 1
  expect 0 'is in force' ben approval give "$approval" || return 1
  says 200 'what is falcon' || return 1
  expect 0 'person:ben' anna rulepack show house || return 1
  [ "$(anna rulepack show house --json | json follows_file)" = True ] || wrong 'it does not follow the file'
}

# case rulepack_that_is_broken_is_refused_whole_with_its_place
case_rulepack_that_is_broken_is_refused_whole_with_its_place() {
  need_house || return 1
  local before
  before=$(in_force)
  sed 's/dictionary: .*/pattern: "x("}/' "$work/house/house.yaml" >"$work/house/broken.yaml"
  expect 10 "$work/house/broken.yaml:7:" anna rulepack publish "$work/house/broken.yaml" --reason x || return 1
  sed 's/falcon/condor/2;s/\[.falcon.\]/["condor"]/' "$work/house/house.yaml" >"$work/house/untested.yaml"
  expect 10 'is not found by the rule' anna rulepack publish "$work/house/untested.yaml" --reason x || return 1
  expect 12 'in force already' anna rulepack publish "$work/house/house.yaml" --reason x || return 1
  expect 10 'no reason' anna rulepack publish "$work/house/useless.yaml" || return 1
  sed 's/rulepack: house/rulepack: nobody/' "$work/house/house.yaml" >"$work/house/nobody.yaml"
  expect 10 'core-leakage, house' anna rulepack publish "$work/house/nobody.yaml" --reason x || return 1
  expect 11 'no incident' anna rulepack publish "$work/house/useless.yaml" --reason x \
    --incident INC-2026-99999 || return 1
  expect 1 policy_author ben rulepack publish "$work/house/useless.yaml" --reason x || return 1
  head -c 1200000 /dev/zero | tr '\0' '#' >"$work/house/huge.yaml"
  expect 15 '' anna rulepack publish "$work/house/huge.yaml" --reason x || return 1
  expect 10 '' anna api POST /api/v1/rulepacks --data '{"text":"a","colour":"red"}' || return 1
  [ "$(in_force)" = "$before" ] || wrong "in force is $(in_force), not $before"
}

# case replay_test_fails_on_the_rulepack_then_and_guards_publishing
case_replay_test_fails_on_the_rulepack_then_and_guards_publishing() {
  need_house || return 1
  [ "$(in_force)" = "$(digest_of "$work/house/house.yaml")" ] || { wrong 'another pack is in force'; return 1; }
  anna signal report --class data_leakage --scope route=support --summary 'falcon was told' >/dev/null || return 1
  local i incident
  for i in $(seq 60); do
    incident=$(anna incident list --json | python3 -c 'import json,sys
print(([""] + [i["id"] for i in json.load(sys.stdin)["items"]])[-1])')
    [ -n "$incident" ] && break
    sleep 0.1
  done
  [ -n "$incident" ] || { wrong 'no incident opened'; return 1; }
  expect 11 'Missing' anna replay build "$incident" || return 1
  printf 'our project falcon ships in May' >"$work/house/sample.txt"
  anna replay build "$incident" --sample "$work/house/sample.txt" --json >"$work/house/built.json" ||
    { wrong "$(cat "$work/house/built.json")"; return 1; }
  [ "$(json then.outcome <"$work/house/built.json")" = fail ] || { wrong 'it does not fail then'; return 1; }
  local test
  test=$(json id <"$work/house/built.json")
  expect 0 "$incident" anna replay list || return 1
  expect 0 '' anna replay export "$test" --reason 'end to end' --out "$work/house/t.replay.json" || return 1
  [ "$(stat -c %a "$work/house/t.replay.json")" = 600 ] || { wrong 'others may read the file'; return 1; }
  [ "$(digest_of "$work/house/t.replay.json")" = "$(json digest <"$work/house/built.json")" ] ||
    { wrong 'the file is not the one that the log names'; return 1; }
  # Without server and network: fails on what was in force, passes on the candidate, the same twice.
  expect 1 '1 of 1 replay tests fail' "$binary" replay run "$work/house/t.replay.json" || return 1
  expect 0 pass "$binary" replay run "$work/house" --rulepack "$work/house/stricter.yaml" || return 1
  "$binary" replay run "$work/house" --json >"$work/house/one.json" 2>/dev/null
  "$binary" replay run "$work/house" --json >"$work/house/two.json" 2>/dev/null
  cmp -s "$work/house/one.json" "$work/house/two.json" || { wrong 'two runs differ'; return 1; }
  # A candidate on which it still fails is not promoted, unless two people say so.
  expect 1 fail anna replay check --rulepack "$work/house/useless.yaml" || return 1
  expect 12 "$test" anna rulepack publish "$work/house/useless.yaml" --reason 'adds osprey' || return 1
  expect 0 'waits for a second person' anna rulepack publish "$work/house/useless.yaml" \
    --reason 'adds osprey' --override 'the fix comes tomorrow' || return 1
  expect 0 'is in force' ben approval give "$(waiting)" || return 1
  expect 0 'is in force' anna rulepack publish "$work/house/stricter.yaml" --reason 'the fix' \
    --incident "$incident" || return 1
  expect 0 pass anna replay check "$test" || return 1
  # Going back to what let it through is refused as well.
  expect 12 "$test" anna rulepack rollback house "$(digest_of "$work/house/house.yaml")" --reason x || return 1
  # The text lies nowhere in the clear.
  if grep -rqF 'falcon ships in May' "$work/house/data" "$work/house/node.log"; then
    wrong 'the text lies in the clear'
  fi
}

# case replay_refuses_what_it_cannot_trust_and_says_what_is_missing
case_replay_refuses_what_it_cannot_trust_and_says_what_is_missing() {
  need_house || return 1
  expect 11 'no incident' anna replay build INC-2026-99999 --sample "$work/house/house.yaml" || return 1
  expect 11 'no replay test' anna replay export RT-2026-99999-01 --reason x || return 1
  expect 11 '' anna replay check RT-2026-99999-01 || return 1
  expect 11 '' "$binary" replay run "$work/house/absent.replay.json" || return 1
  expect 10 '' "$binary" replay run "$work/house/house.yaml" || return 1
  local incident
  incident=$(anna incident list --json | json items.0.id) || return 1
  expect 11 'no route' anna replay build "$incident" --route nowhere --sample "$work/house/house.yaml" || return 1
  : >"$work/house/empty.txt"
  expect 10 'empty' anna replay build "$incident" --sample "$work/house/empty.txt" || return 1
  expect 1 auditor ben replay export RT-2026-00001-01 --reason x || return 1
  # A pack inside that is not what its digest says.
  sed 's/falcon/condor/g' "$work/house/t.replay.json" >"$work/house/tampered.json"
  expect 13 'digest' "$binary" replay run "$work/house/tampered.json" || return 1
  # A stored test that was changed, or erased, fails and says so: it does not wave a pack through.
  local sealed
  sealed=$work/house/data/vault/$(json digest <"$work/house/built.json").sealed
  cp "$sealed" "$work/house/kept"
  flip "$sealed" 40
  expect 1 'was changed' anna replay check || return 1
  expect 12 'replay tests fail' anna rulepack publish "$work/house/useless.yaml" --reason x || return 1
  rm "$sealed"
  expect 1 'fail' anna replay check || return 1
  cp "$work/house/kept" "$sealed"
  expect 0 pass anna replay check
}

# incident_about ROUTE: the id of the newest incident in its scope, once there is one.
incident_about() {
  local i found
  for i in $(seq 60); do
    found=$(anna incident list --json | python3 -c 'import json,sys
print(([""] + [i["id"] for i in json.load(sys.stdin)["items"] if "route=" + sys.argv[1] in json.dumps(i)])[-1])' "$1")
    [ -z "$found" ] || { echo "$found"; return 0; }
    sleep 0.1
  done
  return 1
}

# case replay_of_captured_exchanges_needs_no_sample_and_survives_kill_9
case_replay_of_captured_exchanges_needs_no_sample_and_survives_kill_9() {
  need_house || return 1
  local gateway=$house_gateway i incident stream
  for i in 1 2 3 4 5 6; do
    stream=$([ $((i % 2)) -eq 0 ] && echo true || echo false)
    curl -sS -m 30 -o "$work/house/leak-$i" -H 'content-type: application/json' \
      -H "authorization: Bearer $key" "$gateway/v1/chat/completions" --data-binary \
      "{\"model\":\"leaky\",\"stream\":$stream,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
  done
  anna signal report --class data_leakage --scope route=leaky --summary 'records went out' >/dev/null || return 1
  incident=$(incident_about leaky) || { wrong 'no incident opened'; return 1; }
  for i in $(seq 60); do
    anna incident timeline "$incident" | grep -q 'FR-.* frozen' && break
    sleep 0.1
  done
  kill -9 "$house_node"
  wait "$house_node" 2>/dev/null
  # The ring is gone, as it would be an hour later; what was frozen when the incident opened stays.
  rm -f "$work"/house/data/flight/*
  start_house || return 1
  expect 0 'FR-' anna incident timeline "$incident" || return 1
  anna replay build "$incident" --json >"$work/house/captured.json" ||
    { wrong "$(cat "$work/house/captured.json")"; return 1; }
  [ "$(json from_capture <"$work/house/captured.json")" -ge 1 ] || { wrong 'nothing was captured'; return 1; }
  [ "$(json then.outcome <"$work/house/captured.json")" = fail ] || { wrong 'it does not fail then'; return 1; }
  local test out=$work/house/captured
  test=$(json id <"$work/house/captured.json")
  mkdir -p "$out"
  sed -e 's/^    action: redact/    action: block/' -e 's/^    emergency: redact/    emergency: block/' "$root/rulepacks/core-leakage.yaml" >"$out/stricter.yaml"
  expect 0 '' anna replay export "$test" --reason 'end to end' --out "$out/c.replay.json" || return 1
  expect 1 'replay tests fail' "$binary" replay run "$out" || return 1
  expect 0 pass "$binary" replay run "$out" --rulepack "$out/stricter.yaml" || return 1
  expect 0 'is in force' anna rulepack publish "$out/stricter.yaml" --reason 'blocks what leaked' \
    --incident "$incident" || return 1
  expect 0 pass anna replay check "$test" || return 1
  # What was captured lies nowhere in the clear.
  python3 - "$out/c.replay.json" "$work/house/data" <<'PY' || wrong 'a captured text lies in the clear'
import json, pathlib, sys
texts = [case["text"].encode() for case in json.load(open(sys.argv[1]))["cases"]]
assert texts and all(len(text) > 20 for text in texts)
for path in pathlib.Path(sys.argv[2]).rglob("*"):
    if path.is_file():
        data = path.read_bytes()
        assert not any(text in data or json.dumps(text.decode())[1:-1].encode() in data for text in texts), path
PY
}
