#!/usr/bin/env python3
"""How long a node takes to come back, and whether it comes back as it was.

Fills the journal with entries of real traffic (two an exchange), reads the state, kills the node
with SIGKILL, starts it again and reads the state once more. Exits 1 if the two differ; the time
that recovery took is printed, not judged."""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import bench_gateway as common

READ = ["/api/v1/state", "/api/v1/generations/current", "/api/v1/containments", "/api/v1/incidents",
        "/api/v1/signals", "/api/v1/tokens"]


def get(control, token, path):
    request = urllib.request.Request(f"http://{control}{path}",
                                     headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


class Node:
    def __init__(self, binary, work):
        self.binary, self.work = binary, work

    def start(self):
        addresses = self.work / "addresses.json"
        addresses.unlink(missing_ok=True)
        began = time.monotonic()
        self.log = (self.work / "node.log").open("ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.work / "cordon.yaml", "--data", self.work / "data",
             "--admin-token-file", self.work / "admin.token", "--addresses-file", addresses],
            stderr=self.log, env={**os.environ, "CORDON_BENCH_PROVIDER_KEY": "bench"})
        while not addresses.exists() or not addresses.stat().st_size:
            if self.process.poll() is not None:
                sys.exit(f"cordon ended with {self.process.returncode}, see {self.work}/node.log")
            time.sleep(0.01)
        self.took = time.monotonic() - began
        self.at = json.loads(addresses.read_text())
        self.token = (self.work / "admin.token").read_text().strip()

    def state(self):
        """What is a fold over the journal; how the targets do is not, and begins anew (ADR 9)."""
        views = {path: json.loads(get(self.at["control"], self.token, path)) for path in READ}
        views["/api/v1/state"].pop("targets")
        return {path: json.dumps(view) for path, view in views.items()}

    def entries(self):
        metrics = get(self.at["control"], self.token, "/metrics")
        return int(float(re.search(r"^cordon_log_size\S* (\S+)", metrics, re.M)[1]))

    def checkpoint(self):
        return get(self.at["control"], self.token, "/api/v1/log/checkpoint")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def fill(node, work, entries):
    script = work / "load.lua"
    body = common.body_of(400, False)
    script.write_text(common.WRK.replace("{key}", common.KEY).replace("{body}", body))
    while (have := node.entries()) < entries:
        print(f"  {have} of {entries} entries", file=sys.stderr)
        subprocess.run(["wrk", "-t1", "-c32", "-d5s", "-s", str(script),
                        f"http://{node.at['gateway']}/v1/chat/completions"],
                       check=True, stdout=subprocess.DEVNULL)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", default=common.ROOT / "build/release/bin/cordon")
    options.add_argument("--entries", type=int, default=1_000_000)
    given = options.parse_args()
    work = pathlib.Path(tempfile.mkdtemp())
    sim = subprocess.Popen([given.binary, "sim", "--seed", "1"], stdout=subprocess.PIPE, text=True)
    try:
        upstream = sim.stdout.readline().strip().rsplit(":", 1)[1]
        text = common.CORDON.format(dir=work, port=0, control=0, upstream=upstream,
                                    rulepacks="core-leakage", durability="deferred",
                                    key=common.hashlib.sha256(common.KEY.encode()).hexdigest())
        (work / "cordon.yaml").write_text(text)
        node = Node(given.binary, work)
        node.start()
        fill(node, work, given.entries)
        # A few facts besides traffic, so that there is state to compare.
        for words in (["signal", "report", "--class", "data_leakage", "--scope", "route=bench",
                       "--summary", "restart"],
                      ["switch", "set", "use_case=batch", "--reason", "restart", "--expires-in", "1h"],
                      ["token", "mint", "vera", "--role", "viewer", "--expires-in", "1h"]):
            subprocess.run([given.binary, *words], check=True, stdout=subprocess.DEVNULL, env={
                **os.environ, "CORDON_SERVER": f"http://{node.at['control']}",
                "CORDON_TOKEN": node.token})
        time.sleep(2)
        entries, before, head = node.entries(), node.state(), node.checkpoint()
        node.kill()
        node.start()
        after = node.state()
        recovered = re.findall(r"recovered entries=(\d+) took_ms=(\d+)",
                               (work / "node.log").read_text())[-1]
        same = [path for path in READ if before[path] == after[path]]
        print(f"{entries} entries: recovered {recovered[0]} in {recovered[1]} ms, serving after "
              f"{node.took * 1000:.0f} ms; {len(same)} of {len(READ)} views of the state equal; "
              f"the head signed before the kill holds: {head.splitlines()[1]} entries")
        node.kill()
        for path in set(READ) - set(same):
            print(f"differs: {path}\n  before {before[path][:600]}\n  after  {after[path][:600]}")
        return 0 if len(same) == len(READ) else 1
    finally:
        sim.kill()
        sim.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
