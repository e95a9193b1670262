# Providers that fail, seen from outside; read by tests/e2e/run.

# behave URL SCENARIO: what a simulated provider does from now on.
behave() {
  curl -sS -m 10 -o /dev/null -H 'content-type: application/json' \
    --data-binary "{\"scenario\":\"$2\"}" "$1/sim/scenario"
}
# request ROUTE: a chat completion for it.
request() { printf '{"model":"%s","messages":[{"role":"user","content":"hi"}]}' "$1"; }

# case a_failing_target_is_left_alone_and_comes_back
case_a_failing_target_is_left_alone_and_comes_back() {
  local work=$work/resilience gateway='' control='' node='' upstream='' CORDON_SERVER='' CORDON_TOKEN=''
  local first second i
  mkdir -p "$work"
  start_sim
  first=$upstream
  start_sim
  second=$upstream
  cat >"$work/cordon.yaml" <<YAML
node: e2e-resilience
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
journal: {segment_bytes: 1MiB}
threads: 2
providers:
  - name: first
    base_url: "$first/v1"
    breaker: {samples_min: 4, open: 2s, probes: 1, slow_start: 0ms}
  - {name: second, base_url: "$second/v1"}
routes:
  - name: support
    targets: [{provider: first, model: sim-small}, {provider: second, model: sim-small}]
    retry: {attempts_max: 1}
  - {name: alone, targets: [{provider: first, model: sim-small}], retry: {attempts_max: 1}}
tenants: [{name: acme, key_sha256: [$(printf %s "$key" | sha256sum | cut -d' ' -f1)], routes: ['*']}]
YAML
  start_node || { wrong "the node did not start: $(tail -c 600 "$work/node.log")"; return 1; }
  ask 200 '' "$(request support)" || return 1
  expect 0 'breakers: all closed' "$binary" state || return 1
  behave "$first" error_500
  for i in 1 2 3 4 5 6; do ask 200 '' "$(request support)" || return 1; done
  ask 503 upstream_unavailable "$(request alone)" || return 1
  expect 0 'first' "$binary" state || return 1
  grep -qE 'first .*(half_)?open' "$work/output" ||
    { wrong "no open breaker in: $(cat "$work/output")"; return 1; }
  "$binary" state --json | python3 -c 'import json,sys
first = next(t for t in json.load(sys.stdin)["targets"] if t["provider"] == "first")
assert first["opened"] == 1 and first["breaker"] != "closed", first' || return 1
  curl -sS -m 10 "$gateway/metrics" | grep -qF 'cordon_target_opened_total{provider="first",model="sim-small"} 1' ||
    { wrong 'the metrics do not tell'; return 1; }
  behave "$first" normal
  for i in $(seq 100); do
    ask 200 '' "$(request alone)" >/dev/null && break
    sleep 0.1
  done
  ask 200 '' "$(request alone)" || return 1
  expect 0 'breakers: all closed' "$binary" state
}

# case what_is_done_about_failures_is_refused_where_it_means_nothing
case_what_is_done_about_failures_is_refused_where_it_means_nothing() {
  local file=$work/resilience-bad.yaml
  cat >"$file" <<'YAML'
providers: [{name: p, base_url: 'http://127.0.0.1:1', breaker: {failure_percent: 0}}]
YAML
  expect 10 "1:82: found '0', expected" "$binary" config check "$file" || return 1
  cat >"$file" <<'YAML'
providers: [{name: p, base_url: 'http://127.0.0.1:1'}]
routes: [{name: r, targets: [{provider: p, model: m, weight: 2}]}]
YAML
  expect 10 'found a weight, expected `choose: weighted` on its route' "$binary" config check "$file"
}
