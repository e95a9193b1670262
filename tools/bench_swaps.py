#!/usr/bin/env python3
"""Whether changes of what the gateway obeys are felt by those who ask meanwhile.

Clients ask without a pause over kept connections while switches are set and released, each of
which is a generation that every thread adopts. Prints, before, during and after: exchanges, their
failures and latencies, and the node's resident memory. Exits 1 if an exchange failed or a switch
was not acknowledged; the figures are printed, not judged."""
import argparse
import http.client
import json
import os
import pathlib
import statistics
import threading
import time

import bench_kill

BATCH = 250
ROOT = pathlib.Path(__file__).resolve().parent.parent


class Clients:
    """So many threads, each asking over one connection."""

    def __init__(self, address, count):
        self.times, self.failures, self.stopped = [], [], False
        self.threads = [threading.Thread(target=self.ask, args=(address,)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self, address):
        line = http.client.HTTPConnection(*address, timeout=30)
        body = bench_kill.request_of(bench_kill.BYSTANDER, False)
        head = {"content-type": "application/json",
                "authorization": "Bearer " + bench_kill.key_of(bench_kill.BYSTANDER.tenant)}
        while not self.stopped:
            begun = time.monotonic()
            try:
                line.request("POST", "/v1/chat/completions", body, head)
                answer = line.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self.failures.append(f"{answer.status} {text[:200]}")
            except OSError as error:
                self.failures.append(repr(error))
                line.close()
            self.times.append(time.monotonic() - begun)

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()


class Swaps(bench_kill.Run):
    BEHAVIOUR = {"answer_bytes": 600}
    SCENARIO = "normal"

    def resident_kb(self):
        status = pathlib.Path(f"/proc/{self.serve.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def phase(self, name, act):
        clients = Clients(self.gateway, 4)
        begun = time.monotonic()
        done = act()
        took = time.monotonic() - begun
        clients.stop()
        ms = sorted(t * 1e3 for t in clients.times)
        print(f"{name:<8} {done:8d} {took:8.1f} {len(ms):10d} {len(clients.failures):7d} "
              f"{statistics.median(ms):9.2f} {ms[int(len(ms) * 0.99)]:9.2f} {ms[-1]:9.2f} "
              f"{self.resident_kb() / 1024:9.1f}", flush=True)
        bench_kill.claim(not clients.failures, f"no exchange fails, found {clients.failures[:3]}")

    def swap(self, count):
        line = http.client.HTTPConnection(self.control, timeout=30)
        head = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}

        def post(path, body):
            line.request("POST", "/api/v1" + path, json.dumps(body), head)
            answer = line.getresponse()
            told = json.loads(answer.read())
            bench_kill.claim(answer.status in (200, 201), f"a command is taken, found {answer.status} {told}")
            return told
        # What is due may be released by one person; till then it is in force.
        for at in range(0, count // 2, BATCH):
            ids = [post("/switches", {"scope": f"use_case=nobody-{i}", "reason": "bench",
                                      "expires_in": "1s"})["containment"]["id"] for i in range(BATCH)]
            time.sleep(1.1)
            for one in ids:
                post(f"/containments/{one}/release", {"reason": "bench"})
        return count

    def run(self):
        (self.dir / "cordon.yaml").write_text(bench_kill.config(self.start_sim(), []))
        self.serve = self.start_serve()
        print(f"{'':<8} {'swaps':>8} {'seconds':>8} {'exchanges':>10} {'failed':>7} "
              f"{'p50 ms':>9} {'p99 ms':>9} {'worst ms':>9} {'memory MB':>9}")
        rest = self.args.swaps // 4

        def wait():
            time.sleep(self.args.seconds)
            return 0
        self.phase("before", wait)
        for quarter in range(4):
            self.phase(f"swaps {quarter + 1}", lambda: self.swap(rest))
        self.phase("after", wait)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cordon", default=str(ROOT / "build/release/bin/cordon"))
    parser.add_argument("--swaps", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=5, help="of the loads before and after")
    args = parser.parse_args()
    args.cordon = os.path.abspath(args.cordon)
    args.kinds, args.kills = [], 0
    run = Swaps(args)
    try:
        run.run()
    finally:
        run.stop()


if __name__ == "__main__":
    main()
