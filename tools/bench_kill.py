#!/usr/bin/env python3
"""How long a switch takes: from the command's last byte to the last byte in its scope.

For every kind of scope (route, model, provider, tenant, use case, flag) and for a mode: opens many
streams inside it and a few outside, gives the command, and reads the clients' sockets: when did
the last byte in scope arrive, was the command acknowledged only after that, did every stream in
scope end without a terminal frame, and was nobody else touched.
Then kills the server with SIGKILL, starts it again, and asks whether every one of them still holds.
Exits 1 if a claim does not hold; the times are printed, not judged. docs/capabilities.md has the bar."""
import argparse
import hashlib
import json
import os
import pathlib
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


KINDS = ("route", "model", "provider", "tenant", "use_case", "flag", "mode")


def key_of(tenant):
    return f"key-of-{tenant}"


class Kill:
    """One command: its scope, and how a client gets inside it."""

    def __init__(self, kind, number):
        self.kind, self.name = kind, f"{kind}-{number}".replace("_", "-")
        self.route = self.name if kind in ("route", "model", "provider", "mode") else "chat"
        self.tenant = self.name if kind == "tenant" else "everybody"
        self.headers = {"use_case": {"x-cordon-use-case": self.name},
                        "flag": {"x-cordon-flags": self.name}}.get(kind, {})

    def command(self):
        common = {"reason": "bench", "expires_in": "1h"}
        if self.kind == "mode":
            return "/modes", {"scope": f"route={self.name}", "mode": "lockdown", **common}
        return "/switches", {"scope": f"{self.kind}={self.name}", **common}

    def route_line(self):
        target = {"provider": self.name if self.kind == "provider" else "sim",
                  "model": self.name if self.kind == "model" else "any"}
        return f"  - {{name: {self.name}, targets: [{json.dumps(target)}], rulepacks: [core-leakage]}}\n"


def config(upstream, kills):
    def tenant(name):
        digest = hashlib.sha256(key_of(name).encode()).hexdigest()
        return f"  - {{name: {name}, key_sha256: ['{digest}'], routes: ['*']}}\n"

    def provider(name):
        return f'  - {{name: {name}, dialect: openai, base_url: "{upstream}/v1"}}\n'

    of = {kind: [k for k in kills if k.kind == kind] for kind in KINDS}
    text = 'listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}\nthreads: 1\n'
    text += "providers:\n" + provider("sim") + "".join(provider(k.name) for k in of["provider"])
    text += "routes:\n"
    text += '  - {name: chat, targets: [{provider: sim, model: any}], rulepacks: [core-leakage]}\n'
    text += "".join(k.route_line() for k in kills if k.route == k.name)
    text += "tenants:\n" + tenant("everybody") + "".join(tenant(k.name) for k in of["tenant"])
    text += "flags:\n  - {name: none, enabled: true}\n"
    text += "".join(f"  - {{name: {k.name}, enabled: true}}\n" for k in of["flag"])
    return text


BYSTANDER = Kill("nobody", 0)


def request_of(kill, stream):
    return json.dumps({"model": kill.route, "stream": stream,
                       "messages": [{"role": "user", "content": "hello"}]}).encode()


class Stream:
    """One client reading one streamed answer."""

    def __init__(self, address, kill):
        body = request_of(kill, True)
        self.bytes, self.last, self.tail, self.closed = 0, 0.0, b"", False
        self.socket = socket.create_connection(address, 10)
        head = {"host": "bench", "content-type": "application/json",
                "authorization": f"Bearer {key_of(kill.tenant)}", "content-length": len(body), **kill.headers}
        self.socket.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n" +
                            "".join(f"{k}: {v}\r\n" for k, v in head.items()).encode() + b"\r\n" + body)
        self.socket.setblocking(False)

    def read(self):
        try:
            piece = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.closed = True
            return
        self.last = time.monotonic()
        self.bytes += len(piece)
        self.tail = (self.tail + piece)[-600:]


