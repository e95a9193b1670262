#!/usr/bin/env python3
"""Messages, review, actions and closing, against the built program: tests/e2e/comms.py BINARY [CASE...]

Every case is a function with a comment `# case NAME`; docs/capabilities.md names it as e2e.NAME.
Cases run in order and share one node, because they tell one incident from first leak to closing.
"""
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

BINARY = os.path.realpath(sys.argv[1])
WORK = pathlib.Path(tempfile.mkdtemp())
KEY = "ck-end-to-end-tenant-key"
INC = "INC-%s-00001" % time.strftime("%Y", time.gmtime())
children = []


class Receiver(http.server.BaseHTTPRequestHandler):
    """A chat on loopback: answers with the statuses it is given, 200 when there are none left."""
    statuses = []
    heard = []
    hold = threading.Event()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Receiver.heard.append((self.path, self.headers["idempotency-key"], json.loads(body)))
        status = Receiver.statuses.pop(0) if Receiver.statuses else 200
        if status == 0:  # never answers
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
    """Runs the command line as somebody and answers with its JSON, or its error text."""
    env = dict(os.environ, CORDON_SERVER=control, CORDON_TOKEN=tokens.get(who, ""))
    ran = subprocess.run([BINARY, *words, "--json"], env=env, capture_output=True, text=True,
                         timeout=120)
    check(ran.returncode == code,
          f"{words} ended with {ran.returncode}, not {code}: {ran.stdout[-500:]}{ran.stderr[-900:]}")
    if said is not None:
        check(said in ran.stderr + ran.stdout, f"{words}: no '{said}' in {ran.stderr}{ran.stdout[:500]}")
    return json.loads(ran.stdout) if code == 0 and ran.stdout.strip() else ran.stderr


def refused(code, said, *words, who="anna"):
    """One command that must fail, and must leave one refusal and no other trace."""
    before = show()
    cordon(*words, who=who, code=code, said=said)
    after = show()
    for part in ("updates", "actions", "review", "state"):
        check(before.get(part) == after.get(part), f"{words} changed {part}")


def show():
    return cordon("incident", "show", INC)


def until(claim, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = claim()
        if value:
            return value
        time.sleep(0.1)
    raise Wrong(f"{what} did not come to pass in {seconds} s")


def ask(count, route="support"):
    """Chat completions; answers with their statuses."""
    host, port = gateway.split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=30)
    statuses = []
    body = json.dumps({"model": route, "messages": [{"role": "user", "content": "hi"}]})
    for _ in range(count):
        line.request("POST", "/v1/chat/completions", body,
                     {"content-type": "application/json", "authorization": f"Bearer {KEY}"})
        answer = line.getresponse()
        answer.read()
        statuses.append(answer.status)
    line.close()
    return statuses


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
                 "--admin-token-file", str(WORK / "admin.token"), "--addresses-file",
                 str(addresses), stderr=log, stdout=log,
                 env=dict(os.environ, OPS_HOOK=f"{chat}/services/T0/B0/HOOKSECRET"))
    until(lambda: addresses.exists() and addresses.stat().st_size > 0, "the node's start", 60)
    found = json.loads(addresses.read_text())
    gateway, control = found["gateway"], "http://" + found["control"]
    tokens["admin"] = (WORK / "admin.token").read_text().strip()


