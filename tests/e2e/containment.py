#!/usr/bin/env python3
"""Containment through the built program: tests/e2e/containment.py BINARY [CASE...]

Every case is a function `case_NAME` with a line `# case NAME`; docs/capabilities.md names it as
e2e.NAME. With CORDON_NIGHTLY set, the case that kills the server does so more often."""
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

BINARY = os.path.abspath(sys.argv[1])
KEY = "ck-containment-tenant-key"


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def key_sha(key):
    return hashlib.sha256(key.encode()).hexdigest()


def config(upstream, extra_mode=""):
    return f"""
node: e2e-contain
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
journal: {{segment_bytes: 1MiB}}
threads: 1
providers:
  - {{name: sim, base_url: "{upstream}/v1"}}
  - {{name: spare, base_url: "{upstream}/v1"}}
routes:
  - {{name: support, targets: [{{provider: sim, model: sim-normal}}], fallback: [{{provider: spare, model: sim-normal}}], rulepacks: [house]{extra_mode}}}
  - {{name: sales, targets: [{{provider: spare, model: other}}], rulepacks: []}}
  - {{name: slow, targets: [{{provider: sim, model: sim-slow}}], rulepacks: []}}
tenants:
  - {{name: acme, key_sha256: ['{key_sha(KEY)}'], routes: ['*']}}
  - {{name: beta, key_sha256: ['{key_sha(KEY + "-b")}'], routes: ['*']}}
flags:
  - {{name: assistant, enabled: true}}
rulepacks: {{files: [house.yaml]}}
"""


# Small, so that a node starts at once.
HOUSE = """
rulepack: house
version: 1
rules:
  - id: house.word
    class: data_leakage
    on: [response]
    match: {pattern: 'zyzzyva-[0-9]{4}'}
    action: redact
    rationale: A word that nobody says by chance.
    tests: {match: ['zyzzyva-1234'], pass: ['zyzzyva']}
"""


