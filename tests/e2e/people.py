#!/usr/bin/env python3
"""People are reached, and planted tokens are seen: tests/e2e/people.py BINARY [CASE...]

Every case is a function with a comment `# case NAME`; docs/capabilities.md names it as e2e.NAME.
Cases run in order and share one node with a receiver of pages on loopback.
"""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

BINARY = os.path.realpath(sys.argv[1])
WORK = pathlib.Path(tempfile.mkdtemp())
KEY = "ck-end-to-end-tenant-key"
ROUTING_KEY = "R0UT1NGSECRETR0UT1NGSECRETR0UT1N"
TOKEN, OTHER = "zx-7f3a9c0b1d2e", "row-55aa12cc09"
children, tokens = [], {}
node = gateway = control = None


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers with the statuses that its path is given, then 202; 0 never answers."""
    statuses = {}
    heard = []
    hold = threading.Event()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Receiver.heard.append((self.path, self.headers["idempotency-key"], json.loads(body)))
        waiting = Receiver.statuses.get(self.path, [])
        status = waiting.pop(0) if waiting else 202
        if status == 0:
            Receiver.hold.wait(60)
            return
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Wrong(Exception):
    pass


def check(claim, otherwise):
    if not claim:
        raise Wrong(str(otherwise)[:1500])


def cordon(*words, who="anna", code=0, said=None):
    env = dict(os.environ, CORDON_SERVER=control, CORDON_TOKEN=tokens.get(who, ""))
    ran = subprocess.run([BINARY, *words, "--json"], env=env, capture_output=True, text=True, timeout=120)
    check(ran.returncode == code,
          f"{words} ended with {ran.returncode}, not {code}: {ran.stdout[-500:]}{ran.stderr[-900:]}")
    if said is not None:
        check(said in ran.stderr + ran.stdout, f"{words}: no '{said}' in {ran.stderr}{ran.stdout[:500]}")
    return json.loads(ran.stdout) if code == 0 and ran.stdout.strip() else ran.stderr


def until(claim, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = claim()
        if value:
            return value
        time.sleep(0.1)
    log = WORK / "node.log"
    print(log.read_text()[-1500:] if log.exists() else "")
    raise Wrong(f"{what} did not come to pass in {seconds} s; heard {str(Receiver.heard)[-900:]}")


def heard(path):
    return [(key, body) for at, key, body in Receiver.heard if at == path]


def ask(order, route="support", stream=False, tools=False):
    """One chat completion whose answer is ordered; its status and everything that came."""
    host, port = gateway.split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=30)
    body = {"model": route, "stream": stream,
            "messages": [{"role": "user", "content": "[[sim " + json.dumps(order) + "]]"}]}
    if tools:
        body["tools"] = [{"type": "function", "function": {"name": "save", "parameters": {
            "type": "object", "properties": {"text": {"type": "string"}}}}}]
    line.request("POST", "/v1/chat/completions", json.dumps(body),
                 {"content-type": "application/json", "authorization": f"Bearer {KEY}"})
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, text


def start(*words, **options):
    child = subprocess.Popen([BINARY, *words], **options)
    children.append(child)
    return child


def start_node():
    global node, gateway, control
    addresses = WORK / "addresses.json"
    addresses.unlink(missing_ok=True)
    log = open(WORK / "node.log", "ab")
    node = start("serve", "--config", str(WORK / "cordon.yaml"), "--data", str(WORK / "data"),
                 "--admin-token-file", str(WORK / "admin.token"), "--addresses-file", str(addresses),
                 stderr=log, stdout=log, env=dict(os.environ, PD_KEY=ROUTING_KEY))
    until(lambda: addresses.exists() and addresses.stat().st_size > 0, "the node's start", 20)
    found = json.loads(addresses.read_text())
    gateway, control = found["gateway"], "http://" + found["control"]
    tokens["admin"] = (WORK / "admin.token").read_text().strip()


def kill_node():
    node.kill()
    node.wait()


def set_up():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver = f"http://127.0.0.1:{server.server_port}"
    sim = start("sim", "--seed", "1", stdout=subprocess.PIPE, text=True)
    upstream = sim.stdout.readline().strip()
    check(upstream.startswith("http"), f"the simulator said {upstream}")
    (WORK / "cordon.yaml").write_text(f"""