def set_up():
    global chat
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chat = f"http://127.0.0.1:{server.server_port}"
    # The same receiver behind TLS, with a certificate that only `secure` is told to trust.
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=receiver",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(WORK / "tls.key"),
                    "-out", str(WORK / "tls.pem")], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WORK / "tls.pem", WORK / "tls.key")
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    secure.daemon_threads = True
    secure.handle_error = lambda *_: None  # a client that does not trust it hangs up
    secure.socket = context.wrap_socket(secure.socket, server_side=True,
                                        do_handshake_on_connect=False)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    tls = f"https://127.0.0.1:{secure.server_port}"
    sim = start("sim", "--seed", "1", "--scenario", "leak", stdout=subprocess.PIPE, text=True)
    upstream = sim.stdout.readline().strip()
    check(upstream.startswith("http"), f"the simulator said {upstream}")
    (WORK / "cordon.yaml").write_text(f"""
node: comms-1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
journal: {{segment_bytes: 1MiB}}
threads: 1
providers: [{{name: sim, base_url: "{upstream}/v1"}}]
routes:
  - {{name: support, targets: [{{provider: sim, model: sim-small}}], mode: observe}}
  - {{name: quiet, targets: [{{provider: sim, model: sim-small}}]}}
tenants: [{{name: acme, key_sha256: [{hashlib.sha256(KEY.encode()).hexdigest()}], routes: ['*']}}]
connectors:
  - {{name: ops, kind: slack, url_env: OPS_HOOK, audiences: [engineering, support], timeout: 2s}}
  - {{name: pages, kind: webhook, url: "{chat}/pages", audiences: [customer]}}
  - {{name: secure, kind: mattermost, url: "{tls}/hooks/x", ca_file: "{WORK}/tls.pem", audiences: [engineering]}}
  - {{name: untrusted, kind: mattermost, url: "{tls}/hooks/y", audiences: [product], attempts_max: 1}}
  - {{name: nowhere, kind: mattermost, url: "http://127.0.0.1:9/x", audiences: [product], attempts_max: 1}}
updates: {{approver: ben}}
""")
    start_node()
    for person, roles in (("anna", ["commander", "responder"]), ("ben", ["approver", "responder"]),
                          ("cleo", ["responder", "auditor"])):
        words = [word for role in roles for word in ("--role", role)]
        minted = cordon("token", "mint", person, *words, "--expires-in", "1h", who="admin")
        tokens[person] = minted["token"]


# --- cases ----------------------------------------------------------------------------------------

# case customer_draft_exists_at_the_threshold_and_waits_for_its_approver
def case_customer_draft_exists_at_the_threshold_and_waits_for_its_approver():
    ask(12)
    until(lambda: [one for one in cordon("incident", "list")["items"] if one["id"] == INC],
          "an incident")
    until(lambda: show().get("customer_message", {}).get("draft"), "a draft for customers")
    incident = show()
    check(incident["severity"] == "SEV-1", incident["severity"])
    message = incident["customer_message"]
    check(message["rule"] == "severity" and message["late"] is False, message)
    draft = cordon("update", "show", message["draft"])
    check(draft["status"] == "draft" and draft["approver"] == "ben", draft)
    check("acme" not in draft["text"] and INC in draft["text"], draft["text"])
    check(hashlib.sha256(draft["text"].encode()).hexdigest() == draft["digest"], "digest")
    time.sleep(1)
    check(not Receiver.heard, "something was sent without being asked")
    refused(12, "approved", "update", "send", message["draft"])
    cordon("incident", "commander", INC)
    cordon("incident", "move", INC, "active", "--reason", "seen")
    # The draft says triage by now: approving it does not make it true.
    cordon("update", "approve", message["draft"], who="ben")
    refused(12, "draft it again", "update", "send", message["draft"])
    fresh = cordon("update", "draft", INC, "--audience", "customer")["id"]
    cordon("update", "approve", fresh, who="anna", code=1, said="approver")
    cordon("update", "approve", fresh, who="ben")
    cordon("update", "send", fresh)
    until(lambda: any(path == "/pages" for path, _, _ in Receiver.heard), "the customers' message")
    path, key, body = Receiver.heard[-1]
    check(key == f"{fresh}/pages" and body["specversion"] == "1.0", (key, body))
    check(body["data"]["audience"] == "customer", body)


# case below_the_threshold_no_customer_message_is_asked_for
def case_below_the_threshold_no_customer_message_is_asked_for():
    cordon("signal", "report", "--class", "data_leakage", "--scope", "route=quiet", "--summary",
           "a rumour", who="cleo")
    other = until(lambda: [one for one in cordon("incident", "list")["items"] if one["id"] != INC
                           and one["severity"] != "unset"], "the second incident")[0]
    time.sleep(1.2)
    quiet = cordon("incident", "show", other["id"])
    check(quiet["severity"] == "SEV-3", quiet["severity"])
    check("customer_message" not in quiet and quiet["updates"] == [], quiet)


