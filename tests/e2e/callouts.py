#!/usr/bin/env python3
"""Decisions for other gateways, against the built program: tests/e2e/callouts.py BINARY WHAT

WHAT is `published` (what docs/formats/callouts.md says each peer asks and is told, then a switch and an
incident) or `refused` (bad input). Its own node has no provider at all."""
import hashlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys

from wire import Node, Wrong, check, within

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY, WHAT = os.path.realpath(sys.argv[1]), sys.argv[2]
PAGE = (ROOT / "docs/formats/callouts.md").read_text()
KEY = "ck-callouts-end-to-end"
TOKEN = "zx-7f3a9c0b1d2e"
PEERS = {"/callouts/support/beta/litellm_basic_guardrail_api", "/callouts/support/portkey",
         "/callouts/support/request", "/callouts/support/response", "/callouts/support/kong"}


def cordon(*words, code=0):
    ran = subprocess.run([BINARY, *words, "--json"], capture_output=True, text=True, timeout=60)
    check(ran.returncode == code, f"{words} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    return json.loads(ran.stdout) if code == 0 else ran.stderr


def start():
    """The page's own configuration, with addresses of the kernel's choice and a detector."""
    text = re.search(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)[1]
    text = re.sub(r'"<the hash[^"]*"', hashlib.sha256(KEY.encode()).hexdigest(), text)
    started = Node(BINARY, f"""node: e2e-callouts
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
threads: 1
limits: {{body_bytes_max: 64KiB}}
{text}
detectors: [{{name: canary, kind: canary, tokens: [{TOKEN}]}}]
""")
    os.environ["CORDON_SERVER"] = "http://" + started.control
    os.environ["CORDON_TOKEN"] = started.token
    return started


def ask(path, body, **headers):
    """Status, answer and headers."""
    connection = http.client.HTTPConnection(node.host, node.port, timeout=30)
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    given = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    connection.request("POST", path, text, given)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), answer.headers


def blocks(told):
    """The reason, if a peer is told to block, else None."""
    if told.get("action") == "BLOCKED":
        return told["blocked_reason"]
    if told.get("verdict") is False:
        return told["data"]["reason"]
    if isinstance(told.get("action"), dict) and "status_code" in told["action"]:
        return told["action"]["body"]
    return told["reason"] if told.get("block") is True else None


def published():
    """(path, question, answer) as the page has them."""
    found = []
    parts = re.split(r"^`POST (\S+)`$", PAGE, flags=re.M)
    for path, text in zip(parts[1::2], parts[2::2]):
        question, answer = re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)[:2]
        found.append((path, json.loads(question), json.loads(answer)))
    return found


