# What was used, what it cost and what it may cost; read by tests/e2e/run.

# refused_for TEXT [KEY]: 429, and the message says TEXT.
refused_for() {
  ask 429 rate_limit_exceeded "$good" "${2:-$key}" || return 1
  grep -qF -- "$1" "$work/answer" || { wrong "not refused for $1: $(head -c 300 "$work/answer")"; return 1; }
}

# case usage_and_budgets_survive_a_crash
case_usage_and_budgets_survive_a_crash() {
  local work=$work/usage gateway='' control='' node='' upstream='' CORDON_SERVER='' CORDON_TOKEN='' hash
  mkdir -p "$work"
  # A day that ends meanwhile would begin the counts anew.
  [ $((86400 - $(date +%s) % 86400)) -gt 30 ] || sleep 31
  start_sim
  hash=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
  cat >"$work/cordon.yaml" <<YAML
node: e2e-usage
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
threads: 2
providers: [{name: sim, base_url: "$upstream/v1"}]
prices: {currency: EUR, list: [{provider: sim, input: 2.50, output: 10}]}
routes: [{name: support, targets: [{provider: sim, model: sim-small}]}]
tenants: [{name: acme, key_sha256: [$hash], routes: ['*'], limits: {requests_per_day: 4, cost_per_day: 1000}}]
YAML
  start_node || { wrong "the node did not start: $(tail -c 600 "$work/node.log")"; return 1; }
  expect 0 'requests_per_day 1' bash -c "'$binary' key issue acme --requests-per-day 1 --out '$work/a.key' && '$binary' key list" || return 1
  ask 200 '' "$good" "$(cat "$work/a.key")" || return 1
  refused_for "key '$(cut -c4-19 "$work/a.key")' is 1 requests per day" "$(cat "$work/a.key")" || return 1
  ask 200 '' "$good" && ask 200 '' "$good" || return 1
  local i
  for i in $(seq 100); do
    [ "$("$binary" usage --json | json total.requests)" = 3 ] && break
    sleep 0.05
  done
  "$binary" usage --by key --json >"$work/before" || { wrong 'no usage'; return 1; }
  [ "$(json total.exact <"$work/before")" = 3 ] || { wrong "not exact: $(cat "$work/before")"; return 1; }
  expect 0 'EUR' "$binary" usage --by model || return 1
  expect 0 'sim-small,3,0,' "$binary" usage --by model --csv || return 1
  expect 2 'not in {tenant,key' "$binary" usage --by colour || return 1
  kill -9 "$node" && wait "$node" 2>/dev/null
  start_node || { wrong 'the node did not start again'; return 1; }
  "$binary" usage --by key --json >"$work/after"
  cmp -s "$work/before" "$work/after" || { wrong "usage differs: $(diff "$work/before" "$work/after")"; return 1; }
  refused_for "key '" "$(cat "$work/a.key")" || return 1
  ask 200 '' "$good" || return 1
  refused_for "tenant 'acme' is 4 requests per day"
}
