#!/usr/bin/env python3
"""A node under steady load with a fault every 30 s: tests/e2e/soak.py BINARY [SECONDS [EVERY]]

A provider resets, stalls or answers half; a route is switched off, and back on when the switch has
run out. One route has a provider that never fails: there nothing may fail. On the others only what
a fault explains may. At the end memory and descriptors have not grown and the log verifies.
Prints its figures; the load is what 70 % of the exchanges come to that the same clients get through
without a pause."""
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

from wire import KEY, Node, Wrong, check, key_digest, within

BINARY = os.path.realpath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 600
EVERY = float(sys.argv[3]) if len(sys.argv) > 3 else 30
FAULT_SECONDS = min(6, EVERY / 3)
FAULTS = ("reset", "stall", "cut", "silence", "error_500", "switch")
# Windows of a second are kept for an hour, so a young node grows by what they take.
GROWTH_KIB_MAX = 24 * 1024
CLIENTS = 6

RULES = """rulepack: soak
version: 1.0.0
rules:
  - id: soak.word
    class: unsafe_output
    on: [request, response, tool_arguments]
    match: {pattern: 'forbidden-word-[0-9]{3}'}
    state: live
    action: block
    rationale: A word that nobody says here.
    refs: [{scheme: owasp-llm, edition: 2025, id: LLM05}]
    tests: {match: ['say forbidden-word-123'], pass: ['say forbidden-word']}
"""


def config(steady, shaken, switches):
    doomed = "".join(f"\n  - {{name: doomed-{i}, targets: [{{provider: steady, model: sim-echo}}], rulepacks: [soak]}}"
                     for i in range(switches))
    return f"""
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
threads: 2
providers:
  - {{name: steady, base_url: "{steady}/v1"}}
  - {{name: shaken, base_url: "{shaken}/v1", timeouts: {{first_byte: 2s, idle: 2s}},
     breaker: {{samples_min: 8, open: 1s, probes: 1, slow_start: 0ms}}}}
rulepacks: {{files: [rules.yaml]}}
routes:
  - {{name: steady, targets: [{{provider: steady, model: sim-echo}}], rulepacks: [soak]}}
  - {{name: shaken, targets: [{{provider: shaken, model: m}}], rulepacks: [soak], retry: {{attempts_max: 1}}}}{doomed}
tenants: [{{name: acme, key_sha256: [{key_digest()}], routes: ['*']}}]
"""