# case updates_go_to_each_audience_through_a_webhook_and_are_acknowledged
def case_updates_go_to_each_audience_through_a_webhook_and_are_acknowledged():
    for audience in ("engineering", "support", "product", "legal"):
        draft = cordon("update", "draft", INC, "--audience", audience)
        check("{{" not in draft["text"] and draft["unresolved"] == [], draft)
        check(draft["status"] == "draft" and draft["severity"] == "SEV-1", draft)
        if audience == "legal":
            cordon("update", "approve", draft["id"], who="ben")
        cordon("update", "send", draft["id"])
        if audience in ("engineering", "support"):
            until(lambda: all(one["outcome"] == "sent"
                              for one in cordon("update", "show", draft["id"])["deliveries"]),
                  "delivery")
            heard = {key: (path, body) for path, key, body in Receiver.heard}
            path, body = heard[f"{draft['id']}/ops"]
            check(path == "/services/T0/B0/HOOKSECRET", path)
            check(body["text"] and body["blocks"] and body["mrkdwn"] is False, body)
        if audience == "engineering":
            path, body = heard[f"{draft['id']}/secure"]
            check(path == "/hooks/x" and list(body) == ["text"], (path, body))
        if audience == "legal":
            sent = cordon("update", "show", draft["id"])
            check("no connector serves legal" in sent["no_notification_sent"], sent)
    told = cordon("update", "list", INC)["items"][-1]["id"]
    acked = cordon("update", "ack", told, who="cleo")
    check([one["by"] for one in acked["acks"]] == ["person:cleo"], acked["acks"])
    refused(12, "already", "update", "ack", told, who="cleo")


# case a_connector_that_is_down_is_said_and_the_incident_goes_on
def case_a_connector_that_is_down_is_said_and_the_incident_goes_on():
    product = [one for one in show()["updates"] if one["audience"] == "product"][-1]
    ended = until(lambda: [one for one in cordon("update", "show", product["id"])["deliveries"]
                           if one["outcome"] == "failed" and one["connector"] == "nowhere"],
                  "the failure")[0]
    check(ended["attempts"] == 1 and "could not be reached" in ended["reason"], ended)
    lines = [one["text"] for one in cordon("incident", "timeline", INC)["items"]]
    check(any("DID NOT reach nowhere" in line for line in lines), lines[-5:])
    cordon("update", "draft", INC, "--audience", "support")


# case a_receiver_with_an_untrusted_certificate_is_told_nothing
def case_a_receiver_with_an_untrusted_certificate_is_told_nothing():
    product = [one for one in show()["updates"] if one["audience"] == "product"][-1]
    ended = until(lambda: [one for one in cordon("update", "show", product["id"])["deliveries"]
                           if one["connector"] == "untrusted" and one["outcome"] != "waiting"
                           and one["outcome"] != "under way"], "the end")[0]
    check(ended["outcome"] == "failed", ended)
    check(not [path for path, _, _ in Receiver.heard if path == "/hooks/y"], "it was told")


# case a_delivery_is_tried_again_under_one_key
def case_a_delivery_is_tried_again_under_one_key():
    Receiver.statuses = [429, 500]
    draft = cordon("update", "draft", INC, "--audience", "support")["id"]
    cordon("update", "send", draft)
    done = until(lambda: [one for one in cordon("update", "show", draft)["deliveries"]
                          if one["outcome"] == "sent"], "the third attempt")[0]
    check(done["attempts"] == 3, done)
    keys = [key for _, key, _ in Receiver.heard if key.startswith(draft)]
    check(keys == [f"{draft}/ops"] * 3, keys)


# case updates_refuse_what_must_not_go_out
def case_updates_refuse_what_must_not_go_out():
    text = WORK / "text"
    text.write_text("{{id}}: back by {{eta}}")
    draft = cordon("update", "draft", INC, "--audience", "support", "--text-file", str(text))
    check(draft["unresolved"] == ["eta"] and INC in draft["text"], draft)
    refused(12, "{{eta}}", "update", "send", draft["id"])
    text.write_text("We are sorry.")
    legal = cordon("update", "draft", INC, "--audience", "legal", "--text-file", str(text))["id"]
    refused(12, "ben", "update", "send", legal)
    own = cordon("update", "draft", INC, "--audience", "legal", who="ben")["id"]
    refused(12, "second person", "update", "approve", own, who="ben")
    for bad in ("{{{id}}}", "{{&id}}", "{{>x}}", "{{", ""):
        text.write_text(bad)
        refused(10, "", "update", "draft", INC, "--audience", "support", "--text-file", str(text))
    text.write_text("x" * 9000)
    refused(10, "8000", "update", "draft", INC, "--audience", "support", "--text-file", str(text))
    refused(10, "press", "api", "POST", f"/api/v1/incidents/{INC}/updates", "--data",
            '{"audience":"press"}')
    refused(11, "no update", "update", "send", f"{INC}-U99")
    refused(11, "no incident", "update", "draft", "INC-2026-09999", "--audience", "support")


