#!/usr/bin/env python3
"""What a streamed chunk costs, and what an idle stream holds, beside nginx and HAProxy in one run.

Core 0 carries the gateway under test; core 1 carries the provider simulator and this client.
Chunks: so many streams at once, each with a chunk every so many milliseconds; CPU is user + system
time of the gateway over the chunks it carried, and every frame must arrive. Idle: so many streams
that said a little and then nothing; bytes are the growth of the gateway's proportional memory."""
import argparse
import json
import os
import pathlib
import resource
import select
import socket
import statistics
import time

import bench_gateway

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACES = [(200, 25), (1000, 125)]
CHUNK_BYTES = 40
END = b"data: [DONE]"


def request_of(order, key):
    words = "Please tell us about the delivery of the parcel that was sent last week. "
    body = json.dumps({"model": "bench", "stream": True, "messages": [
        {"role": "user", "content": words + "[[sim " + json.dumps(order) + "]]"}]}).encode()
    return (f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n").encode() + body


class Streams:
    """Connections whose answers are read as they come."""

    def __init__(self, port, count, request, spread_s):
        self.poll = select.epoll()
        self.open = {}
        self.frames = self.ended = 0
        begun = time.monotonic()
        for i in range(count):
            self.read_until(begun + spread_s * i / count)
            one = socket.create_connection(("127.0.0.1", port), 10)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.sendall(request)
            one.setblocking(False)
            self.open[one.fileno()] = (one, bytearray())
            self.poll.register(one.fileno(), select.EPOLLIN)

    def read_until(self, when, wanted=lambda: True):
        while wanted() and (left := when - time.monotonic()) > 0:
            for fd, _ in self.poll.poll(min(left, 0.2)):
                self.read(fd)

    def read(self, fd):
        one, tail = self.open[fd]
        piece = one.recv(65536)
        tail += piece
        self.frames += tail.count(b'"content":"') - tail[:-len(piece) or None].count(b'"content":"')
        if END in tail:
            self.ended += 1
            self.poll.unregister(fd)
        elif not piece:
            self.poll.unregister(fd)
        del tail[:-32]

    def close(self):
        for one, _ in self.open.values():
            one.close()
        self.poll.close()


def proportional_bytes(pid):
    pids = [pid] + [int(e.name) for e in pathlib.Path("/proc").iterdir() if e.name.isdigit()
                    and parent_of(e) == pid]
    total = 0
    for one in pids:
        for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def parent_of(entry):
    try:
        return int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def wait_ready(port):
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", port), 5) as probe:
            probe.sendall(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
            if b" 200 " in probe.recv(100):
                return
        time.sleep(0.1)
    raise SystemExit("the gateway did not become ready within 30 s")


def chunks(peers, streams, pace_ms, seconds):
    frames = seconds * 1000 // pace_ms
    # The answer is as long as asked for; a chunk holds so many bytes of it.
    order = {"answer": "All parcels are well. " * (frames * CHUNK_BYTES // 22),
             "chunk_bytes": CHUNK_BYTES, "chunk_delay_ms": pace_ms}
    rows = {}
    for name, (child, port) in peers.items():
        before = bench_gateway.cpu_seconds(child.pid)
        load = Streams(port, streams, request_of(order, bench_gateway.KEY), pace_ms / 1000)
        load.read_until(time.monotonic() + seconds * 3 + 20, lambda: load.ended < streams)
        spent = bench_gateway.cpu_seconds(child.pid) - before
        rows[name] = {"us": spent * 1e6 / max(load.frames, 1), "frames": load.frames,
                      "ended": load.ended}
        load.close()
        time.sleep(0.3)
    # A gateway that holds text back may send it in more frames, never in fewer.
    for row in rows.values():
        row["ratio"] = row["us"] / rows["nginx"]["us"]
        row["missing"] = max(rows["nginx"]["frames"] - row["frames"], 0) + streams - row["ended"]
    return rows


def idle(peers, streams):
    order = {"scenario": "stall", "answer": "One moment. " * 20, "chunk_bytes": 40}
    rows = {}
    for name, (child, port) in peers.items():
        warm = Streams(port, 10, request_of(order, bench_gateway.KEY), 0)
        warm.read_until(time.monotonic() + 1)
        before = proportional_bytes(child.pid)
        load = Streams(port, streams, request_of(order, bench_gateway.KEY), 2)
        load.read_until(time.monotonic() + 15, lambda: load.frames < 3 * streams)
        load.read_until(time.monotonic() + 1)
        rows[name] = {"bytes": (proportional_bytes(child.pid) - before) / streams,
                      "begun": load.frames}
        load.close()
        warm.close()
        time.sleep(1)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cordon", default=str(ROOT / "build/release/bin/cordon"))
    parser.add_argument("--rounds", type=int, default=5, help="0: only the idle streams")
    parser.add_argument("--seconds", type=int, default=4, help="of each stream")
    parser.add_argument("--idle", type=int, default=5000, help="idle streams")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bench = bench_gateway.Bench(args)
    try:
        peers = bench.start_all()
        os.sched_setaffinity(0, {int(bench_gateway.LOAD_CORE)})
        for name, (_, port) in peers.items():
            if name.startswith("cordon"):
                wait_ready(port)
        for streams, pace in PACES if args.rounds > 0 else []:
            rounds = [chunks(peers, streams, pace, args.seconds) for _ in range(args.rounds)]
            print(f"== {streams} streams, a chunk each {pace} ms")
            print(f"{'gateway':32} {'CPU us/chunk':>14} {'ratio to nginx':>20} {'chunks':>8} {'missing':>8}")
            for name in peers:
                ratio = sorted(r[name]["ratio"] for r in rounds)
                print(f"{name:32} {statistics.median(r[name]['us'] for r in rounds):14.1f} "
                      f"{statistics.median(ratio):8.2f} [{ratio[0]:.2f}-{ratio[-1]:.2f}] "
                      f"{rounds[0][name]['frames']:8d} {sum(r[name]['missing'] for r in rounds):8d}",
                      flush=True)
        print(f"== {args.idle} idle streams")
        print(f"{'gateway':32} {'bytes/stream':>14} {'begun':>8}")
        for name, row in idle(peers, args.idle).items():
            print(f"{name:32} {row['bytes']:14.0f} {row['begun']:8d}")
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