node: people-1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
journal: {{segment_bytes: 1MiB}}
threads: 1
providers: [{{name: sim, base_url: "{upstream}/v1"}}]
routes:
  - {{name: support, targets: [{{provider: sim, model: sim-small}}], rulepacks: []}}
  - {{name: quiet, targets: [{{provider: sim, model: sim-small}}], fallback: [{{provider: sim, model: sim-spare}}], rulepacks: [core-leakage]}}
tenants: [{{name: acme, key_sha256: [{sha256(KEY)}], routes: ["*"]}}]
detectors:
  - {{name: canary, kind: canary, tokens: [{TOKEN}]}}
  - {{name: rows, kind: canary, class: prompt_injection_bypass, tokens: [{OTHER}]}}
rota: [anna, ben]
escalation: {{accept: 1h}}
connectors:
  - {{name: pager, kind: pagerduty, url: "{receiver}/v2/enqueue", routing_key_env: PD_KEY, pages: [on_call], timeout: 2s}}
  - {{name: chat, kind: slack, url: "{receiver}/chat/HOOKSECRET", pages: [on_call], timeout: 20s}}
  - {{name: down, kind: webhook, url: "http://127.0.0.1:9/x", pages: [on_call], attempts_max: 1}}
""")
    start_node()
    for person, roles in (("anna", ["commander", "responder", "policy_author"]), ("ben", ["responder"]),
                          ("cleo", ["approver"]), ("vera", ["viewer"])):
        words = [word for role in roles for word in ("--role", role)]
        tokens[person] = cordon("token", "mint", person, *words, "--expires-in", "1h", who="admin")["token"]


def sha256(text):
    import hashlib
    return hashlib.sha256(text.encode()).hexdigest()


def pages(**only):
    return [page for page in cordon("page", "list")["items"]
            if all(page.get(key) == value for key, value in only.items())]


# --- pages ----------------------------------------------------------------------------------------

# case pages_reach_whoever_is_on_call_and_are_acknowledged
def case_pages_reach_whoever_is_on_call_and_are_acknowledged():
    Receiver.statuses["/v2/enqueue"] = [503, 429]
    cordon("signal", "report", "--class", "unsafe_output", "--scope", "route=quiet", "--severity", "SEV-1",
           "--summary", "seen")
    first = until(lambda: pages(reason="asked to command", status="sent"), "a page that was sent")[0]
    check(first["person"] == "anna" and first["audience"] == "on_call", first)
    page = first["id"]
    until(lambda: all(one["outcome"] != "waiting" for one in pages(id=page)[0]["deliveries"]), "all ends")
    ends = {one["connector"]: one for one in pages(id=page)[0]["deliveries"]}
    check(ends["pager"]["outcome"] == "sent" and ends["pager"]["attempts"] == 3, ends)
    check(ends["chat"]["outcome"] == "sent" and ends["down"]["outcome"] == "failed", ends)
    check("could not be reached" in ends["down"]["reason"], ends)
    events = [(key, body) for key, body in heard("/v2/enqueue") if body["payload"]["custom_details"]["page"] == page]
    check(len(events) == 3 and len({key for key, _ in events}) == 1, f"one key for every attempt: {events}")
    event = events[-1][1]
    check(event["routing_key"] == ROUTING_KEY and event["event_action"] == "trigger", event)
    check(event["dedup_key"] == f"cordon:{first['incident']}:{page}" and len(event["dedup_key"]) <= 255, event)
    payload = event["payload"]
    check(payload["severity"] == "critical" and payload["source"] == "/cordon/people-1", payload)
    check("anna: asked to command" in payload["summary"] and len(payload["summary"]) <= 1024, payload)
    check(f"cordon page ack {page}" in payload["custom_details"]["text"], payload)
    # Acknowledged once, by somebody who may; and it is on the timeline of the incident.
    cordon("page", "ack", page, who="vera", code=1, said="responder")
    check(cordon("page", "ack", page)["acked_by"] == "person:anna", "acknowledged")
    cordon("page", "ack", page, who="ben", code=12, said="person:anna acknowledged it")
    cordon("page", "ack", "no-such-page", code=11, said="no page 'no-such-page'")
    lines = [one["text"] for one in cordon("incident", "timeline", first["incident"])["items"]]
    check("page goes out" in lines and "page sent by pager" in "\n".join(lines), lines)
    check(f"page {page} acknowledged" in lines, lines[-6:])
    check(len(cordon("page", "list", "--incident", "INC-2000-00001")["items"]) == 0, "pages of another incident")


# case pages_that_nobody_takes_are_on_record_as_not_sent
def case_pages_that_nobody_takes_are_on_record_as_not_sent():
    incident = cordon("incident", "list")["items"][0]["id"]
    for state in ("active", "declined"):
        answer = cordon("incident", "move", incident, state, "--reason", "a test")
    check(answer["act"] == "move", f"declining what is active takes two: {answer}")
    # A SEV-3 is closed by one person; the same again is a repetition, of which executives hear.
    ids = []
    for _ in range(2):
        cordon("signal", "report", "--class", "policy_drift", "--scope", "route=support", "--severity", "SEV-3",
               "--summary", "seen again")
        one = until(lambda: [i for i in cordon("incident", "list")["items"]
                             if i["class"] == "policy_drift" and i["state"] == "triage"
                             and i["severity"] != "unset"], "the incident")[0]["id"]
        ids.append(one)
        if len(ids) == 2:
            break
        cordon("incident", "exposure", one, "no", "--reason", "none")
        for state in ("active", "contained", "stable", "closed"):
            cordon("incident", "move", one, state, "--reason", "done")
    page = until(lambda: pages(audience="executives", incident=ids[1]), "the page of the repetition")[0]
    page = until(lambda: pages(id=page["id"], status="unsent"), "that it was not sent")[0]
    check(page["unsent"] == "no connector pages executives" and page["deliveries"] == [], page)
    lines = [one["text"] for one in cordon("incident", "timeline", ids[1])["items"]]
    check("page NOT sent: no connector pages executives" in lines, lines)


# case pages_escape_what_an_attacker_wrote_and_survive_kill_9
def case_pages_escape_what_an_attacker_wrote_and_survive_kill_9():
    Receiver.statuses["/chat/HOOKSECRET"] = [0]
    hostile = "<!channel> @here <https://evil.example|click> \"},{\"x\":1"
    measure = cordon("switch", "set", "use_case=none", "--reason", hostile, "--expires-in", "1s")["containment"]["id"]
    page = until(lambda: pages(containment=measure), "the page of what is overdue", 40)[0]
    check(page["person"] == "anna" and hostile in page["reason"], page)
    sent = until(lambda: [body for _, body in heard("/v2/enqueue")
                          if body["payload"]["custom_details"]["page"] == page["id"]], "the event")[0]
    check(hostile in sent["payload"]["custom_details"]["text"], "as text, and JSON held")
    # The chat does not answer when the node dies: it is called again, with the same key.
    until(lambda: [1 for key, _ in heard("/chat/HOOKSECRET") if page["id"] in key], "the first attempt")
    kill_node()
    start_node()
    again = until(lambda: (lambda all: all if len(all) > 1 else None)(
        [(key, body) for key, body in heard("/chat/HOOKSECRET") if page["id"] in key]), "the second attempt")
    check(len({key for key, _ in again}) == 1, again)
    for part in json.dumps(again[-1][1]["blocks"]), again[-1][1]["text"]:
        check("<!channel>" not in part and "&lt;!channel&gt;" in part, part)
    until(lambda: pages(id=page["id"], status="sent"), "its end")
    time.sleep(1)
    keys = [key for key, body in heard("/v2/enqueue") if body["payload"]["custom_details"]["page"] == page["id"]]
    check(len(keys) == 1, f"what had ended is not sent again: {keys}")
    cordon("containment", "release", measure, "--reason", "over")


# case pages_refuse_connectors_that_could_call_nobody
def case_pages_refuse_connectors_that_could_call_nobody():
    for connector, said in (
            ("{name: p, kind: pagerduty, pages: [on_call]}", "routing_key_env"),
            ("{name: p, kind: pagerduty, routing_key_env: K, audiences: [support]}", "pages only"),
            ("{name: p, kind: pagerduty, routing_key_env: K}", "at least one"),
            ("{name: p, kind: slack, url: 'http://x.example/', routing_key_env: K, pages: [on_call]}", "only on kind pagerduty"),
            ("{name: p, kind: slack, url: 'http://x.example/', pages: [on_call, on_call]}", "a second time"),
            ("{name: p, kind: slack, url: 'http://x.example/', pages: [everybody]}", "on_call"),
            ("{name: p, kind: slack, url: 'http://x.example/'}", "at least one")):
        (WORK / "bad.yaml").write_text(f"connectors: [{connector}]\n")
        cordon_check(WORK / "bad.yaml", said)
    secrets = subprocess.run(["grep", "-rlFe", ROUTING_KEY, "-e", "HOOKSECRET", str(WORK / "data"),
                              str(WORK / "node.log")], capture_output=True, text=True)
    check(secrets.returncode == 1, f"a secret stands in {secrets.stdout}")


def cordon_check(file, said):
    ran = subprocess.run([BINARY, "config", "check", str(file)], capture_output=True, text=True, timeout=30)
    check(ran.returncode == 10 and said in ran.stderr + ran.stdout, f"{file.read_text()}: {ran.stderr}{ran.stdout}")
    return ran.stderr + ran.stdout


# --- canaries -------------------------------------------------------------------------------------

# case canary_token_in_any_answer_opens_an_incident_at_once
def case_canary_token_in_any_answer_opens_an_incident_at_once():
    before = {one["id"] for one in cordon("incident", "list")["items"]}
    status, text = ask({"answer": "nothing to see, zx-7f3a9c0b1d2f is another"})
    check(status == 200, f"what only looks like it passes: {status} {text[:200]}")
    # Whole, streamed in pieces of five bytes, and in the arguments of a tool.
    status, text = ask({"answer": f"the note says {TOKEN} and more"})
    check(status != 200 and TOKEN not in text, f"whole: {status} {text[:300]}")
    status, text = ask({"answer": f"the note says {TOKEN} and more", "chunk_bytes": 5}, stream=True)
    check(TOKEN not in text and "content_filter" in text, f"streamed: {text[-400:]}")
    status, text = ask({"tool_calls": [{"name": "save", "arguments": {"text": TOKEN}}]}, tools=True)
    check(TOKEN not in text, f"tool arguments: {status} {text[:300]}")
    opened = until(lambda: [one for one in cordon("incident", "list")["items"]
                            if one["id"] not in before and one["class"] == "data_leakage"], "the incident", 10)
    check(len(opened) == 1 and opened[0]["scope"] == "route=support", opened)
    shown = cordon("incident", "show", opened[0]["id"])
    signal = [one for one in cordon("signal", "list")["items"] if one["detector"] == "canary"][0]
    check(signal["id"] in json.dumps(shown["detection"]) and "canary.canary" in signal["numbers"]["rules"], signal)
    # A token of another detector is of its class.
    ask({"answer": f"id {OTHER}"}, route="quiet")
    until(lambda: [one for one in cordon("signal", "list")["items"] if one["detector"] == "rows"
                   and one["class"] == "prompt_injection_bypass"], "the signal of the other detector")
    # Nobody is shown it and no log has it: not the journal, not a bundle, not the rulepack's text.
    pack = cordon("rulepack", "show", "canary-tokens")
    check(sorted(pack["routes"]) == ["quiet", "support"] and TOKEN not in json.dumps(pack), pack)
    cordon("api", "GET", "/api/v1/rulepacks/canary-tokens/text", who="admin", code=10, said="never shown")
    bundle = cordon("evidence", "freeze", opened[0]["id"])
    ran = subprocess.run([BINARY, "verify", bundle["path"]], capture_output=True, text=True, timeout=120)
    check(ran.returncode == 0, f"the bundle verifies: {ran.stdout[-500:]}{ran.stderr[-500:]}")
    for place in (WORK / "data" / "journal", WORK / "data" / "flight", WORK / "data" / "log", bundle["path"],
                  WORK / "node.log"):
        found = subprocess.run(["grep", "-rlaF", TOKEN, str(place)], capture_output=True, text=True)
        check(found.returncode == 1, f"the token stands in {found.stdout}")


# case canary_token_that_answers_hold_by_chance_is_refused
def case_canary_token_that_answers_hold_by_chance_is_refused():
    for token, said in (("ab12", "8 to 256 bytes"), ("confidential", "by chance"), ("'20261125'", "by chance"),
                        ("'my token 1'", "printable"), ("x1" * 200, "8 to 256 bytes")):
        (WORK / "bad.yaml").write_text(f"detectors: [{{name: c, kind: canary, tokens: [{token}]}}]\n")
        text = cordon_check(WORK / "bad.yaml", said)
        check(token.strip("'") not in text, f"the error repeats the token: {text}")
    pack = WORK / "canary.yaml"
    pack.write_text("rulepack: canary-tokens\nversion: '1'\nrules:\n  - id: canary.x\n    class: data_leakage\n"
                    "    on: [response]\n    match: {canary: [aaaaaaaa1]}\n    action: warn\n    rationale: none.\n"
                    "    tests: {match: [aaaaaaaa1], pass: [b]}\n")
    cordon("rulepack", "publish", str(pack), "--reason", "take over", who="admin", code=10, said="change their tokens there")


# --- the hour -------------------------------------------------------------------------------------

PICK = """
  - id: test.pick
    class: unsafe_output
    on: [response]
    match: {pattern: 'pick the falcon lock'}
    action: warn
    emergency: block
    rationale: How to pick a lock.
    tests: {match: [pick the falcon lock], pass: [a lock]}