# case a_quoted_attack_neither_pings_nor_renders
def case_a_quoted_attack_neither_pings_nor_renders():
    text = WORK / "text"
    text.write_text("They wrote: <!channel> <https://evil.example|pay> & <script>")
    draft = cordon("update", "draft", INC, "--audience", "support", "--text-file", str(text))["id"]
    cordon("update", "send", draft)
    body = until(lambda: [body for _, key, body in Receiver.heard if key == f"{draft}/ops"],
                 "delivery")[0]
    check("<" not in json.dumps(body) and "&lt;!channel&gt;" in body["text"], body)


# case a_delivery_cut_by_kill_9_is_in_doubt_and_not_repeated
def case_a_delivery_cut_by_kill_9_is_in_doubt_and_not_repeated():
    Receiver.statuses = [0]
    draft = cordon("update", "draft", INC, "--audience", "support")["id"]
    cordon("update", "send", draft)
    until(lambda: [key for _, key, _ in Receiver.heard if key == f"{draft}/ops"], "the attempt")
    node.send_signal(signal.SIGKILL)
    node.wait()
    Receiver.hold.set()
    start_node()
    left = until(lambda: [one for one in cordon("update", "show", draft)["deliveries"]
                          if one["outcome"] == "in_doubt"], "the doubt")[0]
    check("may have arrived" in left["reason"], left)
    time.sleep(0.8)
    check(len([1 for _, key, _ in Receiver.heard if key == f"{draft}/ops"]) == 1, "sent twice")


# case closing_is_refused_with_the_list_of_what_is_missing
def case_closing_is_refused_with_the_list_of_what_is_missing():
    cordon("mitigation", "declare", INC, "--scope", "route=support", "--below", "0.2", "--window",
           "1s", "--min-samples", "20")
    cordon("switch", "set", "route=support", "--reason", "leak", "--expires-in", "1h",
           "--incident", INC)
    cordon("incident", "move", INC, "contained", "--reason", "switched off")
    check(set(ask(60)) == {503}, "the switch holds")
    time.sleep(1.1)
    ask(20)
    until(lambda: [one for one in cordon("mitigation", "list", INC)["items"]
                   if one["verdict"] == "effective"], "an effective test")
    until(lambda: cordon("incident", "show", INC)["containments"][0]["validation"] != "unvalidated",
          "validation")
    cordon("incident", "move", INC, "stable", "--reason", "the test held")
    said = cordon("incident", "move", INC, "closed", "--reason", "done", code=12)
    for part in ("review", "hardening", "evidence bundle", "frozen and verified"):
        check(part in said, f"no {part} in {said}")
    check(show()["state"] == "stable", "it moved")
    score = cordon("incident", "score", INC)
    check(score["score"] < 100 and any("bundle" in one for one in score["missing"]), score)


# case the_recovery_is_unknown_before_it_was_stable
def case_the_recovery_is_unknown_before_it_was_stable():
    other = [one["id"] for one in cordon("incident", "list")["items"] if one["id"] != INC][0]
    text = cordon("review", "draft", other)["text"]
    part = text[text.index("## What changed to recover"):text.index("## Service before")]
    check("Unknown: it has not been stable yet, and generation" in part, part)
    check("baseline: no_baseline" in text.replace("\\", ""), text)
    cordon("review", "show", "INC-2026-09999", code=11, said="no incident")


