#!/usr/bin/env python3
"""What policy and evidence cost per request, beside nginx and HAProxy, in one run.

Core 0 carries the gateway under test; core 1 carries the provider simulator and the load (wrk).
Every figure is the median over rounds that visit all gateways in turn, so that a slow minute of
the machine falls on all of them. CPU is user + system time of the gateway's processes divided
by the exchanges it carried. Prints a table and, with --json, the raw figures.

Two loads: as fast as 32 connections go, with the added latency of 4; and, with --paced, 2,000
requests a second against a provider whose first byte takes 20 ms, beside the time that a sync of
the journal's disk takes. Portkey's gateway (npm) takes part where it can be installed."""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
KEY = "cordon-bench-key"
GATEWAY_CORE, LOAD_CORE = "0", "1"

PACED_RATE, PACED_CONNECTIONS, PROVIDER_MS = 2000, 64, 20
NGINX = """worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 16384; }}
http {{ access_log off; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
 uwsgi_temp_path {dir}; scgi_temp_path {dir}; keepalive_requests 1000000;
 upstream sim {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000; }}
 server {{ listen 127.0.0.1:{port} backlog=4096;
  location / {{ proxy_pass http://sim; proxy_http_version 1.1; proxy_set_header Connection "";
   proxy_buffering off; }} }} }}
"""
HAPROXY = """global
 nbthread 1
 maxconn 8192
defaults
 mode http
 timeout connect 5s
 timeout client 60s
 timeout server 60s
 option http-keep-alive
frontend f
 bind 127.0.0.1:{port}
 default_backend b
backend b
 http-reuse always
 server s 127.0.0.1:{upstream}
"""
CORDON = """node: bench
data_dir: {dir}/data
listen: {{gateway: 127.0.0.1:{port}, control: 127.0.0.1:{control}}}
threads: 1
providers:
  - {{name: sim, dialect: openai, base_url: "http://127.0.0.1:{upstream}/v1", key_env: CORDON_BENCH_PROVIDER_KEY}}
routes:
  - name: bench
    targets: [{{provider: sim, model: vendor-small}}]
    rulepacks: [{rulepacks}]
    mode: standard
    durability: {durability}
tenants:
  - {{name: bench, key_sha256: [{key}], routes: ['*']}}
"""
WRK = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.body = [==[{body}]==]
{more}
function done(s, l, r)
  io.write(string.format("RESULT %d %d %d %d %d\\n", s.requests, s.duration,
    s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout,
    l:percentile(50), l:percentile(99)))
end
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"{what} ended with {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{what} did not listen on {port} within {seconds} s")