class Refused(Exception):
    """A problem document of the control API."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status, self.code, self.detail = status, problem.get("code"), problem.get("detail", "")


class World:
    """A simulated provider and a node, with a token for anna, ben (who approves) and the admin."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-e2e-contain-"))
        self.sim = subprocess.Popen(
            [BINARY, "sim", "--behaviour", json.dumps({"slow_delay_ms": 50, "answer_bytes": 4000, "chunk_bytes": 20})],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.upstream = self.sim.stdout.readline().strip()
        self.write_config()
        self.node = None
        self.start()
        self.admin = (self.dir / "admin.token").read_text().strip()
        self.anna = self.mint("anna", ["commander"])
        self.ben = self.mint("ben", ["approver", "responder"])

    def write_config(self, extra_mode=""):
        (self.dir / "house.yaml").write_text(HOUSE)
        (self.dir / "cordon.yaml").write_text(config(self.upstream, extra_mode))

    def start(self):
        addresses = self.dir / "addresses.json"
        addresses.unlink(missing_ok=True)
        self.node = subprocess.Popen(
            [BINARY, "serve", "--config", "cordon.yaml", "--data", "data", "--admin-token-file", "admin.token",
             "--addresses-file", "addresses.json"],
            cwd=self.dir, stdout=subprocess.DEVNULL, stderr=open(self.dir / "node.log", "ab"))
        end = time.monotonic() + 30
        while not addresses.exists():
            check(self.node.poll() is None and time.monotonic() < end,
                  "the node did not start: " + (self.dir / "node.log").read_text()[-1500:])
            time.sleep(0.02)
        found = json.loads(addresses.read_text())
        self.gateway, self.control = f"http://{found['gateway']}", f"http://{found['control']}"

    def kill(self):
        self.node.send_signal(signal.SIGKILL)
        self.node.wait()

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        for child in (self.node, self.sim):
            if child and child.poll() is None:
                child.kill()
                child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def call(self, method, path, body=None, token=None, timeout=30):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.control}/api/v1{path}", data, method=method,
            headers={"authorization": f"Bearer {token or self.admin}", "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read() or b"{}")) from None

    def get(self, path, **query):
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))[1]

    def post(self, path, body=None, token=None):
        return self.call("POST", path, body or {}, token)

    def refused(self, path, body=None, token=None):
        """The refusal of an order, which must have come: and one entry of it in the journal."""
        before = self.get("/state")["digest"]
        try:
            answer = self.post(path, body, token)
        except Refused as refusal:
            check(self.get("/state")["digest"] == before, f"{path} was refused and changed the generation")
            return refusal
        raise AssertionError(f"{path} {body} was not refused: {answer}")

    def mint(self, person, roles, token=None):
        return self.post("/tokens", {"person": person, "roles": roles, "expires_in": "1d"}, token)[1]["token"]

    def set(self, kind, token=None, **body):
        return self.post(f"/{kind}", {"reason": "end to end", "expires_in": "1h", **body}, token or self.anna)

    def ask(self, route="support", key=KEY, stream=False, **headers):
        """The status and the body of one chat completion."""
        body = json.dumps({"model": route, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
        request = urllib.request.Request(
            f"{self.gateway}/v1/chat/completions", body.encode(),
            {"authorization": f"Bearer {key}", "content-type": "application/json",
             **{name.replace("_", "-"): value for name, value in headers.items()}})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def cli(self, *words, token=None, code=0):
        ran = subprocess.run([BINARY, *words], cwd=self.dir, capture_output=True, text=True, timeout=60,
                             env={**os.environ, "CORDON_SERVER": self.control, "CORDON_TOKEN": token or self.admin})
        check(ran.returncode == code, f"{words} ended with {ran.returncode}, not {code}: {ran.stdout} {ran.stderr}")
        return ran.stdout + ran.stderr

    def journal(self, kind):
        """The entries of a kind, read from the files of a node that was killed."""
        ran = subprocess.run([BINARY, "journal", "show", "data/journal", "--kind", kind, "--json"], cwd=self.dir,
                             capture_output=True, text=True, timeout=60)
        return [json.loads(line) for line in ran.stdout.splitlines()]


# --- switches -------------------------------------------------------------------------------------

def inside(world, kind):
    """A request in the scope that `kind` is switched off for, and one that is not."""
    return {
        "route": (lambda: world.ask("sales"), lambda: world.ask("support")),
        "model": (lambda: world.ask("sales"), lambda: world.ask("support")),
        "provider": (lambda: world.ask("sales"), lambda: world.ask("support")),
        "tenant": (lambda: world.ask(key=KEY + "-b"), lambda: world.ask()),
        "use_case": (lambda: world.ask(x_cordon_use_case="triage"), lambda: world.ask(x_cordon_use_case="other")),
        "flag": (lambda: world.ask(x_cordon_flags="assistant"), lambda: world.ask()),
    }[kind]


SCOPES = {"route": "route=sales", "model": "model=other", "provider": "provider=spare", "tenant": "tenant=beta",
          "use_case": "use_case=triage", "flag": "flag=assistant"}


# case containment_every_scope_kind_is_switched_off_and_stays_so_after_kill_9
def case_containment_every_scope_kind_is_switched_off_and_stays_so_after_kill_9(world):
    for kind, scope in SCOPES.items():
        within, outside = inside(world, kind)
        check(within()[0] == 200, f"{kind}: served before the switch")
        status, answer = world.set("switches", scope=scope)
        check(status == 201 and answer["receipt"]["partial"] is False, f"{kind}: {answer}")
        check(answer["receipt"]["nodes"][0]["acked"], f"{kind}: the node acknowledged")
        check(answer["blast_radius"]["exchanges"] >= 1, f"{kind}: what was served counts as touched: {answer}")
        check(within()[0] == 503 and "switched_off" in within()[1], f"{kind}: refused in scope, found {within()}")
        check(outside()[0] == 200, f"{kind}: served outside its scope, found {outside()}")
        world.restart()
        check(within()[0] == 503, f"{kind}: refused after kill -9")
        check(outside()[0] == 200, f"{kind}: the rest is served after kill -9")
        release(world, answer["containment"]["id"])
        check(within()[0] == 200, f"{kind}: served after its release, found {within()}")


def release(world, measure):
    status, answer = world.post(f"/containments/{measure}/release", {"reason": "case over"}, world.anna)
    check(status == 202, f"an early release waits for a second person: {answer}")
    status, answer = world.post(f"/approvals/{answer['id']}/give", {}, world.ben)
    check(status == 200 and answer["containment"]["state"] == "released", f"{answer}")


# case containment_unknown_targets_are_refused_with_candidates
def case_containment_unknown_targets_are_refused_with_candidates(world):
    for scope, nearest in (("route=suport", "support"), ("model=othr", "other"), ("provider=spar", "spare"),
                           ("tenant=acne", "acme"), ("flag=asistant", "assistant")):
        for path, more in (("/switches", {}), ("/modes", {"mode": "lockdown"})):
            refusal = world.refused(path, {"scope": scope, "reason": "x", "expires_in": "1h", **more})
            check(f"(nearest: {nearest})" in refusal.detail, f"{path} {scope}: {refusal}")
        try:
            world.get("/preview", scope=scope)
            raise AssertionError(f"a preview of {scope} was given")
        except Refused as refusal:
            check(f"(nearest: {nearest})" in refusal.detail, f"preview {scope}: {refusal}")
    refusal = world.refused("/fallbacks", {"route": "suport", "reason": "x", "expires_in": "1h"})
    check("(nearest: support)" in refusal.detail, f"{refusal}")
    world.cli("switch", "set", "route=suport", "--reason", "x", "--expires-in", "1h", code=10)


# --- modes ----------------------------------------------------------------------------------------

# case containment_lockdown_cuts_what_runs_and_the_strictest_mode_wins
def case_containment_lockdown_cuts_what_runs_and_the_strictest_mode_wins(world):
    found = {}

    def stream():
        found["answer"] = world.ask("slow", stream=True)
    thread = threading.Thread(target=stream)
    thread.start()
    end = time.monotonic() + 20
    while world.get("/preview", scope="route=slow")["running"].get("exchanges") != 1:
        check(time.monotonic() < end, "the stream runs")
        time.sleep(0.02)
    status, answer = world.set("modes", scope="route=slow", mode="lockdown")
    check(status == 201 and answer["receipt"]["streams_cut"] == 1, f"one stream was cut: {answer}")
    thread.join(30)
    check("[DONE]" not in found["answer"][1] and "error" in found["answer"][1], f"cut, and said so: {found}")
    check(world.ask("slow")[0] == 503, "a new exchange is refused")
    # A weaker mode over a wider scope does not lift it: the strictest that applies wins.
    world.set("modes", scope="tenant=acme", mode="emergency")
    check(world.ask("slow")[0] == 503, "lockdown wins over emergency")
    check(world.ask("support")[0] == 200, "emergency alone admits")
    world.restart()
    check(world.ask("slow")[0] == 503, "lockdown after kill -9")


# case containment_weakening_a_mode_takes_two_independent_people
def case_containment_weakening_a_mode_takes_two_independent_people(world):
    _, strict = world.set("modes", scope="route=sales", mode="lockdown")
    status, asked = world.set("modes", scope="route=sales", mode="standard")
    check(status == 202 and asked["asked_by"] == "person:anna", f"a weaker mode is asked for: {asked}")
    check(world.ask("sales")[0] == 503, "asking changes nothing")
    both = world.mint("anna", ["commander", "approver"])
    refusal = world.refused(f"/approvals/{asked['id']}/give", {}, both)
    check("it takes a second person" in refusal.detail, f"the same person twice: {refusal}")
    # Somebody whom the requester made is no second person.
    chief = world.mint("chief", ["admin", "commander"])
    puppet = world.mint("puppet", ["approver"], chief)
    _, by_chief = world.set("modes", token=chief, scope="route=sales", mode="standard")
    refusal = world.refused(f"/approvals/{by_chief['id']}/give", {}, puppet)
    check("did not create" in refusal.detail, f"a puppet's yes: {refusal}")
    refusal = world.refused(f"/approvals/{asked['id']}/decline", {}, world.ben)
    check("reason is missing" in refusal.detail, f"{refusal}")
    world.post(f"/approvals/{by_chief['id']}/decline", {"reason": "by a puppet"}, world.ben)
    check(world.ask("sales")[0] == 503, "still locked down")
    # The wish survives the node, and the second person's yes carries it out.
    world.restart()
    check([w["id"] for w in world.get("/approvals")["items"]] == [asked["id"]], "the wish waits after kill -9")
    status, done = world.post(f"/approvals/{asked['id']}/give", {}, world.ben)
    check(done["containment"]["approved_by"] == "person:ben", f"{done}")
    check(world.ask("sales")[0] == 200, "served in standard mode")
    check(world.get(f"/containments/{strict['containment']['id']}")["state"] == "released", "the stricter one ended")
    check(world.refused(f"/approvals/{asked['id']}/give", {}, world.ben).status == 404, "a wish is used once")


# case containment_early_release_survives_kill_9_and_overdue_stays_in_force
def case_containment_early_release_survives_kill_9_and_overdue_stays_in_force(world):
    _, answer = world.set("switches", scope="route=sales")
    measure = answer["containment"]["id"]
    status, asked = world.post(f"/containments/{measure}/release", {"reason": "fixed"}, world.anna)
    check(status == 202 and asked["asked_by"] == "person:anna" and asked["about"] == measure, f"{asked}")
    world.restart()
    shown = world.get(f"/containments/{measure}")
    check(shown["release_requested_by"] == "person:anna" and shown["state"] == "in_force", f"after kill -9: {shown}")
    # There is one way to say yes: the same order of a second person is no yes.
    refusal = world.refused(f"/containments/{measure}/release", {"reason": "agreed"}, world.ben)
    check(refusal.status == 409 and asked["id"] in refusal.detail, f"{refusal}")
    status, done = world.post(f"/approvals/{asked['id']}/give", {}, world.ben)
    check(status == 200 and done["containment"]["state"] == "released", f"{done}")

    _, answer = world.set("switches", scope="route=sales", expires_in="1s")
    measure = answer["containment"]["id"]
    end = time.monotonic() + 20
    while world.get(f"/containments/{measure}")["state"] != "overdue":
        check(time.monotonic() < end, "it becomes overdue")
        time.sleep(0.1)
    check(world.ask("sales")[0] == 503, "overdue is in force")
    check("paged_at" in world.get(f"/containments/{measure}"), "somebody was told")
    world.restart()
    check(world.ask("sales")[0] == 503, "and after kill -9")
    refusal = world.refused(f"/containments/{measure}/renew", {"reason": "x", "expires_in": "-1h"})
    check(refusal.code == "invalid", f"{refusal}")
    world.post(f"/containments/{measure}/renew", {"reason": "not fixed", "expires_in": "1s"}, world.anna)
    check(world.get(f"/containments/{measure}")["state"] == "in_force", "renewed")
    while world.get(f"/containments/{measure}")["state"] != "overdue":
        check(time.monotonic() < end, "it becomes overdue again")
        time.sleep(0.1)
    status, done = world.post(f"/containments/{measure}/release", {"reason": "over"}, world.anna)
    check(status == 200, f"past its expiry one person releases it: {done}")
    check(world.ask("sales")[0] == 200, "served")


# case containment_fallback_glass_is_broken_with_a_reason_only
def case_containment_fallback_glass_is_broken_with_a_reason_only(world):
    refusal = world.refused("/fallbacks", {"route": "support", "reason": "x", "expires_in": "1h", "break_glass": " "})
    check("reason is missing" in refusal.detail, f"{refusal}")
    refusal = world.refused("/switches", {"scope": "route=sales", "reason": "x", "expires_in": "1h", "break_glass": "y"})
    check("break_glass" in refusal.detail, f"{refusal}")
    status, answer = world.set("fallbacks", route="support", break_glass="nothing else answers")
    check(status == 201 and answer["containment"]["break_glass"] == "nothing else answers", f"{answer}")
    check(world.ask("support")[0] == 200, "the fallback serves")


# --- what would be touched, what was in force -----------------------------------------------------

# case containment_preview_counts_what_a_switch_would_have_touched
def case_containment_preview_counts_what_a_switch_would_have_touched(world):
    for _ in range(3):
        world.ask("support", x_cordon_use_case="triage")
    world.ask("support", key=KEY + "-b")
    world.ask("sales", x_cordon_flags="assistant")
    for scope, count in (("route=support", 4), ("tenant=beta", 1), ("use_case=triage", 3), ("flag=assistant", 1),
                         ("model=other", 1), ("provider=sim", 4), ("route=support,tenant=acme", 3), ("route=slow", 0)):
        preview = world.get("/preview", scope=scope)
        check(preview["recent"]["exchanges"] == count, f"{scope}: {preview}")
        check(preview["running"]["exchanges"] == 0, f"{scope}: {preview}")
    preview = world.get("/preview", scope="route=support")["recent"]
    check(preview["tenants"] == {"acme": 3, "beta": 1} and preview["use_cases"]["triage"] == 3, f"{preview}")
    said = world.cli("switch", "preview", "route=support")
    check("in the last 15m: 4 exchanges" in said and "running now: 0 exchanges" in said, said)
    for scope in ("", "planet=earth", "route"):
        try:
            world.get("/preview", scope=scope)
            raise AssertionError(f"a preview of '{scope}' was given")
        except Refused as refusal:
            check(refusal.status == 400, f"{refusal}")
    # Counted from the journal: a restart forgets nothing.
    world.restart()
    check(world.get("/preview", scope="route=support")["recent"]["exchanges"] == 4, "after kill -9")


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


# case containment_state_at_a_time_is_exact_live_and_offline
def case_containment_state_at_a_time_is_exact_live_and_offline(world):
    moments = []

    def mark():
        state = world.get("/state")
        moments.append((now(), state["digest"], sorted(m["id"] for m in state["switches"] + state["modes"])))
        time.sleep(0.01)
    time.sleep(0.01)
    mark()
    _, first = world.set("switches", scope="route=sales")
    mark()
    world.set("modes", scope="route=support", mode="emergency")
    mark()
    release(world, first["containment"]["id"])
    mark()
    world.write_config(", mode: emergency")
    world.restart()
    mark()
    for at, digest, ids in moments:
        then = world.get("/state", at=at)
        check(then["digest"] == digest, f"{at}: generation {then['digest']}, not {digest}")
        check(sorted(m["id"] for m in then["switches"] + then["modes"]) == ids, f"{at}: {then}")
        check(len(then["routes"]) == 3 and not then["unknown"], f"{at}: {then}")
        check([p["name"] for p in then["rulepacks"]] == ["house"], f"{at}: {then['rulepacks']}")
    live = [world.get("/state", at=at) for at, _, _ in moments]
    difference = world.get("/diff", **{"from": moments[3][0], "to": moments[4][0]})
    check([(c["what"], c["from"], c["to"]) for c in difference["changes"]] ==
          [("routes.support.mode", "standard", "emergency")], f"{difference}")
    difference = world.get("/diff", **{"from": moments[0][0], "to": moments[1][0]})
    check([c["what"] for c in difference["changes"]] == [f"switches.{first['containment']['id']}"], f"{difference}")
    check("nothing differs" in world.cli("diff", moments[1][0], moments[1][0]), "a moment does not differ from itself")
    for path, query in (("/state", {"at": "yesterday"}), ("/state", {"at": "2000-01-01T00:00:00Z"}),
                        ("/state", {"at": "2999-01-01T00:00:00Z"}), ("/state", {"at": "99999"}),
                        ("/diff", {"from": "1"}), ("/diff", {"from": "1", "to": "x"}),
                        ("/generations/0", {}), ("/generations/abc", {})):
        try:
            world.get(path, **query)
            raise AssertionError(f"{path} {query} was answered")
        except Refused as refusal:
            check(refusal.status in (400, 404), f"{path} {query}: {refusal}")
    # The same without a server, from the files alone.
    world.kill()
    for (at, _, _), then in zip(moments, live):
        offline = json.loads(world.cli("state", "--at", at, "--data", "data", "--json"))
        check(offline == then, f"{at}: {offline} is not {then}")
    offline = json.loads(world.cli("diff", moments[0][0], moments[1][0], "--data", "data", "--json"))
    check(offline == difference, f"{offline}")
    # A generation that is gone is unknown, and named; what the entries say is still there.
    for blob in (world.dir / "data/archive/sha256").rglob(moments[1][1]):
        blob.unlink()
    offline = json.loads(world.cli("state", "--at", moments[1][0], "--data", "data", "--json"))
    check("routes" not in offline and offline["unknown"] and len(offline["switches"]) == 1, f"{offline}")
    check("unknown: generation" in world.cli("state", "--at", moments[1][0], "--data", "data"), "said to people too")
    world.cli("state", "--data", "data", code=2)
    world.cli("state", "--at", "then", "--data", "data", code=10)
    world.start()


# A switch cuts before its generation is archived; the crash between the two is mended at the next start.
# case containment_a_generation_that_a_crash_kept_from_the_archive_is_made_again
def case_containment_a_generation_that_a_crash_kept_from_the_archive_is_made_again(world):
    world.set("switches", scope="route=sales")
    state = world.get("/state")
    world.kill()
    blobs = list((world.dir / "data/archive/sha256").rglob(state["digest"]))
    check(len(blobs) == 1, f"the generation is archived once: {blobs}")
    kept = blobs[0].read_bytes()
    blobs[0].unlink()
    # Another configuration: the one before is no longer what the node would make by itself.
    world.write_config(", mode: emergency")
    world.start()
    check(blobs[0].read_bytes() == kept, "made again, the same bytes")
    check(world.get("/state")["generation"] == state["generation"] + 1, "and the new configuration is in force")
    check(world.get(f"/generations/{state['generation']}")["digest"] == state["digest"], "it can be shown")
    check(world.ask("sales")[0] == 503, "the switch holds")
    # Without what it is made from it is missing, and the node serves all the same.
    world.kill()
    for change in world.journal("generation_change"):
        for blob in (world.dir / "data/archive/sha256").rglob(change["digest"]):
            blob.unlink()
    world.start()
    check(world.ask("sales")[0] == 503, "the switch holds without any of them")


# --- rollback -------------------------------------------------------------------------------------

# case containment_rollback_holds_over_restarts_and_lifts_no_switch
def case_containment_rollback_holds_over_restarts_and_lifts_no_switch(world):
    before = world.get("/state")["generation"]
    routes = world.get("/generations/current")["routes"]
    world.write_config(", mode: emergency")
    world.restart()
    check(world.get("/generations/current")["routes"] != routes, "the new configuration is in force")
    _, switch = world.set("switches", scope="tenant=beta")
    # Back to a weaker mode: two people.
    body = {"generation": before, "reason": "the release is bad", "expires_in": "1h"}
    status, asked = world.post("/rollbacks", body, world.anna)
    check(status == 202 and asked["order"]["generation"] == before, f"{asked}")
    check(world.get("/generations/current")["routes"] != routes, "asking changes nothing")
    status, done = world.post(f"/approvals/{asked['id']}/give", {}, world.ben)
    check(status == 200 and done["receipt"]["partial"] is False, f"{done}")
    for again in range(3):
        current = world.get("/generations/current")
        check(current["routes"] == routes, f"the routes of generation {before} are in force, restart {again}")
        check(world.ask(key=KEY + "-b")[0] == 503, f"the switch was not lifted, restart {again}")
        check(world.ask()[0] == 200, f"the rest is served, restart {again}")
        world.restart()
    check(world.get("/state")["rollbacks"][0]["generation"] == before, "state says so")
    rollback = done["containment"]["id"]
    refusal = world.refused(f"/generations/{before}/revoke", {"reason": "x"}, world.anna)
    check("release that one first" in refusal.detail, f"{refusal}")
    release(world, rollback)
    check(world.get("/generations/current")["routes"][0]["mode"] == "emergency", "as configured again")
    check(world.ask(key=KEY + "-b")[0] == 503, "the switch is still in force")
    release(world, switch["containment"]["id"])


# case containment_rollback_refuses_unknown_and_revoked_generations
def case_containment_rollback_refuses_unknown_and_revoked_generations(world):
    first = world.get("/state")["generation"]
    world.write_config(", mode: emergency")
    world.restart()
    body = {"reason": "x", "expires_in": "1h"}
    refusal = world.refused("/rollbacks", {**body, "generation": 999})
    check(refusal.status == 404 and "known:" in refusal.detail and str(first) in refusal.detail, f"{refusal}")
    for wrong in ({"generation": "one"}, {}, {"generation": -1}, {"generation": 1.5}):
        check(world.refused("/rollbacks", {**body, **wrong}).code == "invalid", f"{wrong}")
    check(world.refused("/rollbacks", {"generation": first, "reason": "x"}).code == "invalid", "no expiry")
    check(world.refused("/rollbacks", {"generation": first, "expires_in": "1h"}).code == "invalid", "no reason")
    current = world.get("/state")["generation"]
    check("in force" in world.refused("/rollbacks", {**body, "generation": current}).detail, "to where we are")
    world.cli("generation", "revoke", str(first), "--reason", "it leaks", token=world.anna)
    refusal = world.refused("/rollbacks", {**body, "generation": first})
    check("was revoked" in refusal.detail, f"{refusal}")
    world.restart()
    check("was revoked" in world.refused("/rollbacks", {**body, "generation": first}).detail, "after kill -9")
    world.cli("rollback", str(first), "--reason", "x", "--expires-in", "1h", code=12)
    world.cli("rollback", "x", "--reason", "x", "--expires-in", "1h", code=2)


# --- what was acknowledged is there after kill -9 -------------------------------------------------

class Orders:
    """Random orders, and what the node must still know of those that it acknowledged."""

    def __init__(self, world, seed):
        self.world, self.random = world, random.Random(seed)
        self.known = {}  # a name for the fact, to how it is looked up and what must be found
        self.measures, self.wishes, self.tokens = [], [], []
        self.replaceable = set()  # measures that another one may end
        self.in_doubt = set()     # facts that the order under way may change

    def one(self):
        """Gives one order. Raises Refused for one that was refused, URLError when the node is gone."""
        self.in_doubt = set()
        getattr(self, self.random.choice([name for name in dir(self) if name.startswith("order_")]))()

    def post(self, path, body, token=None):
        # Until it is answered it may or may not have been done, and with it all that it may change.
        words = set(path.split("/"))
        replaces = words & {"modes", "rollbacks", "approvals"}
        self.in_doubt |= {fact for fact in self.known if words & set(fact.split()) or
                          (replaces and self.replaceable & set(fact.split()))}
        return self.world.call("POST", path, body, token, timeout=20)[1]

    def measure(self, path, **body):
        answer = self.post(path, {"reason": "storm", "expires_in": "1h", **body}, self.world.anna)
        if "receipt" not in answer:
            self.wishes.append(answer["id"])
            self.known[f"asked {answer['id']}"] = answer["id"]
            return
        measure = answer["containment"]
        self.measures.append(measure["id"])
        self.known[f"measure {measure['id']}"] = ("in_force", measure["expires_at"])
        if measure["kind"] in ("mode", "rollback"):
            self.replaceable.add(measure["id"])
            self.look_at_replaced()

    def look_at_replaced(self):
        """A mode or a rollback ends others: that is part of what was acknowledged."""
        for measure in self.replaceable:
            if self.world.get(f"/containments/{measure}")["state"] == "released":
                self.known[f"measure {measure}"] = ("released", None)
                self.settle(measure)

    def settle(self, measure):
        """Nothing is left to say yes to once a measure was released."""
        self.known = {fact: about for fact, about in self.known.items()
                      if not (fact.startswith("asked ") and about == measure)}

    def order_switch(self):
        self.measure("/switches", scope=self.random.choice(["route=sales", "tenant=beta", "flag=assistant", "route=no"]))

    def order_mode(self):
        self.measure("/modes", scope=f"use_case=u{self.random.randrange(4)}",
                     mode=self.random.choice(["observe", "standard", "emergency", "lockdown", "panic"]))

    def order_fallback(self):
        self.measure("/fallbacks", route="support")

    def order_rollback(self):
        self.measure("/rollbacks", generation=self.random.randrange(1, 30))

    def order_renew(self):
        measure = self.random.choice(self.measures or ["none"])
        hours = self.random.randrange(2, 600)
        answer = self.post(f"/containments/{measure}/renew", {"reason": "storm", "expires_in": f"{hours}h"})
        self.known[f"measure {measure}"] = ("in_force", answer["expires_at"])

    def order_release(self):
        measure = self.random.choice(self.measures or ["none"])
        token = self.random.choice([self.world.anna, self.world.ben])
        answer = self.post(f"/containments/{measure}/release", {"reason": "storm"}, token)
        if "receipt" in answer:
            self.known[f"measure {measure}"] = ("released", None)
            self.settle(measure)
        else:
            self.known[f"asked {answer['id']}"] = measure
            self.wishes.append(answer["id"])

    def order_approve(self):
        wish = self.random.choice(self.wishes or ["none"])
        answer = self.post(f"/approvals/{wish}/give", {}, self.world.ben)["containment"]
        self.known.pop(f"asked {wish}", None)
        measure = answer["id"]
        self.known[f"measure {measure}"] = (answer["state"], answer["expires_at"] if answer["state"] == "in_force" else None)
        if answer["kind"] in ("mode", "rollback"):
            self.replaceable.add(measure)
            self.look_at_replaced()

    def order_decline(self):
        wish = self.random.choice(self.wishes or ["none"])
        self.post(f"/approvals/{wish}/decline", {"reason": "storm"}, self.world.anna)
        self.known.pop(f"asked {wish}", None)

    def order_revoke_generation(self):
        number = self.random.randrange(1, 30)
        self.post(f"/generations/{number}/revoke", {"reason": "storm"})
        self.known[f"generation {number}"] = True

    def order_mint(self):
        token = self.post("/tokens", {"person": f"p{self.random.randrange(9)}", "roles": ["viewer"], "expires_in": "1h"})
        self.tokens.append(token["id"])
        self.known[f"token {token['id']}"] = "valid"

    def order_revoke_token(self):
        token = self.random.choice(self.tokens or ["none"])
        self.post(f"/tokens/{token}/revoke", {})
        self.known[f"token {token}"] = "revoked"

    def order_signal(self):
        signal_id = self.post("/signals", {"class": "data_leakage", "scope": f"route={self.random.choice(['sales', 'slow'])}",
                                           "summary": "seen", "source": "analyst_review"})["id"]
        self.known[f"signal {signal_id}"] = True

    def order_commander(self):
        incidents = self.world.get("/incidents")["items"]
        incident = self.random.choice(incidents)["id"] if incidents else "INC-2026-99999"
        self.post(f"/incidents/{incident}/commander", {}, self.world.anna)
        self.known[f"commander {incident}"] = True

    def order_move(self):
        incidents = self.world.get("/incidents")["items"]
        incident = self.random.choice(incidents)["id"] if incidents else "INC-2026-99999"
        state = self.random.choice(["active", "contained"])
        self.post(f"/incidents/{incident}/move", {"to": state, "reason": "storm"}, self.world.anna)
        self.known[f"state {incident}"] = state

    def verify(self):
        world = self.world
        tokens = {t["id"]: t["state"] for t in world.get("/tokens")["items"]}
        signals = {s["id"] for s in world.get("/signals")["items"]}
        asked = {w["id"] for w in world.get("/approvals")["items"]}
        revoked = {g["number"] for g in world.get("/generations")["items"] if g["revoked"]}
        for fact, expected in self.known.items():
            what, name = fact.split()
            if what == "measure":
                found = world.get(f"/containments/{name}")
                held = found["state"] == expected[0] and expected[1] in (None, found["expires_at"])
            elif what == "token":
                found, held = tokens.get(name), tokens.get(name) == expected
            elif what == "signal":
                found, held = signals, name in signals
            elif what == "asked":
                found, held = asked, name in asked
            elif what == "generation":
                found, held = revoked, int(name) in revoked
            else:
                found = world.get(f"/incidents/{name}")
                held = found["state"] == expected if what == "state" else found.get("commander") is not None
            check(held, f"acknowledged and lost: {fact} {expected}, found {found}")


# case containment_every_acknowledged_command_survives_kill_9
def case_containment_every_acknowledged_command_survives_kill_9(world):
    seed = int(os.environ.get("CORDON_SEED", random.randrange(1_000_000)))
    print(f"    CORDON_SEED={seed}")
    orders = Orders(world, seed)
    chance, kills, given, refused = random.Random(seed + 1), 60 if os.environ.get("CORDON_NIGHTLY") else 6, 0, 0
    for _ in range(kills):
        timer = threading.Timer(chance.uniform(0.05, 0.8), world.kill)
        timer.start()
        try:
            while True:
                try:
                    orders.one()
                    given += 1
                except Refused as refusal:
                    check(refusal.status in (400, 404, 409, 422, 429), f"{refusal}")
                    refused += 1
        except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError):
            for fact in orders.in_doubt:
                orders.known.pop(fact, None)
        timer.join()
        # Another configuration each time, so that there is something to roll back to.
        world.write_config(chance.choice(["", ", mode: emergency", ", durability: before_forward"]))
        world.start()
        orders.verify()
    print(f"    {kills} kills, {given} orders acknowledged, {refused} refused, {len(orders.known)} facts held")
    check(given > kills and refused > 0, "there was something to lose")


# --- the run --------------------------------------------------------------------------------------

def main():
    cases = {name[5:]: case for name, case in globals().items() if name.startswith("case_")}
    wanted = sys.argv[2:] or list(cases)
    failed = 0
    for name in wanted:
        began = time.monotonic()
        print(f"e2e {name}", flush=True)
        world = World()
        try:
            cases[name](world)
            print(f"    ok, {time.monotonic() - began:.0f} s")
        except (AssertionError, Refused, KeyError, subprocess.SubprocessError, OSError) as error:
            failed += 1
            print(f"    FAILED: {type(error).__name__} {str(error)[:1500]}")
        finally:
            world.stop()
    return bool(failed)


sys.exit(main())