class Sim:
    def __init__(self):
        self.process = subprocess.Popen([BINARY, "sim", "--seed", "3"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def behave(self, scenario):
        ask = urllib.request.Request(f"{self.url}/sim/scenario", json.dumps({"scenario": scenario}).encode(),
                                     {"Content-Type": "application/json"})
        urllib.request.urlopen(ask, timeout=10).read()


class Load:
    """Clients with kept connections; every exchange has a mark that must come back."""

    def __init__(self, port, switches):
        self.port, self.pause, self.doomed = port, 0.0, 0
        self.switches = switches
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.done, self.failed = 0, []  # route, begin, end, what
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, client):
        peer, number = None, 0
        due = time.monotonic()
        while not self.over.is_set():
            number += 1
            route = ("steady", "shaken", f"doomed-{self.doomed}")[(client + number) % 3]
            mark, stream = f"mark {client} {number} end", number % 2 == 0
            began = time.monotonic()
            try:
                peer = peer or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                problem = self.one(peer, route, mark, stream)
            except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
                problem = repr(error)
            if problem:
                if peer:
                    peer.close()
                peer = None
            with self.lock:
                self.done += 1
                if problem:
                    self.failed.append((route, began, time.monotonic(), problem))
            # What was missed is not made up for in a burst.
            due = max(due + self.pause, time.monotonic() - 1)
            rest = due - time.monotonic()
            if rest > 0:
                time.sleep(rest)

    @staticmethod
    def one(peer, route, mark, stream):
        peer.request("POST", "/v1/chat/completions",
                     json.dumps({"model": route, "stream": stream, "messages": [{"role": "user", "content": mark}]}),
                     {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        answer = peer.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            return f"{answer.status} {body[:200]}"
        if not stream:
            said = json.loads(body)["choices"][0]["message"]["content"]
        else:
            if "data: [DONE]" not in body:
                return f"no end: {body[-200:]}"
            said = "".join(choice["delta"].get("content") or "" for line in body.splitlines()
                           if line.startswith("data: {") for choice in json.loads(line[6:])["choices"])
        if route == "shaken":
            return None if len(said) > 10 else f"said {said!r}"
        # An answer of somebody else's would be worse than none.
        return None if said == mark else f"CROSSED: asked {mark!r}, got {said!r}"

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def slope(samples):
    """KiB a second, by least squares."""
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression([at for at, *_ in samples], [kib for _, kib, _ in samples]).slope


def soak():
    switches = int(SECONDS / EVERY / len(FAULTS)) + 2
    steady, shaken = Sim(), Sim()
    node = load = None
    try:
        node = Node(BINARY, config(steady.url, shaken.url, switches), {"rules.yaml": RULES})
        load = Load(node.port, switches)
        time.sleep(2)
        from_, began = load.done, time.monotonic()
        time.sleep(min(5, SECONDS / 10))
        full = (load.done - from_) / (time.monotonic() - began)
        check(full > 0, "nothing got through")
        load.pause = CLIENTS / (full * 0.7)
        env = {**os.environ, "CORDON_SERVER": f"http://{node.control}", "CORDON_TOKEN": node.token}
        samples, faults = [], []
        began = time.monotonic()
        next_fault, number = began + EVERY / 2, 0
        done_before = load.done
        while time.monotonic() - began < SECONDS:
            samples.append((time.monotonic() - began, node.resident_kib(), node.descriptors()))
            if time.monotonic() >= next_fault:
                kind = FAULTS[number % len(FAULTS)]
                number += 1
                faults.append(fault(kind, shaken, load, env))
                next_fault += EVERY
            time.sleep(0.5)
        rate = (load.done - done_before) / (time.monotonic() - began)
        load.stop()
        check(node.process.poll() is None, "the node ended")
        report(full, rate, samples, faults, load)
        data = node.dir / "data"
        checkpoint = subprocess.run([BINARY, "log", "checkpoint"], env=env, capture_output=True, text=True)
        check(checkpoint.returncode == 0, checkpoint.stderr)
        node.process.terminate()
        check(node.process.wait(60) == 0, "the node did not end in order")
        verify(data, checkpoint.stdout, load)
    finally:
        if load:
            load.stop()
        if node:
            node.stop()
        for sim in (steady, shaken):
            sim.process.terminate()
            sim.process.wait()


def verify(data, checkpoint, load):
    """Every record of the journal holds, every exchange has its end there, and all are signed."""
    with subprocess.Popen([BINARY, "journal", "show", str(data / "journal"), "--kind", "response_end"],
                          stdout=subprocess.PIPE, text=True) as shown:
        ends = sum("response_end" in line for line in shown.stdout)
    check(shown.returncode == 0, f"the journal does not hold: {shown.returncode}")
    signed = int(checkpoint.splitlines()[1])
    print(f"    log: {ends} ends of {load.done} exchanges, {signed} entries signed", flush=True)
    check(ends >= load.done, f"{load.done} exchanges and {ends} ends in the journal")
    check(signed >= ends, f"{signed} entries signed")


def fault(kind, shaken, load, env):
    """One fault, over when this returns: what it hits, from when, until when, its name."""
    began = time.monotonic()
    if kind == "switch":
        route = f"doomed-{load.doomed}"
        done = subprocess.run([BINARY, "switch", "set", f"route={route}", "--reason", "soak", "--expires-in", "1m"],
                              env=env, capture_output=True, text=True, timeout=60)
        check(done.returncode == 0, f"switch: {done.stdout} {done.stderr}")
        time.sleep(FAULT_SECONDS)
        load.doomed = (load.doomed + 1) % load.switches
        # From then on another route is asked; who was on the way still meets the switch.
        return route, began, time.monotonic() + 2, kind
    shaken.behave(kind)
    time.sleep(FAULT_SECONDS)
    shaken.behave("normal")
    # A stalled answer lasts for its time limit, and the breaker stays open for a while.
    recovered = within(30, lambda: healthy(load))
    check(recovered, f"{kind}: the route does not come back")
    return "shaken", began, time.monotonic() + 5, kind


def healthy(load):
    """The route that was hit answers again, asked on a connection of its own."""
    peer = http.client.HTTPConnection("127.0.0.1", load.port, timeout=30)
    try:
        return load.one(peer, "shaken", "are you back", False) is None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        peer.close()


def report(full, rate, samples, faults, load):
    unexplained = [one for one in load.failed if not any(
        one[0] == route and one[1] <= until and one[2] >= since for route, since, until, _ in faults)]
    fifth = max(1, len(samples) // 5)
    early, late = samples[fifth:2 * fifth], samples[-fifth:]
    grown = statistics.median(kib for _, kib, _ in late) - statistics.median(kib for _, kib, _ in early)
    held = [statistics.median(count for *_, count in part) for part in (early, late)]
    kinds = {}
    for *_, kind in faults:
        kinds[kind] = kinds.get(kind, 0) + 1
    print(f"    load: {rate:.0f} exchanges/s ({100 * rate / full:.0f} % of {full:.0f}), {load.done} in all")
    print(f"    faults: {kinds}; failed and explained: {len(load.failed) - len(unexplained)}")
    print(f"    memory: {slope(samples[fifth:]):+.2f} KiB/s, {grown:+.0f} KiB between the second fifth and the last, "
          f"{samples[-1][1]} KiB at the end; descriptors: {held[0]:.0f}, then {held[1]:.0f}", flush=True)
    check(faults, "no fault")
    check(not unexplained, f"{len(unexplained)} failures that no fault explains: {unexplained[:4]}")
    check(not [one for one in load.failed if "CROSSED" in one[3]], "an answer went to somebody else")
    check(grown < GROWTH_KIB_MAX, f"resident memory grew by {grown:.0f} KiB")
    check(held[1] <= held[0] + 16, f"descriptors grew from {held[0]:.0f} to {held[1]:.0f}")


if __name__ == "__main__":
    try:
        soak()
        print("    soak: ok")
    except Wrong as wrong:
        print(f"    soak: FAILED: {wrong}")
        sys.exit(1)