def cpu_seconds(pid):
    """User and system time of a process and its children that still run."""
    total = 0
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if entry.name == str(pid) or fields[1] == str(pid):
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def body_of(bytes_wanted, stream):
    words = "the customer asked about the delivery of an order that was placed last week and "
    text = (words * (bytes_wanted // len(words) + 1))[: bytes_wanted - 160]
    return json.dumps({"model": "bench", "stream": stream,
                       "messages": [{"role": "system", "content": "You answer politely."},
                                    {"role": "user", "content": text}]})


class Bench:
    def __init__(self, args):
        self.args = args
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-bench-"))
        self.children = []
        self.upstream = free_port()
        self.headers = {}  # by port: what a gateway must be told besides

    def start(self, name, command, core, port, **kwargs):
        log = open(self.dir / f"{name}.log", "wb")
        child = subprocess.Popen(["taskset", "-c", core, *command], stdout=log, stderr=log, **kwargs)
        self.children.append(child)
        wait_port(port, child, name)
        return child

    def start_all(self, first_byte_ms=0, durabilities=("deferred", "before_answer")):
        self.start("sim", [self.args.cordon, "sim", "--port", str(self.upstream),
                           "--behaviour", json.dumps({"first_delay_ms": first_byte_ms})],
                   LOAD_CORE, self.upstream)
        peers = {}
        port = free_port()
        (self.dir / "nginx.conf").write_text(
            NGINX.format(dir=self.dir, port=port, upstream=self.upstream))
        nginx = self.start("nginx", ["nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")],
                           GATEWAY_CORE, port)
        peers["nginx"] = (nginx, port)
        port = free_port()
        (self.dir / "haproxy.cfg").write_text(HAPROXY.format(port=port, upstream=self.upstream))
        haproxy = self.start("haproxy", ["haproxy", "-db", "-f", str(self.dir / "haproxy.cfg")],
                             GATEWAY_CORE, port)
        peers["haproxy"] = (haproxy, port)
        packs = "core-leakage, core-injection"
        peers["cordon, policy off"] = self.start_cordon("cordon, policy off", "", "deferred")
        for durability in durabilities:
            name = "cordon, policy on" if durability == "deferred" else f"cordon, policy + {durability}"
            peers[name] = self.start_cordon(name, packs, durability)
        return peers

    def start_portkey(self, peers):
        """Not in every bench: it needs the npm registry the first time."""
        home = ROOT / "build/peers"
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / "tools/peers" / name, home / name)
        script = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
        if not script.exists() and subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=home).returncode:
            print("portkey could not be installed with npm, and is left out", file=sys.stderr)
            return
        port = free_port()
        child = self.start("portkey", ["node", str(script), "--headless", f"--port={port}"],
                           GATEWAY_CORE, port)
        peers["portkey"] = (child, port)
        self.headers[port] = {"x-portkey-provider": "openai",
                              "x-portkey-custom-host": f"http://127.0.0.1:{self.upstream}/v1"}

    def start_cordon(self, name, rulepacks, durability):
        port, control = free_port(), free_port()
        home = self.dir / hashlib.sha256(name.encode()).hexdigest()[:8]
        home.mkdir()
        (home / "cordon.yaml").write_text(CORDON.format(
            dir=home, port=port, control=control, upstream=self.upstream, rulepacks=rulepacks,
            durability=durability, key=hashlib.sha256(KEY.encode()).hexdigest()))
        child = self.start(home.name, [self.args.cordon, "serve", "--config", str(home / "cordon.yaml")],
                           GATEWAY_CORE, port, env={**os.environ, "CORDON_BENCH_PROVIDER_KEY": "k"})
        return child, port

    def load(self, port, connections, seconds, stream, pause_ms=None):
        script = self.dir / "load.lua"
        more = [f'wrk.headers["{name}"] = "{value}"' for name, value in self.headers.get(port, {}).items()]
        if pause_ms is not None:
            more.append(f"function delay() return math.random(0, {2 * pause_ms}) end")
        script.write_text(WRK.format(key=KEY, body=body_of(self.args.bytes, stream), more="\n".join(more)))
        out = subprocess.run(
            ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
             "--timeout", "10s", "-s", str(script), f"http://127.0.0.1:{port}/v1/chat/completions"],
            capture_output=True, text=True, check=True).stdout
        found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", out)
        requests, micros, errors, p50, p99 = map(int, found.groups())
        return {"rate": requests / (micros / 1e6), "requests": requests, "errors": errors,
                "p50_us": p50, "p99_us": p99}

    def round(self, peers, stream):
        rows = {}
        direct = self.load(self.upstream, 4, self.args.seconds, stream)
        for name, (child, port) in peers.items():
            before = cpu_seconds(child.pid)
            busy = self.load(port, 32, self.args.seconds, stream)
            busy["cpu_us"] = (cpu_seconds(child.pid) - before) * 1e6 / max(busy["requests"], 1)
            calm = self.load(port, 4, self.args.seconds, stream)
            busy["added_p50_us"] = calm["p50_us"] - direct["p50_us"]
            busy["added_p99_us"] = calm["p99_us"] - direct["p99_us"]
            busy["errors"] += calm["errors"]
            rows[name] = busy
        for row in rows.values():
            row["ratio"] = row["cpu_us"] / rows["nginx"]["cpu_us"]
        return rows

    def paced_round(self, peers, stream):
        """Each connection asks, waits for its answer, pauses, and asks again."""
        pause_ms = PACED_CONNECTIONS * 1000 // PACED_RATE - PROVIDER_MS
        rows = {"direct": self.load(self.upstream, PACED_CONNECTIONS, self.args.seconds, stream, pause_ms)}
        for name, (child, port) in peers.items():
            before = cpu_seconds(child.pid)
            row = self.load(port, PACED_CONNECTIONS, self.args.seconds, stream, pause_ms)
            row["cpu_us"] = (cpu_seconds(child.pid) - before) * 1e6 / max(row["requests"], 1)
            for at in ("p50_us", "p99_us"):
                row["added_" + at] = row[at] - rows["direct"][at]
            rows[name] = row
        nginx = rows["nginx"]
        del rows["direct"]
        for row in rows.values():
            for at in ("cpu_us", "added_p50_us", "added_p99_us"):
                row["ratio_" + at] = row[at] / max(nginx[at], 1)
        return rows

    def sync_us(self):
        """The median time of a sync after 512 bytes, in a file that is there already: what a durable
        record waits for at least."""
        path = self.dir / "sync"
        path.write_bytes(bytes(1 << 20))
        times = []
        with open(path, "r+b", buffering=0) as file:
            os.fsync(file.fileno())
            for i in range(200):
                file.seek(i * 512)
                file.write(b"x" * 512)
                begun = time.perf_counter()
                os.fdatasync(file.fileno())
                times.append((time.perf_counter() - begun) * 1e6)
        return statistics.median(times)

    def stop(self):
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        if not self.args.keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def print_paced(peers, rounds, sync):
    print(f"a sync of the disk takes {sync:.0f} us (median of 200)")
    print(f"{'gateway':32} {'req/s':>7} {'CPU us/exchange':>16} {'ratio':>19} "
          f"{'added p50':>10} {'ratio':>6} {'added p99':>10} {'ratio':>6} {'errors':>7}")
    for name in peers:
        def of(key):
            return sorted(r[name][key] for r in rounds)
        ratio = of("ratio_cpu_us")
        print(f"{name:32} {statistics.median(of('rate')):7.0f} {statistics.median(of('cpu_us')):16.1f} "
              f"{statistics.median(ratio):6.2f} [{ratio[0]:.2f}-{ratio[-1]:.2f}] "
              f"{statistics.median(of('added_p50_us')):7.0f} us {statistics.median(of('ratio_added_p50_us')):6.2f} "
              f"{statistics.median(of('added_p99_us')):7.0f} us {statistics.median(of('ratio_added_p99_us')):6.2f} "
              f"{sum(of('errors')):7d}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cordon", default=str(ROOT / "build/release/bin/cordon"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load")
    parser.add_argument("--bytes", type=int, default=2048, help="size of the request body")
    parser.add_argument("--stream", action="store_true", help="streamed answers")
    parser.add_argument("--paced", action="store_true", help="2,000 requests a second, see above")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    args = parser.parse_args()
    bench = Bench(args)
    try:
        if args.paced:
            peers = bench.start_all(PROVIDER_MS, ("deferred", "before_answer", "before_forward"))
            visit = bench.paced_round
        else:
            peers = bench.start_all()
            visit = bench.round
            if not args.stream:
                bench.start_portkey(peers)
        visit(peers, args.stream)  # warms connections, pages and the journal's segments
        sync = bench.sync_us()
        rounds = [visit(peers, args.stream) for _ in range(args.rounds)]
    finally:
        bench.stop()
    if args.paced and not args.json:
        return print_paced(peers, rounds, sync)
    if args.json:
        print(json.dumps(rounds, indent=1))
        return
    print(f"{'gateway':32} {'CPU us/exchange':>22} {'ratio to nginx':>20} {'req/s':>8} "
          f"{'added p50':>10} {'added p99':>10} {'errors':>7}")
    for name in peers:
        def of(key):
            return sorted(r[name][key] for r in rounds)
        cpu, ratio = of("cpu_us"), of("ratio")
        print(f"{name:32} {statistics.median(cpu):8.1f} [{cpu[0]:.1f}-{cpu[-1]:.1f}] "
              f"{statistics.median(ratio):8.2f} [{ratio[0]:.2f}-{ratio[-1]:.2f}] "
              f"{statistics.median(of('rate')):8.0f} {statistics.median(of('added_p50_us')):7.0f} us "
              f"{statistics.median(of('added_p99_us')):7.0f} us {sum(of('errors')):7d}")


if __name__ == "__main__":
    main()
