# Client certificates, made by openssl; read by tests/e2e/run.

# issue NAME CA DAYS: NAME.pem and NAME.key, signed by CA for loopback.
issue() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -addext 'subjectAltName=IP:127.0.0.1' -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null &&
    openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -CAcreateserial \
      -copy_extensions copy -days "$3" -out "$work/$1.pem" 2>/dev/null
}

# case mtls_lets_in_those_its_authority_signed_and_is_shown_to_providers
case_mtls_lets_in_those_its_authority_signed_and_is_shown_to_providers() {
  local work=$work/mtls gateway='' control='' node='' CORDON_SERVER='' CORDON_TOKEN='' ca
  mkdir -p "$work"
  for ca in ca other; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$ca" \
      -keyout "$work/$ca.key" -out "$work/$ca.pem" 2>/dev/null || return 1
  done
  issue server ca 2 && issue app ca 2 && issue expired ca -1 && issue stranger other 2 ||
    { wrong 'openssl made no certificates'; return 1; }
  cp "$work/ca.pem" "$work/clients.pem"
  python3 - "$work" >"$work/provider.out" 2>&1 <<'PYTHON' &
import http.server, json, ssl, sys
work = sys.argv[1]

class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        shown = dict(pair[0] for pair in self.connection.getpeercert()["subject"])["commonName"]
        text = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                           "choices": [{"index": 0, "finish_reason": "stop", "message":
                                        {"role": "assistant", "content": f"shown {shown}"}}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_): pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{work}/server.pem", f"{work}/server.key")
context.load_verify_locations(f"{work}/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
server = Server(("127.0.0.1", 0), Provider)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
  pids+=($!)
  local i
  for i in $(seq 200); do [ -s "$work/provider.out" ] && break; sleep 0.05; done
  cat >"$work/cordon.yaml" <<YAML
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
tls: {gateway: {cert: $work/server.pem, key: $work/server.key, client_ca: $work/clients.pem}}
threads: 1
providers:
  - {name: asks, base_url: "https://127.0.0.1:$(cat "$work/provider.out")/v1", ca_file: $work/ca.pem,
     client_cert: $work/app.pem, client_key: $work/app.key}
routes: [{name: support, targets: [{provider: asks, model: m}]}]
tenants: [{name: acme, key_sha256: [$(printf %s "$key" | sha256sum | cut -d' ' -f1)], routes: ['*']}]
YAML
  start_node || { wrong "the node did not start: $(tail -c 600 "$work/node.log")"; return 1; }
  python3 - "${gateway#http://}" "$work" "$key" "$binary" <<'PYTHON'
import http.client, json, shutil, ssl, subprocess, sys
where, work, key, binary = sys.argv[1:]

def connect(name):
    context = ssl.create_default_context(cafile=f"{work}/ca.pem")
    if name: context.load_cert_chain(f"{work}/{name}.pem", f"{work}/{name}.key")
    return http.client.HTTPSConnection(where, timeout=30, context=context)

def ask(made):
    made.request("POST", "/v1/chat/completions", json.dumps(
        {"model": "support", "messages": [{"role": "user", "content": "hi"}]}),
        {"authorization": f"Bearer {key}", "content-type": "application/json"})
    answer = made.getresponse()
    return answer.status, answer.read()

def refused(name):
    try:
        return "let in: %r" % (ask(connect(name)),)
    except (ssl.SSLError, OSError, http.client.HTTPException):
        return True

def reload(code, text):
    said = subprocess.run([binary, "config", "reload"], capture_output=True, text=True)
    assert said.returncode == code and text in said.stdout + said.stderr, said

held = connect("app")
status, body = ask(held)
assert status == 200 and b"shown app" in body, (status, body)
for name in (None, "expired", "stranger"):
    assert refused(name) is True, (name, refused(name))
shutil.copyfile(f"{work}/other.pem", f"{work}/clients.pem")
reload(0, "the gateway trusts its clients by other certificates")
assert refused("app") is True, refused("app")
assert ask(connect("stranger"))[0] == 200 and ask(held)[0] == 200
shutil.copyfile(f"{work}/stranger.pem", f"{work}/app.pem")
reload(10, "cannot use the key")  # app.key is that of another certificate
shutil.copyfile(f"{work}/stranger.key", f"{work}/app.key")
reload(0, "provider asks is shown another certificate")
status, body = ask(connect("stranger"))
assert status != 200 and b"shown" not in body, (status, body)  # the provider trusts it no more
open(f"{work}/clients.pem", "w").write("no certificate")
reload(10, "cannot trust clients by")
assert ask(connect("stranger"))[0] == status
PYTHON
  [ $? -eq 0 ] || { wrong "$(tail -c 900 "$work/node.log")"; return 1; }
  grep -q 'net.client_refused peer=127.0.0.1:.* detail="TLS handshake: ' "$work/node.log" ||
    wrong "no line says that a client was refused"
}