# case the_review_is_drafted_from_facts_and_reviewed_by_a_second_person
def case_the_review_is_drafted_from_facts_and_reviewed_by_a_second_person():
    review = cordon("review", "draft", INC)
    text = review["text"]
    ids = {one["id"] for one in cordon("incident", "timeline", INC)["items"]}
    check(sum(one in text for one in ids) >= 10, "too few citations")
    check(review["assertions"] == 0, f"{review['assertions']} assertions in {text}")
    for part in ("## Outcomes", "impact contained fast: **met**", "First signal", "generation"):
        check(part in text, f"no {part} in {text}")
    findings = {one["name"]: one["finding"] for one in review["controls"]}
    check("disabled" in findings.values(), findings)  # the route only observes
    check("present_not_triggered" in findings.values(), findings)
    service = text[text.index("## Service before"):text.index("## What follows")]
    check("incident: n " in service and "p50" in service and "cost unknown" in service, service)
    cordon("review", "submit", INC, "--reason", "facts complete")
    refused(12, "second person", "review", "accept", INC, "--reason", "mine")
    cordon("review", "accept", INC, "--reason", "causes name controls", who="ben")
    check(show()["review"]["status"] == "reviewed", show()["review"])
    # A person's own text: what cites nothing is marked, blame is advised against.
    own = WORK / "review.md"
    own.write_text(f"# Review\n\nIt began at noon [{next(iter(ids))}]. It leaked because anna forgot."
                   "\n\n## Why controls did not prevent it\n\n- `leak`: disabled. The route observed.\n")
    lint = cordon("review", "lint", INC, "--text-file", str(own))
    check(lint["assertions"] == 3 and lint["controls"] == 1, lint)
    check([one["found"] for one in lint["items"]] == ["anna"], lint)
    kept = cordon("review", "draft", INC, "--text-file", str(own))
    check("because anna forgot. *(assertion)*" in kept["text"], kept["text"])
    refused(12, "make a person the cause", "review", "submit", INC, "--reason", "go")
    refused(12, "does not follow", "review", "accept", INC, "--reason", "go", who="ben")


# case a_review_without_controls_or_with_foreign_citations_is_refused
def case_a_review_without_controls_or_with_foreign_citations_is_refused():
    own = WORK / "review.md"
    own.write_text("# Review\n\nIt began [0190aaaa-bbbb-7ccc-8ddd-eeeeffff0002].\n")
    refused(10, "is no entry of this incident", "review", "draft", INC, "--text-file", str(own))
    own.write_text("# Review\n\n## Why controls did not prevent it\n\n- `leak`: asleep.\n")
    refused(10, "unknown finding", "review", "draft", INC, "--text-file", str(own))
    own.write_text("# Review\n\nNothing to say.\n")
    cordon("review", "draft", INC, "--text-file", str(own))
    cordon("review", "submit", INC, "--reason", "short")
    refused(12, "lists no control", "review", "accept", INC, "--reason", "ok", who="ben")
    refused(12, "stable", "incident", "move", INC, "stable", "--reason", "again")
    cordon("review", "draft", INC)
    cordon("review", "submit", INC, "--reason", "facts complete")
    cordon("review", "accept", INC, "--reason", "causes name controls", who="ben")


# case actions_have_one_owner_a_date_and_a_proof
def case_actions_have_one_owner_a_date_and_a_proof():
    add = ["action", "add", INC, "--title", "obey rules on support", "--owner", "cleo"]
    action = cordon(*add, "--due", "2099-01-31")
    check(action["status"] == "open" and action["overdue"] is False, action)
    cordon("action", "done", action["id"], "--note", "mode is standard", who="cleo")
    check(cordon("action", "list", INC)["items"][0]["status"] == "done", "done is not verified")
    refused(12, "second person", "action", "verify", action["id"], who="cleo")
    verified = cordon("action", "verify", action["id"], who="ben")
    check(verified["status"] == "verified" and verified["proof"] == "person", verified)
    card = cordon("incident", "scorecard", INC)
    check(card["follow_through"]["percent"] == 100, card["follow_through"])