"""


def text_of(pack):
    ran = subprocess.run([BINARY, "api", "GET", f"/api/v1/rulepacks/{pack}/text"], capture_output=True, text=True,
                         env=dict(os.environ, CORDON_SERVER=control, CORDON_TOKEN=tokens["anna"]))
    check(ran.returncode == 0, ran.stderr)
    return ran.stdout


def unsafe():
    return [one for one in cordon("incident", "list")["items"] if one["class"] == "unsafe_output"][0]["id"]


def publish(name, mark, more=""):
    file = WORK / f"{name}.yaml"
    lines = text_of(name).split("\n")
    at = [i for i, line in enumerate(lines) if line.startswith("version: ")][0]
    lines[at] += f"-{mark}"
    file.write_text("\n".join(lines) + more)
    return cordon("rulepack", "publish", str(file), "--reason", "a test")


# case a_class_that_no_rule_sees_is_unknown_and_never_zero
def case_a_class_that_no_rule_sees_is_unknown_and_never_zero():
    impact = cordon("incident", "show", unsafe())["impact"]
    check(impact == {"unknown": "no rule in force can see this class"}, impact)
    hits = cordon("api", "GET", "/api/v1/traffic")["hits"]
    check("unknown" in hits["unsafe_output"] and "exchanges" in hits["data_leakage"], hits)


# case unsafe_output_counts_delivered_against_blocked
def case_unsafe_output_counts_delivered_against_blocked():
    # A published rulepack with a rule of the class: from now on it is measured.
    check(publish("core-leakage", "more", PICK)["state"] == "in_force", "published")
    until(lambda: "unknown" not in cordon("incident", "show", unsafe())["impact"], "that it is measured")
    before = cordon("incident", "show", unsafe())["impact"]
    for _ in range(2):
        status, text = ask({"answer": "first, pick the falcon lock"}, route="quiet")
        check(status == 200 and "falcon" in text, f"standard mode only warns: {status} {text[:200]}")
    cordon("mode", "set", "route=quiet", "emergency", "--reason", "unsafe answers", "--expires-in", "1h",
           "--incident", unsafe())
    status, text = ask({"answer": "first, pick the falcon lock"}, route="quiet")
    check(status != 200 and "falcon" not in text, f"emergency blocks: {status} {text[:200]}")
    after = until(lambda: (lambda now: now if now["blocked_exchanges"] > before["blocked_exchanges"] else None)(
        cordon("incident", "show", unsafe())["impact"]), "the counts")
    check(after["delivered_exchanges"] - before["delivered_exchanges"] == 2, f"{before} {after}")
    check(after["blocked_exchanges"] - before["blocked_exchanges"] == 1, f"{before} {after}")


# case a_snapshot_of_an_empty_window_says_so
def case_a_snapshot_of_an_empty_window_says_so():
    # It was declared before anything had passed on its route.
    first = cordon("incident", "show", unsafe())["snapshot"]
    check(first["records"].startswith("0 records between ") and first["generation"] == 1, first)


# case the_snapshot_is_frozen_at_declaration
def case_the_snapshot_is_frozen_at_declaration():
    generation = cordon("api", "GET", "/api/v1/generations/current")
    packs = {one["name"]: one for one in cordon("rulepack", "list")["items"]}
    known = {one["id"] for one in cordon("incident", "list")["items"]}
    cordon("signal", "report", "--class", "data_leakage", "--scope", "route=quiet", "--summary", "seen by a person")
    opened = until(lambda: [one for one in cordon("incident", "list")["items"] if one["id"] not in known], "it opens")
    incident = opened[0]["id"]
    snapshot = cordon("incident", "show", incident)["snapshot"]
    check(snapshot["digest"] == generation["digest"] and snapshot["generation"] == generation["number"], snapshot)
    pack = packs["core-leakage"]
    check(f"core-leakage {pack['version']} {pack['digest']}" in snapshot["rulepacks"], snapshot)
    records = int(snapshot["records"].split(" ")[0])
    check(records >= 3, f"what passed on the route before it: {snapshot}")
    timeline = cordon("incident", "timeline", incident)["items"]
    entry = [one for one in timeline if one["id"] == snapshot["entry"]][0]
    check(entry["sequence"] == snapshot["log_position"] and entry["fields"]["event"] == "opened", entry)
    # What changes afterwards, and a death of the node, change nothing about it.
    publish("core-leakage", "later")
    kill_node()
    start_node()
    check(cordon("incident", "show", incident)["snapshot"] == snapshot, "it stays what it was")


# case options_to_contain_come_with_what_they_would_touch
def case_options_to_contain_come_with_what_they_would_touch():
    items = cordon("incident", "options", unsafe())["items"]
    check([one["kind"] for one in items] == ["mode", "fallback", "switch", "mode"], items)
    for one in items:
        check(one["blast_radius"]["exchanges"] >= 3 and one["blast_radius"]["tenants"] == {"acme": one["blast_radius"]["exchanges"]}, one)
        check(one["command"].endswith(f"--incident {unsafe()}"), one)
    # The words are those of the command line.
    words = items[-1]["command"].split(" ")[1:]
    done = cordon(*words, "--reason", "stop it", "--expires-in", "1h")
    check(done["containment"]["mode"] == "lockdown" and done["containment"]["incident"] == unsafe(), done)
    drift = [one for one in cordon("incident", "list")["items"] if one["class"] == "policy_drift" and one["state"] == "triage"][0]["id"]
    kinds = [one["kind"] for one in cordon("incident", "options", drift)["items"]]
    check("rollback" in kinds and "fallback" not in kinds, f"a drift is undone: {kinds}")


# case options_are_refused_where_there_is_nothing_to_contain
def case_options_are_refused_where_there_is_nothing_to_contain():
    cordon("incident", "options", "INC-2000-00001", code=11, said="no incident")
    closed = [one for one in cordon("incident", "list")["items"] if one["state"] == "closed"][0]["id"]
    cordon("incident", "options", closed, code=12, said="nothing to contain")


# case an_incident_stays_contained_while_an_exit_criterion_is_missing
def case_an_incident_stays_contained_while_an_exit_criterion_is_missing():
    incident = unsafe()
    cordon("incident", "move", incident, "stable", "--reason", "looks fine", code=10, said="does not follow")
    cordon("incident", "move", incident, "contained", "--reason", "locked down")
    said = cordon("incident", "move", incident, "stable", "--reason", "looks fine", code=12)
    check("a mitigation test with the verdict effective" in said and "neither validated nor released" in said, said)
    shown = cordon("incident", "show", incident)
    check(shown["state"] == "contained", shown["state"])
    phase = [one for one in shown["phases"] if one["phase"] == "stabilise"][0]
    check(phase["state"] != "met" and phase["missing"] == ["the state stable"] and phase["late"] is False, phase)


# case a_rulepack_published_under_a_rollback_says_when_it_takes_hold
def case_a_rulepack_published_under_a_rollback_says_when_it_takes_hold():
    asked = cordon("rollback", "1", "--reason", "the release", "--expires-in", "1h")
    rollback = cordon("approval", "give", asked["id"], who="cleo")["containment"]["id"]
    answer = publish("core-leakage", "under")
    check(answer["state"] == "in_force_after_rollback" and answer["after_rollback"] == rollback, answer)
    check("core-leakage" not in json.dumps([r for r in cordon("rulepack", "show", "core-leakage")["routes"]]), "no route obeys it yet")
    asked = cordon("containment", "release", rollback, "--reason", "over")
    cordon("approval", "give", asked["id"], who="cleo")
    check(cordon("rulepack", "show", "core-leakage")["routes"] == ["quiet"], "now one does")


def main():
    cases = [(name[5:], run) for name, run in globals().items() if name.startswith("case_")]
    wanted = sys.argv[2:]
    failed = 0
    set_up()
    for name, run in cases:
        if wanted and name not in wanted:
            continue
        began = time.monotonic()
        print(f"e2e {name}", flush=True)
        try:
            run()
            print(f"    ok, {time.monotonic() - began:.0f} s", flush=True)
        except (Wrong, subprocess.TimeoutExpired, OSError, KeyError, IndexError) as fault:
            failed += 1
            print(f"    {type(fault).__name__}: {fault}\n    FAILED", flush=True)
    print(f"e2e people: {len(cases) - failed} passed, {failed} failed")
    return failed


try:
    status = main()
finally:
    Receiver.hold.set()
    for child in children:
        child.kill()
        child.wait()
    if not os.environ.get("CORDON_KEEP"):
        shutil.rmtree(WORK, ignore_errors=True)
sys.exit(1 if status else 0)