def replaced(value, text):
    """The value with every string of words in it replaced."""
    if isinstance(value, dict):
        return {key: replaced(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [replaced(one, text) for one in value]
    return text if isinstance(value, str) and " " in value else value


def play_published():
    pairs = published()
    check({path for path, _, _ in pairs} == PEERS, [path for path, _, _ in pairs])
    for path, question, answer in pairs:
        status, told, headers = ask(path, question)
        told = json.loads(re.sub(r"decision [0-9a-f-]{36}", "decision ID", json.dumps(told)))
        check(status == 200 and told == answer, f"{path} was told {status} {told}, not {answer}")
        check(headers["x-cordon-decision-id"] and headers["x-cordon-mode"] == "standard", headers)
    # A switch reaches every peer, both ways, and its end too.
    cordon("switch", "set", "route=support,use_case=chat", "--reason", "leak", "--expires-in", "1h")
    switches = cordon("state")["switches"]
    check(len(switches) == 1 and "use_case=chat" in json.dumps(switches), switches)
    for path, question, _ in pairs:
        status, told, _ = ask(path, question, x_cordon_use_case="chat")
        reason = blocks(told)
        check(status == 200 and reason and "switched off" in reason and "measure " in reason,
              f"{path} past the switch: {status} {told}")
        status, told, _ = ask(path, question, x_cordon_use_case="other")
        check(status == 200 and "switched off" not in json.dumps(told), f"{path}: {told}")
    # What an answer must never hold: blocked for every peer, and an incident at once.
    check(cordon("incident", "list")["items"] == [], "an incident before anything happened")
    for path, question, _ in pairs:
        side = question.get("input_type") or question.get("eventType") or question.get("phase") or path
        if side in ("request", "beforeRequestHook", "INPUT") or path.endswith("/request"):
            continue
        status, told, _ = ask(path, replaced(question, f"the note says {TOKEN}"))
        check(status == 200 and blocks(told) and TOKEN not in json.dumps(told), f"{path}: {status} {told}")
    check(within(20, lambda: cordon("incident", "list")["items"]), "no incident opens")
    opened = cordon("incident", "list")["items"]
    check(len(opened) == 1 and opened[0]["scope"] == "route=support", opened)
    frozen = cordon("evidence", "freeze", opened[0]["id"], "--reason", "for the review")
    bundle = str(node.dir / frozen["path"])
    ran = subprocess.run([BINARY, "verify", bundle], capture_output=True, text=True, timeout=60)
    check(ran.returncode == 0, f"the bundle: {ran.stdout[-600:]}{ran.stderr[-600:]}")
    held = subprocess.run(["grep", "-rlaF", '"surface":"portkey"', bundle], capture_output=True, text=True)
    inside = subprocess.run(["tar", "-xOf", bundle], capture_output=True)
    check(held.returncode == 0 or b'"surface":"portkey"' in inside.stdout, "no callout is in the bundle")
    # Nothing that a peer sent is kept or logged.
    for place in (node.dir / "data", node.dir / "log"):
        for words in ("My card is", "Which card?", TOKEN):
            found = subprocess.run(["grep", "-rlaF", words, str(place)], capture_output=True, text=True)
            # The canary's own rulepack is kept in the archive, and nowhere else.
            leaked = [one for one in found.stdout.split() if words != TOKEN or "/archive/" not in one]
            check(not leaked, f"'{words}' stands in {leaked}")


def play_refused():
    before = cordon("state")["digest"]
    for path in sorted(PEERS):
        def refused(status, body, **headers):
            got, told, _ = ask(path, body, **headers)
            check(got == status and blocks(told), f"{path}: {got} {told}, not {status}")
        for body in ("", "{", "[]", "{}", b"\xff", '{"a":1,"a":2}', "[" * 5000, '{"body":5}'):
            refused(400, body)
        refused(413, json.dumps({"text": "x" * 70000}))
        refused(415, "{}", content_type="text/plain")
        refused(401, "{}", authorization="Bearer nobody")
        refused(400, "{}", x_api_key="another")
        got, told, _ = ask(path.replace("support", "nowhere"), published()[0][1])
        check(got in (400, 404) and blocks(told), f"{path}: {got} {told}")
    for path, question, answer in published():
        check(ask(path.replace("support", "nowhere"), question)[0] == 404, path)
        # The key has one route, so its name may be left out.
        bare = path.replace("/callouts/support", "")
        check(ask(bare, question)[1].keys() == answer.keys(), bare)
    image = dict(published()[1][1], images=["https://example.com/a.png"])
    told = ask("/callouts/support/beta/litellm_basic_guardrail_api", image)[1]
    check("'images'" in (blocks(told) or ""), told)
    check(ask("/v1/chat/completions", {"model": "support", "messages": [{"role": "user", "content": "hi"}]})[1]
          ["error"]["code"] == "wrong_dialect", "a route that only decides was asked")
    check(cordon("state")["digest"] == before, "the generation changed")


node = start()
try:
    {"published": play_published, "refused": play_refused}[WHAT]()
except Wrong as wrong:
    print(f"    {wrong}")
    sys.exit(1)
finally:
    node.stop()