class Run:
    def __init__(self, args):
        self.args = args
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-kill-"))
        self.kills = [Kill(kind, i) for kind in args.kinds for i in range(args.kills)]
        self.children = []

    # Slow streams: each lives for many seconds unless somebody cuts it.
    SCENARIO = "slow"
    BEHAVIOUR = {"slow_delay_ms": 100, "answer_bytes": 20000, "chunk_bytes": 40}

    def start_sim(self):
        sim = subprocess.Popen(
            [self.args.cordon, "sim", "--scenario", self.SCENARIO, "--behaviour", json.dumps(self.BEHAVIOUR)],
            stdout=subprocess.PIPE, text=True)
        self.children.append(sim)
        return sim.stdout.readline().strip()

    def start_serve(self):
        addresses = self.dir / "addresses.json"
        addresses.unlink(missing_ok=True)
        serve = subprocess.Popen(
            [self.args.cordon, "serve", "--config", "cordon.yaml", "--data", "data",
             "--admin-token-file", "admin.token", "--addresses-file", "addresses.json"],
            cwd=self.dir, stdout=subprocess.DEVNULL, stderr=open(self.dir / "serve.log", "ab"))
        self.children.append(serve)
        end = time.monotonic() + 30
        while not addresses.exists():
            if serve.poll() is not None or time.monotonic() > end:
                sys.exit("cordon serve did not start: " + (self.dir / "serve.log").read_text()[-2000:])
            time.sleep(0.02)
        found = json.loads(addresses.read_text())
        host, port = found["gateway"].rsplit(":", 1)
        self.gateway, self.control = (host, int(port)), found["control"]
        self.token = (self.dir / "admin.token").read_text().strip()
        return serve

    def command(self, path, body):
        request = urllib.request.Request(
            f"http://{self.control}/api/v1{path}", json.dumps(body).encode(),
            {"authorization": f"Bearer {self.token}", "content-type": "application/json"})
        sent = time.monotonic()
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer), sent, time.monotonic()

    def status(self, kill):
        """What a new request gets: a refusal, or the beginning of an answer."""
        stream = Stream(self.gateway, kill)
        stream.socket.settimeout(30)
        line = stream.socket.recv(64).split(b" ")
        stream.socket.close()
        return int(line[1])

    @staticmethod
    def pump(streams, until, seconds):
        selector = selectors.DefaultSelector()
        for stream in streams:
            if not stream.closed:
                selector.register(stream.socket, selectors.EVENT_READ, stream)
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            for key, _ in selector.select(0.01):
                key.data.read()
                if key.data.closed:
                    selector.unregister(key.data.socket)
        selector.close()
        return until()

    def kill_once(self, kill):
        mine = [Stream(self.gateway, kill) for _ in range(self.args.streams)]
        others = [Stream(self.gateway, BYSTANDER) for _ in range(20)]
        streams = mine + others
        claim(self.pump(streams, lambda: all(s.bytes > 600 for s in streams), 60),
              f"every stream runs before the {kill.kind} is cut")
        before = [s.bytes for s in others]
        result = {}

        def act():
            path, body = kill.command()
            result["answer"], result["sent"], result["acked"] = self.command(path, body)
        thread = threading.Thread(target=act)
        thread.start()
        claim(self.pump(streams, lambda: all(s.closed for s in mine) and not thread.is_alive(), 30),
              f"every stream in {kill.name} ends and the command is acknowledged")
        thread.join()
        receipt = result["answer"]["receipt"]
        claim(receipt["partial"] is False, "the receipt is not partial")
        claim(sum(n["streams_cut"] for n in receipt["nodes"]) == self.args.streams,
              f"the receipt counts {self.args.streams} cut streams, found {receipt['nodes']}")
        claim(all(n["last_byte_at"] <= n["acked_at"] for n in receipt["nodes"]),
              "the node acknowledged after the last byte in scope")
        claim(all(b"[DONE]" not in s.tail for s in mine), "a cut stream has no terminal frame")
        claim(all(b'"error"' in s.tail for s in mine), "a cut stream ends in an error frame")
        self.pump(streams, lambda: all(s.bytes > b for s, b in zip(others, before)), 10)
        claim(all(s.bytes > b and not s.closed for s, b in zip(others, before)), "nobody else is touched")
        claim(self.status(kill) == 503, f"a new request in {kill.name} is refused")
        for stream in streams:
            stream.socket.close()
        last = [(s.last - result["sent"]) * 1e3 for s in mine]
        return last, (result["acked"] - result["sent"]) * 1e3, max(s.last for s in mine) <= result["acked"] + 0.005

    def run(self):
        (self.dir / "cordon.yaml").write_text(config(self.start_sim(), self.kills))
        serve = self.start_serve()
        print(f"{self.args.kills} kills of {self.args.streams} running streams for each kind of scope; "
              "milliseconds from the command's last byte")
        print(f"{'kind':<9} {'last byte p50':>13} {'p99':>8} {'worst':>8} {'acked p50':>10} {'worst':>8}  read before the ack")
        worst = 0.0
        for kind in self.args.kinds:
            lasts, acks, in_order = [], [], 0
            for kill in (k for k in self.kills if k.kind == kind):
                last, ack, first = self.kill_once(kill)
                lasts += last
                acks.append(ack)
                in_order += first
            lasts.sort()
            p99 = lasts[max(0, int(len(lasts) * 0.99) - 1)]
            worst = max(worst, p99)
            # The clients read when they get a core; the node's own clock orders the two exactly.
            print(f"{kind:<9} {statistics.median(lasts):13.1f} {p99:8.1f} {lasts[-1]:8.1f} "
                  f"{statistics.median(acks):10.1f} {max(acks):8.1f}  {in_order} of {len(acks)}", flush=True)
        serve.send_signal(signal.SIGKILL)
        serve.wait()
        self.start_serve()
        held = sum(self.status(k) == 503 for k in self.kills)
        claim(held == len(self.kills), f"after SIGKILL every measure holds, found {held} of {len(self.kills)}")
        claim(self.status(BYSTANDER) == 200, "after SIGKILL the bystander is served")
        print(f"worst p99 {worst:.1f} ms; after SIGKILL and restart {held} of {len(self.kills)} hold")

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(15)
                except subprocess.TimeoutExpired:
                    child.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def claim(holds, what):
    if not holds:
        raise SystemExit(f"does not hold: {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cordon", default=str(ROOT / "build/release/bin/cordon"))
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--kills", type=int, default=3, help="for each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    args.cordon = os.path.abspath(args.cordon)
    run = Run(args)
    try:
        run.run()
    finally:
        run.stop()


if __name__ == "__main__":
    main()
