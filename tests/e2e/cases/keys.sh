# Keys of tenants that are issued while the node runs; read by tests/e2e/run.

# key_id FILE: the public id inside a key.
key_id() { cut -c4-19 "$1"; }

# case keys_issued_at_runtime
case_keys_issued_at_runtime() {
  local work=$work/keys gateway control node upstream CORDON_SERVER CORDON_TOKEN
  own_node '' || return 1
  local out=$work/issued held
  mkdir -p "$out"
  expect 0 'acknowledged' "$binary" key issue acme --name billing --route support \
    --expires-in 90d --out "$out/a.key" || return 1
  grep -qF -- "$(tail -c 40 "$out/a.key")" "$work/output" && { wrong 'the key is on the screen'; return 1; }
  ask 200 '' "$good" "$(cat "$out/a.key")" || return 1
  expect 0 'rotating' bash -c "'$binary' key rotate $(key_id "$out/a.key") --overlap 1h --out '$out/b.key' && '$binary' key list" || return 1
  ask 200 '' "$good" "$(cat "$out/a.key")" && ask 200 '' "$good" "$(cat "$out/b.key")" || return 1
  expect 0 'expired' "$binary" key expire "$(key_id "$out/a.key")" --expires-in 0s --reason 'moved' || return 1
  ask 401 invalid_api_key "$good" "$(cat "$out/a.key")" || return 1
  # A stream that runs by the key is cut by its revocation.
  curl -sS -N -m 30 -H 'content-type: application/json' -H "authorization: Bearer $(cat "$out/b.key")" \
    -d '{"model":"support","stream":true,"messages":[{"role":"user","content":"hi [[sim {\"scenario\":\"stall\"}]]"}]}' \
    "$gateway/v1/chat/completions" >"$out/stream" 2>&1 &
  held=$!
  local i
  for i in $(seq 100); do
    [ "$("$binary" switch preview tenant=acme --json | json running.exchanges)" = 1 ] && break
    sleep 0.05
  done
  [ "$i" -lt 100 ] || { wrong 'no stream runs'; return 1; }
  expect 0 '1 cut' "$binary" key revoke "$(key_id "$out/b.key")" --reason 'leaked' || return 1
  wait "$held"
  grep -qF invalid_api_key "$out/stream" || { wrong "not cut: $(head -c 600 "$out/stream")"; return 1; }
  ask 401 invalid_api_key "$good" "$(cat "$out/b.key")" || return 1
  kill -9 "$node" && wait "$node" 2>/dev/null
  start_node || { wrong "the node did not start again"; return 1; }
  ask 401 invalid_api_key "$good" "$(cat "$out/b.key")" || return 1
  ask 401 invalid_api_key "$good" "$(cat "$out/a.key")" || return 1
  expect 12 'was revoked' "$binary" key rotate "$(key_id "$out/b.key")" --overlap 1h || return 1
  expect 10 "no tenant named 'acne'" "$binary" key issue acne || return 1
  local file
  for file in a b; do
    ! grep -rqF -- "$(tail -c 40 "$out/$file.key" | tr -d '\n')" "$work/data" "$work/node.log" ||
      { wrong "a key stands in the data or the log"; return 1; }
  done
  ask 200 '' "$good"
}