# case actions_without_owner_date_or_proof_are_refused
def case_actions_without_owner_date_or_proof_are_refused():
    add = ["action", "add", INC, "--title", "x"]
    refused(10, "holds a token", *add, "--owner", "team-safety", "--due", "2099-01-31")
    refused(10, "in the past", *add, "--owner", "ben", "--due", "2020-01-31")
    refused(10, "'due' is", *add, "--owner", "ben", "--due", "soon")
    refused(10, "verified by", *add, "--owner", "ben", "--due", "2099-01-31", "--verify-by", "me")
    refused(10, "owner", "api", "POST", f"/api/v1/incidents/{INC}/actions", "--data",
            '{"title":"x","due":"2099-01-31","kind":"process","verify_by":"person"}')
    replay = cordon(*add, "--owner", "ben", "--due", "2099-01-31", "--verify-by", "replay:none")
    refused(12, "not done yet", "action", "verify", replay["id"], "--proof", "replay:none")
    cordon("action", "done", replay["id"], "--note", "said so", who="ben")
    refused(12, "has not run", "action", "verify", replay["id"], "--proof", "replay:none")
    refused(12, "verified by", "action", "verify", replay["id"])
    refused(11, "no action", "action", "done", f"{INC}-A77", "--note", "x")


# case an_overdue_action_escalates_once
def case_an_overdue_action_escalates_once():
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    late = cordon("action", "add", INC, "--title", "soon", "--owner", "ben", "--due", due)["id"]
    until(lambda: [one for one in cordon("action", "list", INC)["items"]
                   if one["id"] == late and one["overdue"]], "the escalation")
    time.sleep(1.2)
    lines = [one["text"] for one in cordon("incident", "timeline", INC)["items"]]
    check(len([1 for line in lines if f"OVERDUE: action {late}" in line]) == 1, lines[-4:])


# case a_major_closes_with_all_criteria_met_and_two_people
def case_a_major_closes_with_all_criteria_met_and_two_people():
    cordon("evidence", "freeze", INC)
    score = cordon("incident", "score", INC)
    check(score["score"] == 100 and score["missing"] == [], score)
    missing = show()["next"]["missing"]
    check(len(missing) == 1 and "hardening" in missing[0], missing)
    refused(12, "hardening", "incident", "move", INC, "closed", "--reason", "done")
    asked = cordon("action", "except", INC, "--reason", "the rule was there; the mode is changed",
                   who="ben")
    check(asked["act"] == "exception" and asked["asked_by"] == "person:ben", asked)
    refused(12, asked["id"], "action", "except", INC, "--reason", "again", who="ben")
    # ben asks, so the commander must be the other one; and an approval takes the approver role.
    refused(10, "second person", "approval", "give", asked["id"], who="ben")
    check([one["id"] for one in show()["waiting_for_second_person"]] == [asked["id"]], "it waits")
    cordon("approval", "decline", asked["id"], "--reason", "anna asks herself", who="ben")
    asked = cordon("action", "except", INC, "--reason", "the rule was there; the mode is changed")
    check(cordon("approval", "give", asked["id"], who="ben")["exception"]["approved_by"] == "person:ben", "signed")
    check(show()["next"]["missing"] == [], show()["next"])
    asked = cordon("incident", "move", INC, "closed", "--reason", "done")
    check(show()["state"] == "stable", "one person closed it")
    refused(12, asked["id"], "incident", "move", INC, "closed", "--reason", "done", who="ben")
    cordon("approval", "give", asked["id"], who="ben")
    check(show()["state"] == "closed", show()["state"])
    refused(11, asked["id"], "approval", "give", asked["id"], who="ben")
    cordon("review", "close", INC, "--reason", "actions are tracked")
    verdicts = {one["name"]: one["verdict"] for one in score["outcomes"]}
    check(verdicts["contained"] == "met" and verdicts["prevented"] == "not met", verdicts)


# case no_secret_of_a_connector_is_written_anywhere
def case_no_secret_of_a_connector_is_written_anywhere():
    found = subprocess.run(["grep", "-rlF", "HOOKSECRET", str(WORK / "data"), str(WORK / "node.log")],
                           capture_output=True, text=True)
    check(found.returncode == 1, f"the address stands in {found.stdout}")
    state = cordon("api", "GET", "/api/v1/state")
    check("HOOKSECRET" not in json.dumps(state), "the state tells the address")


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
        except (Wrong, subprocess.TimeoutExpired, OSError, KeyError) as fault:
            failed += 1
            print(f"    {type(fault).__name__}: {fault}\n    FAILED", flush=True)
    print(f"e2e comms: {len(cases) - failed} passed, {failed} failed")
    return failed


tokens = {}
try:
    status = main()
finally:
    for child in children:
        child.kill()
        child.wait()
    shutil.rmtree(WORK, ignore_errors=True)
sys.exit(1 if status else 0)
