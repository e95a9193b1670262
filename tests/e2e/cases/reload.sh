# The configuration, read again while exchanges run; read by tests/e2e/run.

# reload_config MODE [MORE]: the file of these cases, with its route in MODE and MORE at its end.
reload_config() {
  cat >"$work/cordon.yaml" <<YAML
node: e2e-reload
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
threads: 2
providers: [{name: sim, base_url: "$upstream/v1", key_file: "$work/provider.key"}]
routes: [{name: support, targets: [{provider: sim, model: sim-small}], mode: $1}]
tenants: [{name: acme, key_sha256: [$(printf %s "$key" | sha256sum | cut -d' ' -f1)], routes: ['*']}]
${2:-}
YAML
}
reload_node() {
  mkdir -p "$work"
  printf 'provider-key-one\n' >"$work/provider.key"
  start_sim
  reload_config emergency
  start_node || wrong "the node did not start: $(tail -c 600 "$work/node.log")"
}

# case config_reloads_under_load_without_a_failed_request
case_config_reloads_under_load_without_a_failed_request() {
  local work=$work/reload-load gateway='' control='' node='' upstream='' CORDON_SERVER='' CORDON_TOKEN=''
  reload_node || return 1
  cp "$work/cordon.yaml" "$work/a"
  reload_config emergency "flags: [{name: agent}]
limits: {body_bytes_max: 64KiB}"
  cp "$work/cordon.yaml" "$work/b"
  python3 - "$gateway" "$control" "$key" "$work" "$node" "${CORDON_RELOADS:-20}" <<'PYTHON'
import http.client, json, os, shutil, signal, sys, threading, time
gateway, control, key, work, node, times = sys.argv[1:]
times = int(times)
token = os.environ["CORDON_TOKEN"]
done = threading.Event()
answers, failures = [], []

def load(stream):
    where = http.client.HTTPConnection(gateway.removeprefix("http://"), timeout=30)
    body = json.dumps({"model": "support", "stream": stream,
                       "messages": [{"role": "user", "content": "hi"}]})
    count = 0
    while not done.is_set():
        try:
            where.request("POST", "/v1/chat/completions", body,
                          {"authorization": f"Bearer {key}", "content-type": "application/json"})
            answer = where.getresponse()
            text = answer.read()
            whole = text.endswith(b"data: [DONE]\n\n") if stream else True
            if answer.status != 200 or not whole:
                failures.append((answer.status, text[-200:]))
        except Exception as fault:
            failures.append(repr(fault))
            where.close()
        count += 1
        time.sleep(0.005)  # so that the reloads get on on two cores
    answers.append(count)

def ask(method, path, body=None):
    where = http.client.HTTPConnection(control.removeprefix("http://"), timeout=60)
    where.request(method, path, body, {"authorization": f"Bearer {token}",
                                       "content-type": "application/json"})
    answer = where.getresponse()
    return answer.status, json.loads(answer.read())

threads = [threading.Thread(target=load, args=(i % 2 == 0,)) for i in range(4)]
for thread in threads: thread.start()
before = ask("GET", "/api/v1/generations/current")[1]["number"]
for i in range(times):
    shutil.copyfile(f"{work}/{'b' if i % 2 == 0 else 'a'}", f"{work}/cordon.yaml")
    status, said = ask("POST", "/api/v1/config/reload", "{}")
    assert status == 200 and said["state"] == "in_force", (i, said)
    nodes = said["receipt"]["nodes"]
    assert all(one["acked"] and one["streams_cut"] == 0 for one in nodes), nodes
    assert said["receipt"]["generation"] == before + i + 1, (before, i, said)
shutil.copyfile(f"{work}/b", f"{work}/cordon.yaml")
os.kill(int(node), signal.SIGHUP)
for _ in range(200):
    if ask("GET", "/api/v1/generations/current")[1]["number"] == before + times + 1: break
    time.sleep(0.05)
else: raise SystemExit("HUP changed nothing")
done.set()
for thread in threads: thread.join()
assert not failures, failures[:3]
print(f"    {times} reloads and a HUP, {sum(answers)} requests, none failed")
assert sum(answers) > times, answers
PYTHON
}

# case config_reload_refuses_whole_and_keeps_the_last_good_one
case_config_reload_refuses_whole_and_keeps_the_last_good_one() {
  local work=$work/reload-bad gateway='' control='' node='' upstream='' CORDON_SERVER='' CORDON_TOKEN=''
  local before waiting
  reload_node || return 1
  expect 0 'unchanged' "$binary" config reload || return 1
  before=$(digest)
  reload_config strict
  expect 10 "cordon.yaml:5:78: found 'strict', expected one of" "$binary" config reload || return 1
  unharmed "$before" || return 1
  reload_config emergency 'detectors: []'
  expect 12 'detectors cannot change while the node runs' "$binary" config reload || return 1
  unharmed "$before" || return 1
  reload_config emergency
  rm "$work/provider.key"
  expect 11 'provider.key' "$binary" config reload || return 1
  unharmed "$before" || return 1
  printf 'provider-key-two\n' >"$work/provider.key"
  expect 0 'provider sim has another key' "$binary" config reload || return 1
  ! grep -qF provider-key "$work/output" || { wrong 'the key was shown'; return 1; }
  ask 200 '' "$good" || return 1
  # A switch stays in force over a reload, and what protects less waits for somebody else.
  expect 0 'streams cut' "$binary" switch set route=support --reason test --expires-in 10m || return 1
  reload_config emergency 'flags: [{name: agent}]'
  expect 0 'flag agent is new' "$binary" config reload --reason 'a flag' || return 1
  ask 503 switched_off "$good" || return 1
  # Neither of the two may have minted the other's token.
  "$binary" token mint anna --role admin --expires-in 1h --out "$work/anna.token" >/dev/null &&
    "$binary" token mint bob --role approver --expires-in 1h --out "$work/bob.token" >/dev/null || return 1
  CORDON_TOKEN=$(cat "$work/anna.token")
  reload_config observe
  expect 0 'not done: it waits for a second person' "$binary" config reload || return 1
  waiting=$("$binary" approval list --json | json items.0.id)
  expect 0 'from mode emergency to observe' "$binary" approval list || return 1
  kill -HUP "$node"
  expect 0 'in_force' "$binary" approval give "$waiting" --token-file "$work/bob.token" ||
    return 1
  "$binary" generation show "$("$binary" state --json | json generation)" --json >"$work/output" || return 1
  grep -q '"mode": *"observe"' "$work/output" ||
    { wrong "not in observe: $(head -c 600 "$work/output")"; return 1; }
  stop_node -TERM || return 1
  expect 0 "5:78: found 'strict'" "$binary" journal show "$work/data/journal" --kind refusal
}

# case config_reload_shows_a_renewed_certificate_to_new_connections
case_config_reload_shows_a_renewed_certificate_to_new_connections() {
  local work=$work/reload-tls gateway='' control='' node='' upstream='' CORDON_SERVER='' CORDON_TOKEN=''
  mkdir -p "$work"
  printf 'provider-key-one\n' >"$work/provider.key"
  certify() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
      -addext 'subjectAltName=IP:127.0.0.1' -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
  }
  certify first
  start_sim
  reload_config emergency "tls: {gateway: {cert: $work/cert.pem, key: $work/key.pem}}"
  start_node || { wrong "the node did not start: $(tail -c 600 "$work/node.log")"; return 1; }
  certify second
  python3 - "${gateway#http://}" "$work/cert.pem" "$binary" <<'PYTHON'
import http.client, ssl, subprocess, sys
where, cert, binary = sys.argv[1:]

def connect():
    context = ssl._create_unverified_context()
    made = http.client.HTTPSConnection(where, timeout=30, context=context)
    made.connect()
    return made, ssl.DER_cert_to_PEM_cert(made.sock.getpeercert(True))

def alive(made):
    made.request("GET", "/livez")
    answer = made.getresponse()
    return answer.status == 200 and answer.read() == b"ok\n"

old, shown = connect()
assert alive(old) and shown.strip() != open(cert).read().strip()
said = subprocess.run([binary, "config", "reload"], capture_output=True, text=True)
assert said.returncode == 0 and "the gateway has another certificate" in said.stdout, said
fresh, shown = connect()
assert shown.strip() == open(cert).read().strip() and alive(fresh)
assert alive(old), "the connection that was there was dropped"
open(cert, "w").write("no certificate")
said = subprocess.run([binary, "config", "reload"], capture_output=True, text=True)
assert said.returncode == 10 and "cannot use the certificate" in said.stderr, said
assert connect()[1].strip() == shown.strip() and alive(fresh)
PYTHON
}
